"""Synthetic scenes in the benchmark's schema, deterministic from a seed: to run without 180 GB of data."""

from reference.data.synthetic.writer import VERSION, is_complete, planned_files, synthesize

__all__ = ["VERSION", "is_complete", "planned_files", "synthesize"]
