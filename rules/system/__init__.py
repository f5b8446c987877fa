"""SYS: the machine is described, and it is the one that ran."""
