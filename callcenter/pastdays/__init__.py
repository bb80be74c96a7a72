"""Real days out of the journal, run again: to the same decisions, or under other circumstances."""
