"""EVD: the run as the harness saw it, against what the log says."""
