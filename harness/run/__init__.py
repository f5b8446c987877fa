"""Running: one run, many runs, progress, and how processes are started (launch/)."""
