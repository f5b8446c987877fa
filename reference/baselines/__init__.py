"""Simple methods beside which a result is shown: fitted in seconds on the training scenes, in NumPy alone."""
