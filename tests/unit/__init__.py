"""Unit tests: one module or class at a time, in this process; the folders mirror the tree."""
