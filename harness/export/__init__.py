"""Packages in other forms: other layouts, tables, metadata for archives, and without names of machines and people."""
