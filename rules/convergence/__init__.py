"""CNV: learning that looks like learning, and runs that are independent of each other."""
