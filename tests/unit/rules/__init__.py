"""Unit tests of rules/: what rules stand on. The rules themselves are tested in tests/rules."""
