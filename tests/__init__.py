"""Tests, by level: unit, rules, cli, e2e, browser, fuzz, net and bench; slurm and support serve them."""
