"""Energy by scope, and of whole nodes."""
