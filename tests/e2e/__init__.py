"""End-to-end tests: `cloudmask` in a process of its own, from a recipe to a checked package and its report."""
