"""Commands that reproduce the result."""
