"""Networks of ours that give one vector of scores an input."""
