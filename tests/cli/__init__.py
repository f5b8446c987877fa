"""Command-line tests: one verb at a time, mostly in this process, with exit codes and output."""
