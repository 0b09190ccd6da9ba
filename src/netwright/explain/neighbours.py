"""The examples that a model finds most like an input."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.layer_features import Inputs, layer_features
from netwright.explain.inside.layers import Layer
from netwright.explain.nearest import Neighbours, nearest

__all__ = ["neighbours"]


def neighbours(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    among: Inputs,
    count: int = 5,
    metric: str = "cosine",
    layer: Layer | None = None,
    batch_size: int = 64,
) -> Neighbours:
    """Which of the examples a model saw does it find most like these?

    For a model that does well they show the same thing; for a wrong answer they often show why.
    Exact. To ask the same examples many times, keep their `layer_features` and ask `nearest`; of
    more than some hundred thousand, `ApproximateNeighbours`.

    Paper: ImageNet Classification with Deep Convolutional Neural Networks, 2012,
        https://doi.org/10.1145/3065386 (its figure 4)

    Args:
        model: any, in any mode; it is left as it was.
        inputs: what neighbours are sought for, as the model takes them.
        among: the examples to choose from: a tensor, or batches as a DataLoader gives them.
        count: neighbours of each.
        metric: "cosine" or "euclidean".
        layer: whose output is compared; None for what goes into the last layer.
        batch_size: how many are computed at a time.

    Returns:
        Places in `among` and their distances.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> examples = torch.randn(20, 2)
        >>> neighbours(model, examples[3:4], among=examples, count=2).index[0, 0].item()
        3

    Raises:
        BadType: inputs that are neither a tensor nor batches.
        BadValue: no such layer or metric, or a count larger than the number of examples.
    """
    known = layer_features(model, among, layer=layer, batch_size=batch_size)
    asked = layer_features(model, inputs, layer=layer, batch_size=batch_size)
    return nearest(known, asked, count=count, metric=metric)
