"""Ways to read a data set."""
