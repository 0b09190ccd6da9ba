"""How the numbers of every parameter, of its gradient and of every layer's output are spread."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from netwright.probes.base import Probe, Reading
from netwright.probes.histogram import Bins, Histogram, Tally, read_tallies, tally
from netwright.probes.schedule import When

__all__ = ["Distributions", "tallied_gradients", "tallied_parameters", "unit_axis"]

_CHANNELS_SECOND = (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase)


class Distributions(Probe):
    """Histograms of weights, gradients and activations.

    `read` gives mean, deviation and shares of each parameter, its gradient and each layer's output.
    The histograms are then in `found`, under weights/NAME, gradients/NAME and activations/PATH.
    Layers are the modules without children; one called several times in a step shows its last call.

    Args:
        module: what is watched.
        when: on which steps it looks.
        bins: see `probes.histogram.Bins`.
    """

    def __init__(self, module: nn.Module, *, when: When | None = None, bins: Bins = 64) -> None:
        super().__init__(module, when=when)
        self.found: dict[str, Histogram] = {}
        self._bins = bins
        self._tallies: dict[str, Tally] = {}

    def attach(self) -> None:
        """Hook every module without children."""
        for place, module in self.module.named_modules():
            if not any(True for _ in module.children()):
                self.hook(place or "model", module, look=partial(self._look, module))

    def at(self, step: int) -> None:
        """Say which step comes."""
        super().at(step)
        self._tallies.clear()

    def finish(self) -> None:
        """Count every parameter, and the gradient that the step has left in it."""
        if self.active:
            self._tallies |= tallied_parameters(self.module, bins=self._bins)
            gradients = {
                name: parameter.grad
                for name, parameter in self.module.named_parameters()
                if parameter.grad is not None
            }
            self._tallies |= tallied_gradients(gradients, bins=self._bins)

    def read(self) -> Reading:
        """See `Probe.read`; the histograms are in `found` afterwards."""
        self.finish()
        self.found = read_tallies(self._tallies)
        self._tallies.clear()
        self._seen += bool(self.found)
        rows: dict[str, dict[str, float]] = {}
        for name, one in self.found.items():
            kind, _, place = name.partition("/")
            rows.setdefault(place, {}).update(_statistics(one, gradient=kind == "gradients"))
        return rows

    def _look(self, module: nn.Module, place: str, output: Tensor) -> None:
        axis = unit_axis(module, output)
        self._tallies[f"activations/{place}"] = tally(output, bins=self._bins, unit_axis=axis)


def tallied_parameters(module: nn.Module, *, bins: Bins) -> dict[str, Tally]:
    """weights/NAME → every parameter of real numbers."""
    return {
        f"weights/{name}": tally(parameter, bins=bins, unit_axis=0)
        for name, parameter in module.named_parameters()
        if _countable(parameter)
    }


def tallied_gradients(gradients: Mapping[str, Tensor], *, bins: Bins) -> dict[str, Tally]:
    """gradients/NAME → every gradient of real numbers, by the parameter's name."""
    return {
        f"gradients/{name}": tally(gradient, bins=bins, unit_axis=0)
        for name, gradient in gradients.items()
        if _countable(gradient)
    }


def unit_axis(module: nn.Module, output: Tensor) -> int | None:
    """The axis of a module's output that counts its units; None where that can't be known.

    The second of (n, units) and of maps, the last of what layers over tokens give. Of an output of
    three dimensions only the kind of layer tells.
    """
    if isinstance(module, _CHANNELS_LAST):
        return output.ndim - 1 if output.ndim else None
    if output.ndim == 3 and not isinstance(module, _CHANNELS_SECOND):
        return None
    return 1 if output.ndim >= 2 else None


def _countable(values: Tensor) -> bool:
    return values.is_floating_point() and values.layout == torch.strided and values.numel() > 0


def _statistics(one: Histogram, *, gradient: bool) -> dict[str, float]:
    lead = "gradient_" if gradient else ""
    found = {name: getattr(one, name) for name in ("mean", "deviation", "zeros", "non_finite")}
    found |= {} if one.dead is None else {"dead": one.dead}
    return {f"{lead}{name}": value for name, value in found.items()}
