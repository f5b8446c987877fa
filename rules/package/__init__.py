"""PKG: an entry is complete, and its files are where they belong."""
