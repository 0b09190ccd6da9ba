"""What is built: pure networks that have never heard of targets or losses."""

from netwright.models.catalogue import create, describe, names, search

__all__ = ["create", "describe", "names", "search"]
