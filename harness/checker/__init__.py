"""Reading packages and logs from strangers, applying the rulebook, saying the verdict."""
