"""The rulebook as readers see it: examples, catalogue, coverage of the survey, all generated from data."""
