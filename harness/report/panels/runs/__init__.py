"""The runs and their spread."""
