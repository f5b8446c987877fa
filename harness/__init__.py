"""The machinery: plan, run, measure, package, check, score, report."""

__version__ = "0.2.0"
