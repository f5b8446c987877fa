"""Unit tests of what the tests share."""
