"""The contract of an instrument.

A probe is attached to any `nn.Module` for the length of a with-block. It changes no bit of what it
watches: it draws no random numbers, keeps no graph alive and writes into no tensor of the run.
Gradients are read by hooks on the outputs' tensors, never by `register_full_backward_hook`, which
fails before in-place activations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from netwright._errors import NothingObserved, must_be
from netwright.probes.schedule import When, every

__all__ = ["Probe", "Reading", "tensors_in"]

Reading = Mapping[str, Mapping[str, float]]
"""Place (module or parameter path) → statistic → number."""


class Probe(ABC):
    """Measures a module while a block runs.

    Call `at` before each step and `read` after it::

        with Activations(model, when=every(100)) as probe:
            for step, batch in enumerate(batches):
                probe.at(step)
                ...  # your step, unchanged
                rows = probe.read()  # empty on steps that the schedule leaves out

    Args:
        module: what is watched.
        when: on which steps it looks.
    """

    def __init__(self, module: nn.Module, *, when: When | None = None) -> None:
        self.module = module
        self._when = when or every(1)
        self._active = True
        self._scheduled = 0
        self._seen = 0
        self._handles: list[RemovableHandle] = []
        self._values: dict[tuple[str, str], Tensor] = {}

    @abstractmethod
    def attach(self) -> None:
        """Put the hooks on, through `hook`, or do nothing where none are needed."""

    def at(self, step: int) -> None:
        """Say which step comes; values of an earlier one that were not read are dropped."""
        self._active = self._when(step)
        self._scheduled += self._active
        self._values.clear()

    def read(self) -> Reading:
        """What was measured since `at`; the one copy to the host.

        Tensors of all places are reduced on the device and brought over together.
        """
        self.finish()
        if not self._values:
            return {}
        self._seen += 1
        # numbers of one device travel together; a model may be spread over several
        keys = list(self._values)
        by_device: dict[torch.device, list[tuple[str, str]]] = {}
        for key in keys:
            by_device.setdefault(self._values[key].device, []).append(key)
        rows: dict[str, dict[str, float]] = {place: {} for place, _ in keys}
        for members in by_device.values():
            numbers = torch.stack([self._values[key].float() for key in members]).tolist()
            for (place, statistic), number in zip(members, numbers, strict=True):
                rows[place][statistic] = number
        self._values.clear()
        return rows

    def finish(self) -> None:  # noqa: B027 - most probes measure in their hooks
        """Measure what can only be measured after the step."""

    def note(self, place: str, statistics: Mapping[str, Tensor]) -> None:
        """Keep scalars on the device until they are read; a place seen again replaces them."""
        for statistic, value in statistics.items():
            self._values[(place, statistic)] = value

    @property
    def active(self) -> bool:
        """Whether the schedule looks at the present step."""
        return self._active

    def hook(self, place: str, module: nn.Module, *, look: Callable[[str, Tensor], None]) -> None:
        """Call `look` with each floating-point output of `module` on the steps it looks at."""
        self._handles.append(module.register_forward_hook(_Look(self, place, look)))

    def detach(self) -> None:
        """Take the hooks off, without asking whether anything was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._values.clear()

    def __enter__(self) -> Self:
        if self._handles:
            raise must_be("probe", "attached once at a time", type(self).__name__)
        self._scheduled = self._seen = 0
        self.attach()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()
        if kind is None and self._seen == 0:
            asked = f"{self._scheduled} scheduled steps" if self._scheduled else "no scheduled step"
            raise NothingObserved(
                f"{type(self).__name__} must see something of the module, got nothing in {asked}. "
                "Call at(step) before and read() after a step; attach before torch.compile; check "
                "that the module is the one that runs."
            )


@dataclass(frozen=True)
class _Look:
    """A hook that only looks. A loop that runs compiled code asks it when, see `train.shadow`."""

    probe: Probe
    place: str
    look: Callable[[str, Tensor], None]

    def is_due(self) -> bool:
        """Whether it wants to see the coming step."""
        return self.probe.active

    def __call__(self, _: nn.Module, __: Any, output: Any) -> None:
        if self.probe.active:
            for name, tensor in tensors_in(output, self.place):
                self.look(name, tensor)


def tensors_in(output: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors of a module's output, each with a name of its own."""
    if isinstance(output, Tensor):
        if output.is_floating_point() and output.numel():
            yield place, output
    elif isinstance(output, Mapping):
        for key, item in output.items():
            yield from tensors_in(item, f"{place}[{key}]")
    elif isinstance(output, (tuple, list)):
        for number, item in enumerate(output):
            yield from tensors_in(item, f"{place}[{number}]")
