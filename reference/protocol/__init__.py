"""The contract between the harness and an implementation: run spec, MLLOG lines, data set description.

Everything in this package needs the Python standard library and `mlperf_logging.mllog` only, so that an
implementation in any framework can use it.
"""
