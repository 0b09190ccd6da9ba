"""Checks of the data themselves."""
