"""What harness and implementation say to each other: run spec and MLLOG lines."""
