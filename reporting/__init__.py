"""Call records and figures, folded from the journal."""
