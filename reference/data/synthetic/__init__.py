"""Synthetic scenes in the format of the benchmark, determined by a seed, to run without its 180 GB of data."""

from reference.data.synthetic.writer import (
    is_complete,
    planned_files,
    synthesize,
    synthesize_command,
)

__all__ = ["is_complete", "planned_files", "synthesize", "synthesize_command"]
