"""Keywords of the ways to learn and of their output units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from keyword_cases.case import Case
from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.auxiliary_heads import AuxiliaryHeads
from netwright.methods.base import trained
from netwright.methods.capsules import Capsules
from netwright.methods.distillation import Distillation, Teacher
from netwright.methods.grid_search import GridSearch
from netwright.methods.normal_equations import NormalEquations
from netwright.methods.output_units.binary import Binary
from netwright.methods.output_units.bins import Bins
from netwright.methods.output_units.classes import Classes
from netwright.methods.output_units.classes_margin import ClassesMargin
from netwright.methods.output_units.gaussian import Gaussian
from netwright.methods.output_units.multi_label import MultiLabel
from netwright.methods.output_units.multi_label_margin import MultiLabelMargin
from netwright.methods.output_units.quantiles import Quantiles
from netwright.methods.output_units.real import Real
from netwright.methods.output_units.real_huber import RealHuber
from netwright.methods.supervised import Supervised
from netwright.methods.transfer.fine_tuning import FineTuning
from netwright.models.classifiers.capsnet import CapsNet
from netwright.models.classifiers.googlenet import GoogLeNet

PLACES = torch.arange(30)
REALS = PLACES.float() ** 1.5


def unit(make: Any, targets: Tensor, *names: str) -> Any:
    """An output unit, what it makes of some scores, and where it would start."""

    def call(_: object, **keyword: Any) -> Any:
        made = make(names=names, targets=targets, **keyword)
        scores = torch.sin(torch.arange(30.0 * made.width)).reshape(30, made.width) * 3
        return (
            made,
            made.loss(scores, targets),
            made.prior_bias(targets),
            made.predict(scores),
        )

    return call


def closed(make: Any) -> Any:
    """The weights of a line that is solved for."""

    def call(_: object, **keyword: Any) -> Any:
        method = make(nn.Linear(1, 1), Real(names=("y",), targets=REALS), **keyword)
        inputs = torch.linspace(-1, 1, 30)[:, None]
        fit = method.stages()[0].fit
        fit([Batch(inputs=inputs, targets=REALS, index=PLACES)])
        return dict(method.model.state_dict())

    return call


def learns(_: object, **keyword: Any) -> bool:
    """Whether it can learn; without an example it can only answer."""
    method = FineTuning(nn.Linear(2, 2), Classes(names=("a", "b"), targets=None), **keyword)
    try:
        return len(method.stages()) == 1
    except BadValue:
        return False


def tuned(_: object, **keyword: Any) -> Any:
    """How long each stage takes, and the rates of what it moves; without an example, a refusal."""
    layers = [nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2), nn.Linear(2, 2)]
    options = {"example": torch.zeros(1, 2), "unfreeze": 1, **keyword}
    method = FineTuning(nn.Sequential(*layers), Classes(names=("a", "b"), targets=None), **options)
    told = []
    for stage in method.stages():
        stage.begin()
        groups = method.parameter_groups(stage)["main"]
        rates = [group.options.get("lr_scale", 1.0) for group in groups]
        told.append((stage.name, stage.epochs, rates))
    return told


def drawing(_: object, **keyword: Any) -> Any:
    """What a method of capsules costs, from the same weights."""
    torch.manual_seed(0)
    network = CapsNet(3, in_channels=1, image_size=8, kernel_size=3, channels=2, maps=2)
    made = Capsules(network, ClassesMargin(names=("a", "b", "c"), targets=None), **keyword)
    pictures = torch.linspace(0, 1, 30 * 64).reshape(30, 1, 8, 8)
    return made.loss(Batch(inputs=pictures, targets=PLACES % 3, index=PLACES))


def distilled(_: object, **keyword: Any) -> Any:
    """What a pupil costs; without teachers there is nothing to ask, so others are the change."""
    pupil, one, other = nn.Linear(1, 2), nn.Linear(1, 2), nn.Linear(1, 2)
    for place, network in enumerate((pupil, one, other)):
        nn.init.constant_(network.bias, 0.1)
        nn.init.constant_(network.weight[0], 1.0 + place)
        nn.init.constant_(network.weight[1], -0.5)
    unit = Classes(names=("a", "b"), targets=None)
    teachers = [Teacher(method=Supervised(nn.Sequential(one), unit))]
    if "teachers" in keyword:
        teachers.append(Teacher(method=Supervised(other, unit)))
    made = Distillation(nn.Sequential(pupil), unit, **keyword | {"teachers": teachers})
    inputs = torch.linspace(-1, 1, 30)[:, None]
    return made.loss(Batch(inputs=inputs, targets=PLACES % 2, index=PLACES))


def takes_hints(folder: object, **keyword: Any) -> bool:
    """Whether it can, for which it has to see the networks at work."""
    try:
        return bool(distilled(folder, hints={"0": "0"}, **keyword))
    except BadValue:
        return False


MARGINS = {"present": 0.7, "absent": 0.3, "absent_weight": 2.0, "least": 0.01}


def with_heads(_: object, **keyword: Any) -> Any:
    """What a batch costs a network with an auxiliary classifier."""
    network = GoogLeNet(3, image_size=32, auxiliaries=("3a",)).eval()
    method = AuxiliaryHeads(network, Classes(names=("a", "b", "c"), targets=None), **keyword)
    inputs = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
    return method.loss(Batch(inputs, torch.tensor([0, 2]), torch.arange(2)))


CASES = {
    "netwright.methods.transfer.fine_tuning:FineTuning": (
        Case(
            tuned,
            {
                "freeze": 1,
                "layer_decay": 0.5,
                "unfreeze": 0,
                "unfreeze_epochs": 3,
                "head_epochs": 2,
            },
        ),
        Case(learns, {"example": torch.zeros(1, 2)}),
    ),
    "netwright.methods.distillation:Distillation": (
        Case(
            distilled,
            {
                "teachers": "two",
                "temperature": 1.0,
                "label_weight": 0.5,
                "hints": {"0": "0"},
                "hint_weight": 0.0,
            },
        ),
        Case(takes_hints, {"example": torch.zeros(2, 1)}),
    ),
    "netwright.methods.capsules:Capsules": Case(
        drawing, {"reconstruction": 0.0, "decoder": (4,), "restore": lambda inputs: inputs / 2}
    ),
    "netwright.methods.output_units.classes_margin:ClassesMargin": Case(
        unit(ClassesMargin, PLACES % 3, "a", "b", "c"), MARGINS
    ),
    "netwright.methods.output_units.multi_label_margin:MultiLabelMargin": Case(
        unit(MultiLabelMargin, torch.stack([PLACES % 2, PLACES % 3 // 2], 1).float(), "a", "b"),
        MARGINS,
    ),
    "netwright.methods.auxiliary_heads:AuxiliaryHeads": Case(with_heads, {"auxiliary_weight": 1.0}),
    "netwright.methods.grid_search:GridSearch": Case(
        closed(GridSearch), {"low": -0.1, "high": 0.1, "points": 8}
    ),
    "netwright.methods.normal_equations:NormalEquations": Case(
        closed(NormalEquations), {"ridge": 3.0}
    ),
    "netwright.methods.base:trained": Case(
        lambda _, **keyword: trained(nn.Linear(2, 1), **keyword), {"prefix": "head."}
    ),
    "netwright.methods.output_units.binary:Binary": Case(
        unit(Binary, PLACES % 2, "no", "yes"), {"label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.bins:Bins": Case(
        unit(Bins, REALS, "size"), {"num_bins": 5, "label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.classes:Classes": Case(
        unit(Classes, PLACES % 3, "a", "b", "c"), {"label_smoothing": 0.1}
    ),
    "netwright.methods.output_units.multi_label:MultiLabel": Case(
        unit(MultiLabel, torch.stack([PLACES % 2, PLACES % 3 // 2], 1).float(), "a", "b"),
        {"label_smoothing": 0.1},
    ),
    "netwright.methods.output_units.quantiles:Quantiles": Case(
        unit(Quantiles, REALS, "size"), {"quantiles": (0.2, 0.8)}
    ),
    "netwright.methods.output_units.gaussian:Gaussian": Case(
        unit(Gaussian, REALS, "size"), {"beta": 0.5}
    ),
    "netwright.methods.output_units.real_huber:RealHuber": Case(
        unit(RealHuber, REALS, "size"), {"delta": 0.3}
    ),
}
EXEMPT = {
    "netwright.methods.transfer.frozen_features:FrozenFeatures(views)": "read by whoever keeps the "
    "features: tests/workflow/test_kept_features.py",
    "netwright.methods.multi_task.heads:Heads(units)": "tests/methods/multi_task holds that "
    "another unit is taken by name or with its options",
    "netwright.methods.multi_task.multi_task:MultiTask(weighting)": "tests/methods/multi_task "
    "holds what each weighting makes of the losses",
    "netwright.methods.multi_task.fixed:Fixed(weights)": "tests/methods/multi_task holds "
    "the weighted sum in value and gradient",
}
