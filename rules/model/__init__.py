"""What a rule can see and say: findings, log, run, package, layout of a package."""
