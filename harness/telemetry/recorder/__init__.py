"""Writing telemetry files: the sampler process, its schedule and its budget."""
