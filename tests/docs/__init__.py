"""The documents under docs/ that are generated: who makes them, and whether they are in step."""
