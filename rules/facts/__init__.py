"""What follows from a run or a package, computed once and used by rules, score and report."""
