"""What is built: pure networks that have never heard of targets or losses."""

from netwright.models.catalogue import create, describe, names, search
from netwright.models.initialisation.catalogue import initialise

__all__ = ["create", "describe", "initialise", "names", "search"]
