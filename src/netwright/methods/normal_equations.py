"""The least-squares weights of a linear model, in one step, without descent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from netwright._errors import BadType, must_be
from netwright.methods.base import Phase, Stage
from netwright.methods.output_units.base import OutputUnit
from netwright.methods.output_units.real import Real
from netwright.methods.supervised import Supervised

if TYPE_CHECKING:
    from netwright.data.batch import Batch, Streams

__all__ = ["NormalEquations"]

_PASSING = (nn.Flatten, nn.Identity)


class NormalEquations(Supervised):
    """Where the gradient of the squared error is 0: (XᵀX + ridge·I) w = Xᵀy, the bias apart.

    When to use it: real targets and a linear model. One pass over the data adds up d × d numbers,
    whose solution costs d³: exact, and at once up to a few thousand inputs; descent is for more,
    for other losses, and for models with anything hidden. Where columns depend on each other, it
    is the shortest of the best solutions.

    Paper: Ridge regression: biased estimation for nonorthogonal problems, Hoerl and Kennard 1970,
        https://doi.org/10.1080/00401706.1970.10488634

    Args:
        model: one linear layer, alone or behind layers that only reshape: `model: linear`.
        unit: `real`, whose loss is the squared error.
        ridge: times |w|², added to the sum of squared errors of standardised targets; the `alpha`
            of scikit-learn's Ridge. 0 for least squares.

    Example:
        >>> from netwright.data.batch import Batch
        >>> x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1.0, 3.0, 5.0])
        >>> unit = Real(names=("y",), targets=None)
        >>> method = NormalEquations(nn.Linear(1, 1), unit)
        >>> method.solve([Batch(inputs=x, targets=y, index=torch.arange(3))])
        >>> round(method.model.weight.item(), 4), round(method.model.bias.item(), 4)
        (2.0, 1.0)
    """

    def __init__(self, model: nn.Module, unit: OutputUnit, *, ridge: float = 0.0) -> None:
        super().__init__(model, unit)
        if not (isinstance(ridge, (int, float)) and 0 <= ridge < math.inf):
            raise must_be("ridge", "a finite number of at least 0", ridge)
        if not isinstance(unit, Real):
            raise must_be(
                "unit",
                "real for normal equations, which solve squared errors",
                type(unit).__name__,
                "Other losses have no closed form: method=supervised.",
            )
        _only_layer(model)
        self._ridge = ridge

    def stages(self) -> Sequence[Stage]:
        """One, in closed form."""
        return (Stage(name="solve", fit=self.solve),)

    def phases(self, stage: Stage) -> Sequence[Phase]:
        """None: there is nothing to repeat."""
        return ()

    @torch.no_grad()
    def solve(self, stream: Iterable[Streams]) -> None:
        """Put the solution in the layer.

        Args:
            stream: every batch once; an example counts as much as its weight says.
        """
        total, moments, products = 0.0, _Sum(), _Sum()
        for batch in stream:
            inputs, targets, weight = self._rows(batch)
            both = torch.cat([inputs, targets], dim=1)
            total += float(weight.sum())
            moments.add((both * weight).sum(dim=0))
            products.add((both * weight).T @ both)
        layer = _only_layer(self.model)
        width = layer.in_features
        mean, second = moments.value / total, products.value
        if layer.bias is not None:
            second = second - total * torch.outer(mean, mean)
        gram = second[:width, :width] + self._ridge * torch.eye(width).to(second)
        solution = torch.linalg.pinv(gram, hermitian=True) @ second[:width, width:]
        layer.weight.copy_(solution.T)
        if layer.bias is not None:
            layer.bias.copy_(mean[width:] - mean[:width] @ solution)

    def _rows(self, batch: Streams) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, targets in the network's units, and weights (n, 1), in double precision."""
        one: Batch = batch  # type: ignore[assignment]
        if not isinstance(one.inputs, Tensor):
            raise must_be(
                "inputs", "a tensor for normal equations", type(one.inputs), error=BadType
            )
        inputs = one.inputs.flatten(1).double()
        targets = self.unit.inward(one.targets).double()  # type: ignore[operator]
        counted = inputs.new_ones(len(inputs)) if one.weight is None else one.weight.double()
        return inputs, targets, counted[:, None]


class _Sum:
    """Adds up tensors of whatever shape the first has."""

    def __init__(self) -> None:
        self.value = torch.zeros(())

    def add(self, value: Tensor) -> None:
        self.value = self.value.to(value) + value


def _only_layer(model: nn.Module) -> nn.Linear:
    """The one layer of a linear model.

    Raises:
        BadValue: there is more to it.
    """
    leaves = [module for module in model.modules() if not list(module.children())]
    layers = [leaf for leaf in leaves if not isinstance(leaf, _PASSING)]
    own = sum(parameter.numel() for parameter in model.parameters())
    if len(layers) == 1 and isinstance(layers[0], nn.Linear):
        layer = layers[0]
        if own == sum(parameter.numel() for parameter in layer.parameters()):
            return layer
    raise must_be(
        "model",
        "one linear layer for normal equations, as linear is",
        type(model).__name__,
        "Any other has no closed form: method=supervised.",
    )
