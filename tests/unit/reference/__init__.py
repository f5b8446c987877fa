"""Unit tests of reference/."""
