"""Optimisers that torch does not keep."""
