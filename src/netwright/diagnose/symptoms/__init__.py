"""Checks while a run goes on."""
