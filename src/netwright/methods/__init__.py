"""How it learns: one technique a file."""
