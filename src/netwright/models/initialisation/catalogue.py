"""Every way to start weights, by name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, unknown

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CATALOGUE", "initialise"]

_HERE = "netwright.models.initialisation"
_GLOROT = (
    "Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010, "
    "https://proceedings.mlr.press/v9/glorot10a.html"
)
_HE = "Delving Deep into Rectifiers, 2015, https://arxiv.org/abs/1502.01852"


def _entry(name: str, place: str, summary: str, *, paper: str = "") -> Entry:
    return Entry(name=name, target=f"{_HERE}.{place}", summary=summary, paper=paper)


CATALOGUE = Catalogue(
    "initialisation",
    (
        _entry("zeros", "zeros:zeros", "all weights 0; nothing is learned behind a second layer"),
        _entry("constant", "constant:constant", "all weights alike; they stay alike"),
        _entry("normal", "normal:normal", "plain random: N(0, deviation²) whatever the width"),
        _entry(
            "lecun-normal",
            "lecun_normal:lecun_normal",
            "N(0, 1/n): keeps the signal of linear units",
            paper="Efficient BackProp, 1998, https://doi.org/10.1007/3-540-49430-8_2",
        ),
        _entry(
            "heuristic-uniform",
            "heuristic_uniform:heuristic_uniform",
            "U(±1/√n), the old heuristic: a third of the signal a layer",
            paper=_GLOROT,
        ),
        _entry(
            "xavier-uniform",
            "xavier:xavier_uniform",
            "Xavier (Glorot): U(±√(6/(n + m))), for tanh",
            paper=_GLOROT,
        ),
        _entry(
            "xavier-normal",
            "xavier:xavier_normal",
            "Xavier (Glorot): N(0, 2/(n + m)), for tanh",
            paper=_GLOROT,
        ),
        _entry(
            "kaiming-normal",
            "kaiming:kaiming_normal",
            "Kaiming (He, MSRA): N(0, 2/n), for ReLU; any activation's gain",
            paper=_HE,
        ),
        _entry(
            "kaiming-uniform",
            "kaiming:kaiming_uniform",
            "Kaiming (He, MSRA): U(±√(6/n)), for ReLU; any activation's gain",
            paper=_HE,
        ),
        _entry(
            "orthogonal",
            "orthogonal:orthogonal",
            "orthogonal rows of length `gain`",
            paper="Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural "
            "Networks, 2013, https://arxiv.org/abs/1312.6120",
        ),
        _entry(
            "lsuv",
            "lsuv:lsuv",
            "orthogonal, then each layer scaled to unit variance on a batch",
            paper="All You Need Is a Good Init, 2015, https://arxiv.org/abs/1511.06422",
        ),
        _entry(
            "zero-residual",
            "zero_residual:zero_residual",
            "what ends each residual branch at 0: blocks begin as their shortcut",
            paper="Accurate, Large Minibatch SGD, 2017, https://arxiv.org/abs/1706.02677",
        ),
        _entry(
            "output-bias",
            "output_bias:output_bias",
            "the last bias at the log prior: the first loss is the prior's entropy",
            paper="Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002",
        ),
    ),
)


def initialise(model: nn.Module, name: str, **options: Any) -> tuple[str, ...]:
    """Start the weights of a model anew, in place.

    Only what the law is about is written: see its own page. Draws depend on `seed` and on the names
    of the parameters, not on the device.

    Args:
        model: any module.
        name: of the catalogue (`kaiming-normal`), or `file.py:function`.
        options: of the law: `seed`, `gain`, `activation`, `fan`, `deviation`, `value`; `inputs` (a
            batch) for lsuv, zero-residual and output-bias, `scores` for the last.

    Returns:
        The names of the parameters that were written.

    Raises:
        BadValue: no such law, no such option of it, or a model it can't be put on.

    Example:
        >>> from torch import nn
        >>> initialise(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), "orthogonal", gain=2**0.5)
        ('0.weight', '0.bias')
    """
    law: Any = CATALOGUE.load(name)
    taken = [one for one in inspect.signature(law).parameters if one != "model"]
    for option in options:
        if option not in taken:
            raise unknown(f"option of {name}", option, taken)
    for given in ("inputs", "scores"):
        if given in taken and given not in options:
            raise must_be(given, f"given for {name}", None, "See its page.")
    written: tuple[str, ...] = law(model, **options)
    return written
