"""PWR: power of whole nodes, where it was measured."""
