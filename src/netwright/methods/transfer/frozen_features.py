"""The last layer learns on what the rest of a trained network, left as it is, makes of inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be, unknown
from netwright.methods.base import Task, evaluating
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.supervised import Supervised
from netwright.models.features import head_of

__all__ = ["FrozenFeatures"]

_WAY_OUT = "Learn all of it: method=fine-tuning, or method=supervised."


class FrozenFeatures(Supervised):
    """All but the last layer is frozen, in evaluation mode (batch norm and dropout too).

    When to use it: few labels, a network that was trained on inputs like these, little time. What
    the last layer sees never changes, so a run computes it once a view and keeps it; inputs may
    therefore be those of the network, or `features` of them (a tuple of one tensor). Answers are
    those of the whole network, whose state has the keys it was made with.

    Paper: CNN Features Off-the-Shelf: An Astounding Baseline for Recognition, 2014,
        https://arxiv.org/abs/1403.6382

    Args:
        model: its last layer is linear on a vector, and nothing comes after it.
        unit: what the scores mean.
        example: at least one of the inputs that the network takes.
        views: augmented views of each example that are kept, the epochs taking them in turn; 1
            keeps the example as the first epoch sees it.

    Example:
        >>> import torch
        >>> from netwright.methods.output_units.catalogue import create
        >>> network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> unit = create("classes", names=("a", "b", "c"), targets=None)
        >>> method = FrozenFeatures(network, unit, example=torch.zeros(1, 4))
        >>> [name for name, value in method.named_parameters() if value.requires_grad]
        ['model.2.weight', 'model.2.bias']
        >>> method.features(torch.zeros(5, 4)).shape
        torch.Size([5, 8])

    Raises:
        BadValue: the last layer is not linear on a vector, or more comes after it.
    """

    def __init__(
        self, model: nn.Module, unit: OutputUnit, *, example: Tensor, views: int = 1
    ) -> None:
        super().__init__(model, unit)
        if not isinstance(views, int) or views < 1:
            raise must_be("method.views", "a whole number of at least 1", views)
        self.views = views
        head = head_of(model, example[:1])
        self._place = next(path for path, part in model.named_modules() if part is head)
        self._refuse_what_is_not_linear_at_its_end(example[:1])
        model.requires_grad_(requires_grad=False)
        self.head.requires_grad_()
        self.train(self.training)

    @classmethod
    def for_task(
        cls,
        task: Task,
        *,
        build_model: Callable[[int], nn.Module],
        unit: str | None = None,
        **options: Any,
    ) -> Self:
        """See `Supervised.for_task`; the last layer is found by the task's example."""
        if "example" in options:
            raise unknown("option of method frozen-features", "example", ("views", "unit"))
        if not isinstance(task.example, Tensor):
            raise must_be("inputs", "one tensor for frozen-features", type(task.example).__name__)
        return super().for_task(
            task, build_model=build_model, unit=unit, example=task.example, **options
        )

    @property
    def head(self) -> nn.Module:
        """The layer that learns."""
        return self.model.get_submodule(self._place)

    def train(self, mode: bool = True) -> Self:
        """Only the last layer ever learns."""
        super().train(mode)
        self.model.eval()
        self.head.train(mode)
        return self

    def features(self, inputs: Any) -> Float[Tensor, "n ..."]:
        """What the last layer sees, without gradients."""
        seen: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            with evaluating(self.model):
                self.model(inputs)
        finally:
            hook.remove()
        return seen[-1].detach()

    def scores(self, inputs: Any) -> Tensor:
        """The raw scores of inputs as the network takes them, or of `(features,)`."""
        if isinstance(inputs, tuple):
            scores: Tensor = self.head(*inputs)
            return scores
        return super().scores(inputs)

    def _refuse_what_is_not_linear_at_its_end(self, example: Tensor) -> None:
        head, name = self.head, type(self.model).__name__
        seen = self.features(example)
        if not isinstance(head, nn.Linear) or seen.ndim != 2:
            shown = f"{name} with {type(head).__name__} on {tuple(seen.shape)}"
            raise must_be("model", "one whose last layer is linear on a vector", shown, _WAY_OUT)
        with evaluating(self.model):
            whole, apart = self.model(example), head(seen)
        alike = isinstance(whole, Tensor) and whole.shape == apart.shape
        if not alike or not torch.allclose(whole, apart, rtol=1e-4, atol=1e-5):
            raise must_be("model", "one that ends with its last linear layer", name, _WAY_OUT)
