"""Fuzz tests: damaged and random files for everything that reads a package (see profile.py)."""
