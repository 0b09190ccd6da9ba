"""Where the time of a step goes, and what a run keeps in memory."""

from netwright.workflow.timing.measure import time_step
from netwright.workflow.timing.result import Timing

__all__ = ["Timing", "time_step"]
