"""The pure routing engine."""
