"""What is wrong with a run, on what evidence."""

from netwright.diagnose.doctor import Doctor, examine

__all__ = ["Doctor", "examine"]
