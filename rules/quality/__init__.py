"""QUA: the run learned, and the number that says so is the one that counts."""
