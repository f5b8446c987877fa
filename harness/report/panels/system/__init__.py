"""The system, declared and detected, with its data set and software."""
