"""What makes the result official, or keeps it from being so."""
