"""What stands behind each claim of the result."""
