"""Benchmarks: speed as ratios measured in one run. They run with `make bench` only."""
