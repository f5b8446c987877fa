"""The witness: a chain over what happens in the runs, stamped by an outside clock (RFC 3161) while it happens."""
