"""Sampling the machine while a run is on: sources, sampler process, files, summaries."""
