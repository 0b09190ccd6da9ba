"""Watchers of a run; they change nothing."""
