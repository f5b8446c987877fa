"""Experiments: many trials of one recipe with other settings, each a run under the harness with its evidence."""
