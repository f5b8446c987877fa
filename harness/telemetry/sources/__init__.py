"""What can be sampled: one file per kind of source, a common base, and a registry that finds them."""
