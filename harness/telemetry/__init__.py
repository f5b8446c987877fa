"""Sampling the machine while a run is on: sources, sampler process, files, summaries."""

from harness.telemetry.recorder.client import Sampler

__all__ = ["Sampler"]
