"""A switch in memory, with virtual callers and phones."""
