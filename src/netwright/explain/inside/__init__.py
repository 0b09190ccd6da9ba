"""A model looked into: what it gave where, and what its scores owe to it, with nothing changed."""
