"""What is to run, decided before anything starts: recipe, data set, machine, source; resolved once."""
