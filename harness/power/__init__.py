"""Power files of whole nodes: written from telemetry, or imported from a meter's log."""
