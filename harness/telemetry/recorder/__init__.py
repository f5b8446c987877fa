"""Writing telemetry files: the sampler process, its threads, the file."""
