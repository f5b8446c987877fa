"""TIM: what is timed, and whether a clock could have shown it."""
