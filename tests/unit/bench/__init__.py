"""Unit tests of what the benchmarks share."""
