"""Running a plan: one run, many runs, throughput, progress, and how processes are started (launch/)."""
