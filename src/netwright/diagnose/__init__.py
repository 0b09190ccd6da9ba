"""What is wrong with a run, on what evidence."""

from netwright.diagnose.doctor import Doctor, examine
from netwright.diagnose.symptoms.not_learning import Floor

__all__ = ["Doctor", "Floor", "examine"]
