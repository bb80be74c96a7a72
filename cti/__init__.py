"""The CTI server: one call model over every switch."""
