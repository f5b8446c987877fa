"""Science metrics of the test scenes."""
