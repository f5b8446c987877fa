"""Signed statements: an in-toto statement over manifest and verdict of a package, in a DSSE envelope."""
