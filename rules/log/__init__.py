"""LOG: the result log is well-formed, complete and in order."""
