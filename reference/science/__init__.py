"""What the trained model does on the test scenes: metrics, results, pictures."""
