"""Several runs, or several moments of one, that answer together."""
