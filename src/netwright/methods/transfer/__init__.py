"""Ways to learn on few data from what was learned on many."""
