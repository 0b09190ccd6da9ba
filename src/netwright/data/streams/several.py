"""Several streams side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from netwright._errors import must_be
from netwright.data.batch import Batch
from netwright.data.source import Act, Position, Resume, Share, Source

__all__ = ["SeveralSource"]

_DEGREES = (Resume.NONE, Resume.STATEFUL, Resume.EXACT)


class SeveralSource(Source):
    """One batch of each named stream a step (source and target, labelled and unlabelled).

    An epoch is one pass over the longest stream. The shorter ones start over as often as needed,
    each counting its own epochs, so that none is always cut at the same place. It resumes as well
    as the worst of them does.

    Args:
        streams: name → source; each gives single batches.
    """

    def __init__(self, streams: Mapping[str, Source]) -> None:
        if not streams:
            raise must_be("streams", "at least one named source", dict(streams))
        self._streams = dict(streams)
        lengths = [source.length for source in streams.values() if source.length is not None]
        self.length = max(lengths) if lengths else None
        self.resume = min((source.resume for source in streams.values()), key=_DEGREES.index)

    def next(self, position: Position, act: Act | None = None) -> dict[str, Batch]:
        """One batch of each stream, by name."""
        batches: dict[str, Batch] = {}
        for name, source in self._streams.items():
            batch = source.next(self._own_position(source, position), act)
            if not isinstance(batch, Batch):
                raise must_be(name, "a source of single batches", type(batch).__name__)
            batches[name] = batch
        return batches

    def share(self, share: Share) -> None:
        """Divide every stream."""
        for source in self._streams.values():
            source.share(share)

    def to(self, device: torch.device) -> None:
        """Move every stream."""
        for source in self._streams.values():
            source.to(device)

    def state_dict(self) -> dict[str, Any]:
        """The state of each stream that has one, by name."""
        states = {name: source.state_dict() for name, source in self._streams.items()}
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Hand each stream its own."""
        for name, source in self._streams.items():
            source.load_state_dict(state.get(name, {}))

    def close(self) -> None:
        """Close every stream."""
        for source in self._streams.values():
            source.close()

    def _own_position(self, source: Source, position: Position) -> Position:
        if self.length is None or source.length is None:
            return position
        given = position.epoch * self.length + position.step
        return Position(*divmod(given, source.length))
