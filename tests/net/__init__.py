"""The safety net of refactorings: verdicts of many packages as they were recorded (see verdicts.py)."""
