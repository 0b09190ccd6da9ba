"""Capsules learn to be long where their class is, and to describe what they see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.methods.base import Loss, Task, evaluating
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.supervised import Supervised, only
from netwright.models.layers.capsule_routing import squash

if TYPE_CHECKING:
    from netwright.data.batch import Streams

__all__ = ["CapsuleNetwork", "Capsules"]

_UNITS = {"classes": "classes-margin", "binary": "classes-margin"}
_UNITS["multi-label"] = "multi-label-margin"


@runtime_checkable
class CapsuleNetwork(Protocol):
    """A network that has a vector for each class: `capsnet`, or one of the reader's own.

    Attributes:
        picture_shape: (c, h, w) of what it takes.
        capsule_shape: (k, e) of its vectors.
    """

    picture_shape: tuple[int, ...]
    capsule_shape: tuple[int, int]

    def arriving(self, inputs: Float[Tensor, "n c h w"], /) -> Float[Tensor, "n k e"]:
        """What is squashed to each class's vector."""
        ...

    def scores(self, arriving: Float[Tensor, "n k e"], /) -> Float[Tensor, "n k"]:
        """The raw score of each class, whose sigmoid is the vector's length."""
        ...


class Capsules(Supervised):
    """The margin loss of the capsules' lengths, and how well a picture can be drawn from one.

    A decoder draws the picture from the vector of the true class, in prediction from that of the
    answer; all others are set to 0. It is a part of the method, not of the network: what is learned
    beside it is left when `reconstruction` is 0. The record's term `reconstruction` is the mean sum
    of squares over a picture whose values lie between 0 and 1, whatever preprocessing the network's
    own inputs went through.

    Paper: Dynamic Routing Between Capsules, Sabour, Frosst and Hinton 2017,
        https://arxiv.org/abs/1710.09829

    Args:
        model: has a vector for each class.
        unit: what the lengths mean; `classes-margin` or `multi-label-margin` in a recipe.
        reconstruction: what the sum of squares is multiplied with.
        decoder: widths of its hidden layers.
        restore: from what the network takes to pictures from 0 to 1; None where they are that.
    """

    def __init__(
        self,
        model: nn.Module,
        unit: OutputUnit,
        *,
        reconstruction: float = 0.0005,
        decoder: Sequence[int] = (512, 1024),
        restore: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(model, unit)
        if not isinstance(model, CapsuleNetwork):
            raise BadType(
                f"model must be a network of capsules, got model={type(model).__name__}. "
                "Take capsnet, or give yours picture_shape, capsule_shape, arriving and scores."
            )
        if not reconstruction >= 0:
            raise must_be("reconstruction", "at least 0", reconstruction, "0 turns it off.")
        self.reconstruction = reconstruction
        self.restore = restore
        self.decoder = _decoder(model, decoder) if reconstruction else None

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        unit: str | None = None,
        **options: Any,
    ) -> Self:
        """See `Supervised.for_task`; two classes get a capsule each."""
        if task.kind not in _UNITS:
            raise must_be("data", "of classes or labels for the method capsules", task.kind)
        unit = unit or _UNITS[task.kind]
        options |= {"restore": task.restore}
        return super().for_task(task, build_model=build_model, unit=unit, **options)

    def loss(self, batch: Streams) -> Loss:
        """The margin loss and the weighted reconstruction, each example times its weight."""
        batch = only(batch)
        arriving = self._network.arriving(batch.inputs)
        values = self.unit.loss(self._network.scores(arriving), batch.targets)
        terms, weights = {"margin": values.detach().mean()}, {"margin": 1.0}
        if self.decoder is not None:
            drawn = self._drawn(arriving, batch.targets)
            error = (drawn - self._pictures(batch.inputs)).square().sum(dim=1)
            terms["reconstruction"] = error.detach().mean()
            weights["reconstruction"] = self.reconstruction
            values = values + self.reconstruction * error
        counted = None if batch.weight is None else batch.weight.to(values.dtype)
        return Loss(
            total=values.sum() if counted is None else (values * counted).sum(),
            count=len(batch) if counted is None else counted.sum(),
            terms=terms,
            term_weights=weights,
        )

    def reconstruct(
        self, inputs: Float[Tensor, "n c h w"], *, targets: Shaped[Tensor, "n ..."] | None = None
    ) -> Float[Tensor, "n c h w"]:
        """The pictures, from 0 to 1, as the capsules of `targets` describe them.

        Args:
            inputs: as the network takes them.
            targets: classes (n,) or shares of them (n, k); None for those of the answer.
        """
        if self.decoder is None:
            raise must_be("reconstruction", "above 0 for a method that can draw", 0)
        with evaluating(self):
            arriving = self._network.arriving(inputs)
            if targets is None:
                targets = self.unit.predict(self._network.scores(arriving)).outputs
            return self._drawn(arriving, targets).view(len(inputs), *self._network.picture_shape)

    @property
    def _network(self) -> CapsuleNetwork:
        return self.model  # type: ignore[return-value]

    def _drawn(self, arriving: Tensor, targets: Tensor) -> Tensor:
        shares = targets
        if targets.ndim == 1:
            shares = nn.functional.one_hot(targets.long(), arriving.shape[1])
        kept = squash(arriving) * shares.to(arriving.dtype)[..., None]
        drawn: Tensor = self.decoder(kept.flatten(1))  # type: ignore[misc]
        return drawn

    def _pictures(self, inputs: Tensor) -> Tensor:
        pictures = inputs if self.restore is None else self.restore(inputs)
        return pictures.flatten(1)


def _decoder(model: CapsuleNetwork, hidden: Sequence[int]) -> nn.Sequential:
    classes, dimensions = model.capsule_shape
    pixels = 1
    for side in model.picture_shape:
        pixels *= side
    widths = [classes * dimensions, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], pixels), nn.Sigmoid())
