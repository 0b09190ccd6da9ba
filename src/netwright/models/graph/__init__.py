"""What any model computes: its operations, sizes, costs and receptive fields, and a drawing."""

from netwright.models.graph.description import Description, describe
from netwright.models.graph.effective import EffectiveField, effective_receptive_field
from netwright.models.graph.receptive_field import ReceptiveField

__all__ = [
    "Description",
    "EffectiveField",
    "ReceptiveField",
    "describe",
    "effective_receptive_field",
]
