"""Test scenes in pictures."""
