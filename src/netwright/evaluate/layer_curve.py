"""How far each layer of a trained network serves other data: a curve by depth."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netwright._errors import must_be
from netwright._random import generator
from netwright._statistics import exact_share
from netwright.models.depth import DepthBlock, depth_blocks
from netwright.models.depth_features import features_by_depth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerCurve", "LayerShare", "Rows", "layer_curve"]

Rows = Mapping[str, tuple[Iterable[Tensor], Tensor]]
"""Split → batches of inputs as the network takes them, read once, and all their classes (n,)."""

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # of which the validation part chooses one for each layer
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class LayerShare:
    """How many test examples a linear classifier on one layer's features gets right.

    Attributes:
        after: name of the block whose output it is; "input" for the inputs themselves.
        width: numbers an example.
        trained: share with the trained weights, with a 95 % interval.
        untrained: share with weights that learned nothing, likewise.
        gain: trained less untrained, with a paired 95 % interval.
    """

    after: str
    width: int
    trained: tuple[float, float, float]
    untrained: tuple[float, float, float]
    gain: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class LayerCurve:
    """Shares by depth, as a table (`print`), as data (`to_json`) and as a picture (`draw`).

    Attributes:
        layers: from the input to what the head is given.
        majority: share of the most frequent class of the training split in the test split.
        n_train: examples learned from.
        n_test: examples judged on.
    """

    layers: tuple[LayerShare, ...]
    majority: float
    n_train: int
    n_test: int

    @property
    def best(self) -> LayerShare:
        """The layer that serves best."""
        return max(self.layers, key=lambda layer: layer.trained[0])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("after", "width", "trained", "untrained", "gain")]
        for one in self.layers:
            figures = (_said(one.trained), _said(one.untrained), _said(one.gain, signed=True))
            rows.append((one.after, str(one.width), *figures))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                text.ljust(width) if column == 0 else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join(
            (
                *lines,
                f"right answers of {self.n_test} in %, 95 % intervals; learned from "
                f"{self.n_train}; the majority class has {100 * self.majority:.1f}",
                f"best after {self.best.after}",
            )
        )

    def draw(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Both curves over depth, with their intervals.

        Args:
            path: a file to write (`.png`, `.svg`, `.pdf`); None only gives the figure.
        """
        from netwright.evaluate.layer_curve_drawing import drawn

        figure = drawn(self)
        if path is not None:
            figure.savefig(path)
        return figure


def layer_curve(trained: nn.Module, untrained: nn.Module, *, rows: Rows) -> LayerCurve:
    """A linear classifier on what each depth of a network gives, trained against untrained.

    When to use it: before transfer, to see which layers hold what the new task needs. Where the
    curve falls towards the head, freeze less or cut the network earlier; where trained weights gain
    nothing over untrained ones, they have nothing to give. It is an answer for frozen layers:
    fine-tuning can make more of them.

    Paper: Understanding intermediate layers using linear classifier probes, Alain and Bengio 2016,
        https://arxiv.org/abs/1610.01644
    Differs: ridge-penalised logistic regression on standardised features, pooled to about 512
        numbers, in place of descent on all of them.

    Args:
        trained: the network.
        untrained: the same one with other weights.
        rows: "train", "val" (by which each layer's penalty is chosen) and "test".

    Raises:
        BadValue: networks of other blocks.
    """
    truth = {split: targets for split, (_, targets) in rows.items()}
    features = {
        split: _features((trained, untrained), inputs) for split, (inputs, _) in rows.items()
    }
    widths = {name: values.shape[1] for name, values in features["train"][0].items()}
    if widths.keys() != features["train"][1].keys():
        raise must_be("untrained", "the same network with other weights", type(untrained).__name__)
    right = [
        {
            name: _right({split: of[which][name] for split, of in features.items()}, truth)
            for name in widths
        }
        for which in range(2)
    ]
    return LayerCurve(
        layers=tuple(
            LayerShare(
                after=name,
                width=widths[name],
                trained=_share(right[0][name]),
                untrained=_share(right[1][name]),
                gain=_gain(right[0][name] - right[1][name]),
            )
            for name in widths
        ),
        majority=float((truth["test"] == truth["train"].mode().values).double().mean()),
        n_train=len(truth["train"]),
        n_test=len(truth["test"]),
    )


def _features(networks: Sequence[nn.Module], batches: Iterable[Tensor]) -> list[dict[str, Tensor]]:
    """Those of each network, from one reading of the inputs."""
    found: list[dict[str, list[Tensor]]] = [{} for _ in networks]
    blocks: list[Sequence[DepthBlock]] = []
    for batch in batches:
        if not blocks:
            blocks = [depth_blocks(network, batch[:1]) for network in networks]
        for network, cut, parts in zip(networks, blocks, found, strict=True):
            if len(cut) < 2:
                raise must_be("network", "of more than one block", type(network).__name__)
            for name, values in features_by_depth(network, batch, blocks=cut).items():
                parts.setdefault(name, []).append(values)
    return [{name: torch.cat(values) for name, values in parts.items()} for parts in found]


def _right(features: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> Float[Tensor, " n"]:
    """Whether each test example is answered rightly, by the penalty that suits the validation."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features["train"].numpy())
    scaled = {split: scaler.transform(rows.numpy()) for split, rows in features.items()}
    classes = {split: targets.numpy() for split, targets in truth.items()}
    best, answers = float("inf"), classes["test"]
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # near enough is as good here
            model.fit(scaled["train"], classes["train"])
        known = [one in model.classes_ for one in classes["val"]]
        probabilities = model.predict_proba(scaled["val"][known])
        loss = log_loss(classes["val"][known], probabilities, labels=model.classes_)
        if loss < best:
            best, answers = loss, model.predict(scaled["test"])
    return (torch.from_numpy(answers) == truth["test"]).double()


def _share(right: Float[Tensor, " n"]) -> tuple[float, float, float]:
    interval = exact_share(float(right.sum()), len(right))
    return float(right.mean()), interval.low, interval.high


def _gain(difference: Float[Tensor, " n"]) -> tuple[float, float, float]:
    """The mean with a percentile bootstrap over the examples, which both networks answered."""
    draw = generator(0, "gain")
    drawn: Int[Tensor, "r n"] = torch.randint(
        len(difference), (RESAMPLES, len(difference)), generator=draw
    )
    means = difference[drawn].mean(dim=1).quantile(torch.tensor([0.025, 0.975]).double())
    return float(difference.mean()), float(means[0]), float(means[1])


def _said(figure: tuple[float, float, float], *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    value, low, high = (format(100 * one, f"{sign}.1f") for one in figure)
    return f"{value} [{low}, {high}]"
