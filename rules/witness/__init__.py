"""WIT: what an outside clock saw of the runs, and who signed the package."""
