"""Optimisers by name: torch's where it has them, ours where it does not."""
