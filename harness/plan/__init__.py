"""What would run, before anything starts: recipe, data sets, plan, preparation."""
