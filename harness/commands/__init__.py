"""Commands of `cloudmask`: one module per verb."""
