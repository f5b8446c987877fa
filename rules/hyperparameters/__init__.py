"""HYP: how the model was trained."""
