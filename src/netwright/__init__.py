"""Netwright builds, trains, diagnoses, mends and explains neural networks."""

__version__ = "0.1.0"
