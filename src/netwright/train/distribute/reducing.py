"""Gradients added up over processes while the backward pass is still going on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from netwright._errors import must_be

if TYPE_CHECKING:
    from netwright.train.distribute.world import World

__all__ = ["Reducer"]

# Many small messages cost latency, one large one starts late: 25 MiB is what torch's own data
# parallelism uses, and a small first one lets the sending begin early in the backward pass.
FIRST_BUCKET = 1 << 20
BUCKET = 25 << 20


@dataclass
class _Bucket:
    """Parameters whose gradients travel together, in one flat tensor."""

    parameters: list[Tensor]
    flat: Tensor
    views: list[Tensor]
    pending: int = 0
    work: Any = None
    ready: set[int] = field(default_factory=set)


class Reducer:
    """Adds the gradients of some parameters up over all processes.

    Between `arm` and `finish` lies one backward pass. Buckets are filled in the reverse order of
    the parameters, which is about that of the backward pass, and always sent in the same order; one
    that some parameter of got no gradient is sent at the end, with zeros in its place. A parameter
    without a gradient on any process has none afterwards.

    Args:
        parameters: in the same order on all processes.
        world: the processes.

    Attributes:
        given: the parameters, as they were given.
    """

    def __init__(self, parameters: Sequence[Tensor], *, world: World) -> None:
        self.given = parameters
        self._world = world
        self._buckets = [_bucket(members) for members in _divided(parameters)]
        self._next = 0
        self._armed = False
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                self._noting(bucket, place)
            )
            for bucket in self._buckets
            for place, parameter in enumerate(bucket.parameters)
        ]

    @property
    def parameters(self) -> list[Tensor]:
        """All of them, in the order in which their flags are agreed on."""
        return [parameter for bucket in self._buckets for parameter in bucket.parameters]

    def hold(self) -> None:
        """Nothing: gradients add up here until `arm`."""

    def arm(self) -> None:
        """From now on each gradient that is there is taken along."""
        self._next = 0
        for bucket in self._buckets:
            bucket.pending = len(bucket.parameters)
            bucket.ready.clear()
            bucket.work = None
        self._armed = True

    def finish(self, factor: Callable[[], Tensor]) -> list[Tensor]:
        """Wait for all sums and leave them, times `factor`, in the parameters that have one."""
        self._armed = False
        while self._next < len(self._buckets):
            self._send()
        has = [parameter.grad is not None for parameter in self.parameters]
        present = iter(self._world.agreed(has))
        scale = factor()
        with_gradient: list[Tensor] = []
        for bucket in self._buckets:
            bucket.work.wait()
            bucket.flat.mul_(scale)
            for parameter, view in zip(bucket.parameters, bucket.views, strict=True):
                given = next(present)
                parameter.grad = view if given else None
                if given:
                    with_gradient.append(parameter)
        return with_gradient

    def norm(self, parameters: Sequence[Tensor]) -> Tensor:
        """The Euclidean norm of the gradients of `parameters` together."""
        gradients = self.local_gradients(parameters)
        if not gradients:
            return torch.nn.utils.get_total_norm(gradients)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm

    def local_gradients(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """What this process holds of the gradients of `parameters`, to be changed in place."""
        return [parameter.grad for parameter in parameters if parameter.grad is not None]

    def close(self) -> None:
        """Listen to the parameters no more."""
        for hook in self._hooks:
            hook.remove()

    def _noting(self, bucket: _Bucket, place: int) -> Callable[[Tensor], None]:
        def note(parameter: Tensor) -> None:
            if not self._armed:
                return
            if place in bucket.ready:
                raise must_be(
                    "loss",
                    "one whose backward pass gives each parameter its gradient once",
                    f"a second one for a parameter of shape {tuple(parameter.shape)}",
                    "With checkpointing, use_reentrant=False does.",
                )
            bucket.ready.add(place)
            bucket.pending -= 1
            while self._next < len(self._buckets) and not self._buckets[self._next].pending:
                self._send()

        return note

    @torch.no_grad()
    def _send(self) -> None:
        bucket = self._buckets[self._next]
        self._next += 1
        views, gradients = [], []
        for parameter, view in zip(bucket.parameters, bucket.views, strict=True):
            gradient = parameter.grad
            if gradient is None:
                view.zero_()
            else:
                _require_dense(gradient)
                views.append(view)
                gradients.append(gradient)
        if views:
            torch._foreach_copy_(views, gradients)
        bucket.work = self._world.start_sum(bucket.flat)


def _divided(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """The parameters in reverse, cut where the kind changes or the bucket is full."""
    members: list[Tensor] = []
    held, limit = 0, FIRST_BUCKET
    for parameter in reversed(parameters):
        size = parameter.numel() * parameter.element_size()
        kind = (parameter.dtype, parameter.device)
        full = held + size > limit
        if members and (full or kind != (members[0].dtype, members[0].device)):
            yield members
            members, held, limit = [], 0, BUCKET
        members.append(parameter)
        held += size
    if members:
        yield members


def _bucket(members: list[Tensor]) -> _Bucket:
    flat = torch.zeros(
        sum(one.numel() for one in members), dtype=members[0].dtype, device=members[0].device
    )
    pieces = torch.split(flat, [one.numel() for one in members])
    views = [
        piece.as_strided(one.shape, _strides(one), piece.storage_offset())
        for piece, one in zip(pieces, members, strict=True)
    ]
    return _Bucket(members, flat, views)


def _strides(parameter: Tensor) -> tuple[int, ...]:
    """The parameter's own where it fills its memory, so that updates run over both alike."""
    return torch.empty_like(parameter, memory_format=torch.preserve_format).stride()


def _require_dense(gradient: Tensor) -> None:
    if gradient.is_sparse:
        raise must_be(
            "gradient",
            "dense with several processes",
            "a sparse one",
            "Make the embedding with sparse=False.",
        )
