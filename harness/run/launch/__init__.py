"""How the processes of a run are started, and on which nodes: here, under Slurm, or under LSF.

Launchers are registered in registry.py. This file stays empty: workers import the package too.
"""
