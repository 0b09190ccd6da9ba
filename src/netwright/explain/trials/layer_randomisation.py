"""Layer randomisation: which layers a map tells about."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from netwright.explain.inside.layers import Layer
from netwright.explain.inside.target import Target
from netwright.explain.trials.method import Method
from netwright.explain.trials.parameter_randomisation import Randomisation, compared
from netwright.explain.trials.redrawn import Layers

__all__ = ["layer_randomisation"]


def layer_randomisation(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    method: Method,
    target: Target = None,
    layers: Sequence[Layer] | None = None,
    seed: int = 0,
) -> Randomisation:
    """Draw each layer anew on its own, with all others as trained, and see the map change.

    Beside `explain.parameter_randomisation`, which draws all layers nearer to the output as well,
    it shows which layers a method looks at.

    Paper: Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292

    Args:
        model: any, in any mode; it is left as it was.
        inputs: (n, c, h, w) pictures as the model takes them, or rows (n, d).
        method: a name of the catalogue, or a function; see `explain.method.Method`.
        target: see `explain.Target`; None for the class that the trained model predicts.
        layers: which, one by one; None for all that have weights. Each costs the maps once.
        seed: of the drawn parameters.

    Raises:
        BadValue: no such method or layer, or the model has no parameters or can't be copied.
    """
    return compared(
        model, inputs, method=method, target=target, layers=layers, seed=seed, drawn=_alone
    )


def _alone(layers: Sequence[Layers], stop: int) -> Sequence[Layers]:
    return layers[stop : stop + 1]
