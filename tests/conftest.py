"""Shared by all tests. This folder being a package puts the repository root on the import path."""
