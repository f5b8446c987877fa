"""What the machine did during one run."""
