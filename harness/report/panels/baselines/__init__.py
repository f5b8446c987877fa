"""The result beside simple methods."""
