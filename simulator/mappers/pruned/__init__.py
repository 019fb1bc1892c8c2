"""Goes through a mapspace, leaving out whatever cannot be better than what is known."""
