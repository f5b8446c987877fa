"""Is that fast? The rate of training beside that of named machines."""
