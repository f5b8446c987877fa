"""Unit tests of harness/."""
