"""Every output unit by name; the name of a kind of target is its default unit."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, unknown

if TYPE_CHECKING:
    from torch import Tensor

    from netwright.methods.output_units.base import OutputUnit

__all__ = ["CATALOGUE", "create"]

_HERE = "netwright.methods.output_units"


def _entry(name: str, place: str, *, target: str, summary: str) -> Entry:
    return Entry(name=name, target=f"{_HERE}.{place}", summary=summary, facts={"target": target})


CATALOGUE = Catalogue(
    "output unit",
    (
        _entry(
            "binary", "binary:Binary", target="binary", summary="sigmoid + binary cross-entropy"
        ),
        _entry("binary-hinge", "binary_hinge:BinaryHinge", target="binary", summary="hinge loss"),
        _entry(
            "binary-perceptron",
            "binary_perceptron:BinaryPerceptron",
            target="binary",
            summary="Rosenblatt's rule: only mistakes are learned from",
        ),
        _entry("classes", "classes:Classes", target="classes", summary="softmax + cross-entropy"),
        _entry(
            "classes-hinge",
            "classes_hinge:ClassesHinge",
            target="classes",
            summary="multi-class hinge loss",
        ),
        _entry(
            "classes-margin",
            "classes_margin:ClassesMargin",
            target="classes",
            summary="margin loss of the lengths of capsules",
        ),
        _entry(
            "multi-label-margin",
            "multi_label_margin:MultiLabelMargin",
            target="multi-label",
            summary="margin loss of the lengths of capsules, each label for itself",
        ),
        _entry(
            "classes-perceptron",
            "classes_perceptron:ClassesPerceptron",
            target="classes",
            summary="Rosenblatt's rule for each class against the others",
        ),
        _entry(
            "multi-label",
            "multi_label:MultiLabel",
            target="multi-label",
            summary="a sigmoid a label + binary cross-entropy",
        ),
        _entry(
            "ordinal",
            "ordinal:Ordinal",
            target="ordinal",
            summary="one score, ordered thresholds: proportional odds",
        ),
        _entry("counts", "counts:Counts", target="counts", summary="log-rate + Poisson likelihood"),
        _entry("real", "real:Real", target="real", summary="linear + squared error"),
        _entry(
            "real-absolute",
            "real_absolute:RealAbsolute",
            target="real",
            summary="linear + absolute error: the median",
        ),
        _entry(
            "real-huber",
            "real_huber:RealHuber",
            target="real",
            summary="linear + Huber's loss: deaf to wild targets",
        ),
        _entry(
            "gaussian",
            "gaussian:Gaussian",
            target="real",
            summary="mean and variance of a normal law: numbers with a standard deviation",
        ),
        _entry(
            "gaussian-shared",
            "gaussian:GaussianShared",
            target="real",
            summary="mean of a normal law with one learned variance",
        ),
        _entry(
            "quantiles",
            "quantiles:Quantiles",
            target="quantiles",
            summary="linear + pinball loss: an interval",
        ),
        _entry(
            "bins",
            "bins:Bins",
            target="bins",
            summary="softmax over bins, back by expectation",
        ),
    ),
)


def create(
    unit: str, *, names: tuple[str, ...], targets: Tensor | None, **options: Any
) -> OutputUnit:
    """The output unit of that name.

    Args:
        unit: a name of the catalogue, or `file.py:Name`.
        names: of classes, labels or target columns.
        targets: those of the training split; None where a `state_dict` is going to be loaded.
        options: of the unit (`label_smoothing`, `quantiles`, `num_bins`, `delta`, `beta`).

    Raises:
        BadValue: no such unit, or no such option of it.

    Example:
        >>> create("classes", names=("cat", "dog", "owl"), targets=None).width
        3
    """
    from netwright.methods.output_units.base import OutputUnit

    made: Any = CATALOGUE.load(unit)
    if not (isinstance(made, type) and OutputUnit in made.__mro__):
        raise must_be("unit", "a class derived from OutputUnit", unit)
    taken = [name for name in inspect.signature(made).parameters if name not in _GIVEN]
    for name in options:
        if name not in taken:
            raise unknown(f"option of {unit}", name, taken)
    built: OutputUnit = made(names=tuple(names), targets=targets, **options)
    return built


_GIVEN = ("names", "targets")
