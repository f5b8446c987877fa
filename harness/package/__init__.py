"""Packages on disk: where they lie, and their manifest."""
