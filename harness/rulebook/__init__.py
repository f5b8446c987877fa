"""The rulebook as readers see it: examples, catalogue, coverage of the sources, all generated from data."""
