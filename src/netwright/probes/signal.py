"""How a signal and its gradient pass a network that has not learned yet."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright._errors import BadType
from netwright.probes.base import Probe, tensors_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerSignal", "Signal", "signal_propagation"]


@dataclass(frozen=True, kw_only=True)
class LayerSignal:
    """What one layer gives for a batch.

    Attributes:
        depth: place in the order of the pass, from 1.
        place: path of the module; a second call of it has its number behind.
        kind: of module.
        shape: of what it gives an example.
        mean: over all it gives.
        variance: likewise.
        gradient_norm: of the loss with respect to all it gives; NaN where none arrives.
    """

    depth: int
    place: str
    kind: str
    shape: tuple[int, ...]
    mean: float
    variance: float
    gradient_norm: float


@dataclass(frozen=True)
class Signal:
    """A signal by depth, as a table (`print`), as data (`to_json`) and as a picture (`draw`).

    Attributes:
        layers: in the order of the pass.
    """

    layers: tuple[LayerSignal, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """One mapping a layer."""
        return [asdict(layer) for layer in self.layers]

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [
            ("depth", "layer", "kind", "shape", "mean", "variance", "gradient norm")
        ]
        for one in self.layers:
            numbers = (f"{value:.3g}" for value in (one.mean, one.variance, one.gradient_norm))
            shape = "×".join(map(str, one.shape)) or "1"
            rows.append((str(one.depth), one.place, one.kind, shape, *numbers))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
        return "\n".join((*lines, *self._ends()))

    def draw(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Mean, variance and gradient norm over depth.

        Args:
            path: a file to write (`.png`, `.svg`, `.pdf`); None only gives the figure.
        """
        from netwright.probes.signal_drawing import drawn

        figure = drawn(self)
        if path is not None:
            figure.savefig(path)
        return figure

    def _ends(self) -> list[str]:
        """How much of the signal reaches the end, and of its gradient the beginning."""
        if len(self.layers) < 2:
            return []
        first, last = self.layers[0], self.layers[-1]
        forward = _ratio(last.variance, first.variance)
        backward = _ratio(first.gradient_norm, last.gradient_norm)
        return [
            f"variance of the last layer over the first's: {forward}",
            f"gradient norm of the first layer over the last's: {backward}",
        ]


def signal_propagation(
    model: nn.Module, batch: Any, *, loss: Callable[[Any], Tensor] | None = None
) -> Signal:
    """Send a batch through a fresh network and a gradient back, and measure both at every layer.

    Use it before training: a variance or a gradient that falls or grows by the same factor layer
    after layer is the fault of the initialisation or the activation, not of the learning rate.
    Layers are the modules without children, in training mode, as the first step meets them.

    All of it is done on a copy, with the random state put back afterwards: the model, its gradients
    and the averages of its norms stay as they were, also when something fails.

    Paper: Understanding the Difficulty of Training Deep Feedforward Neural Networks, 2010,
        https://proceedings.mlr.press/v9/glorot10a.html

    Args:
        model: any module.
        batch: inputs as the model takes them; a tuple or list are its arguments, a mapping its
            keyword arguments. A few hundred examples give two digits.
        loss: from what the model gives to a scalar. None takes a gradient at the output that is
            random: standard normal, over the number of examples.

    Example:
        >>> signal = signal_propagation(nn.Sequential(nn.Linear(3, 4), nn.Tanh()), torch.ones(2, 3))
        >>> [layer.kind for layer in signal.layers]
        ['Linear', 'Tanh']
    """
    with _random.isolated(0), torch.enable_grad():
        patient = copy.deepcopy(model).train().requires_grad_()
        patient.zero_grad(set_to_none=True)
        with _Passing(patient) as passing:
            passing.at(0)
            answer = _called(patient, _asking(batch))
            (_noise if loss is None else loss)(answer).backward()  # type: ignore[no-untyped-call]
            return passing.signal()


class _Passing(Probe):
    """Keeps every call of every layer, in order."""

    def attach(self) -> None:
        """Hook every module without children."""
        self._calls: dict[str, int] = {}
        self._about: dict[str, tuple[str, tuple[int, ...]]] = {}
        for place, module in self.module.named_modules():
            if not any(True for _ in module.children()):
                self.hook(place or "model", module, look=self._looker(type(module).__name__))

    def signal(self) -> Signal:
        """All that was seen."""
        rows = self.read()
        return Signal(
            tuple(
                LayerSignal(
                    depth=depth,
                    place=place,
                    kind=self._about[place][0],
                    shape=self._about[place][1],
                    mean=row["mean"],
                    variance=row["variance"],
                    gradient_norm=row.get("gradient_norm", math.nan),
                )
                for depth, (place, row) in enumerate(rows.items(), start=1)
            )
        )

    def _looker(self, kind: str) -> Callable[[str, Tensor], None]:
        def look(place: str, output: Tensor) -> None:
            self._calls[place] = calls = self._calls.get(place, 0) + 1
            name = place if calls == 1 else f"{place} ({calls})"
            self._about[name] = kind, tuple(output.shape[1:])
            wide = output.detach().float()
            self.note(name, {"mean": wide.mean(), "variance": wide.var(correction=0)})
            if output.requires_grad:
                output.register_hook(lambda gradient: self._arrives(name, gradient))  # type: ignore[no-untyped-call]

        return look

    def _arrives(self, name: str, gradient: Tensor) -> None:
        norm = torch.linalg.vector_norm(gradient.detach().float())
        self.note(name, {"gradient_norm": norm})


def _called(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, (tuple, list)) else model(batch)


def _asking(batch: Any) -> Any:
    """The inputs as leaves of their own: layers without weights before the first have gradients."""
    if isinstance(batch, Tensor):
        return batch.detach().requires_grad_() if batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {key: _asking(value) for key, value in batch.items()}
    return tuple(map(_asking, batch)) if isinstance(batch, (tuple, list)) else batch


def _noise(answer: Any) -> Tensor:
    found = [one for _, one in tensors_in(answer, "") if one.requires_grad]
    if not found:
        raise BadType(
            f"model must be one that gives tensors of numbers, got {type(answer).__name__}. "
            "Give a loss that makes a scalar of it."
        )
    draws = [torch.randn(one.shape).to(one) for one in found]
    return torch.stack(
        [(one * draw).sum() / len(one) for one, draw in zip(found, draws, strict=True)]
    ).sum()


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    left = {1, 2}
    return [
        text.ljust(width) if column in left else text.rjust(width)
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _ratio(value: float, other: float) -> str:
    return f"{value / other:.3g}" if other else "not defined, of 0"
