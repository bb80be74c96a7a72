"""Customer records and the screen pop."""
