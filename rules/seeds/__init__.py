"""SED: every run starts from its own random seed."""
