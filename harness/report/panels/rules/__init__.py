"""Every rule and its outcome."""
