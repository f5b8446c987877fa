"""The score of an entry, and the recording of reference convergence points."""
