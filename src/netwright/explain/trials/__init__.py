"""How far to trust a map: each trial in a file, and the judge who holds all of them."""
