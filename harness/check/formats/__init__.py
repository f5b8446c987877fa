"""Forms in which a verdict is given: text, JSON, JUnit, SARIF, GitHub annotations."""
