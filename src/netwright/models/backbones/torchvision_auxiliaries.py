"""torchvision's networks with auxiliary classifiers, as the method auxiliary-heads takes them."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from netwright._errors import must_be

__all__ = ["WithAuxiliaries"]


class WithAuxiliaries(nn.Module):
    """torchvision's GoogLeNet or Inception v3 that gives the main scores alone, in training too.

    By themselves these networks give one tensor or a tuple of them, by their mode. The catalogue's
    `torchvision:googlenet` has no auxiliary classifiers at all.

    Differs: torchvision's have batch normalisation in every classifier, and torchvision leaves the
        auxiliary ones out in evaluation mode, so that they can be asked for in training only.

    Args:
        network: made with `aux_logits=True`.

    Example:
        >>> from torchvision.models import googlenet
        >>> network = googlenet(num_classes=3, aux_logits=True, init_weights=False)
        >>> type(WithAuxiliaries(network)).__name__  # nw.fit(..., method="auxiliary-heads")
        'WithAuxiliaries'
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        if not getattr(network, "aux_logits", False):
            fix = "Make it with aux_logits=True."
            raise must_be("network", "one with auxiliary classifiers", type(network).__name__, fix)
        self.network = network

    def forward(self, inputs: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
        """Raw scores of each class, by the main classifier."""
        given: Any = self.network(inputs)
        return given if isinstance(given, Tensor) else given[0]

    def auxiliary_scores(
        self, inputs: Float[Tensor, "n c h w"]
    ) -> tuple[Float[Tensor, "n k"], ...]:
        """Raw scores of the main classifier and of each auxiliary one, the lowest first.

        Raises:
            BadValue: in evaluation mode.
        """
        given: Any = self.network(inputs)
        if isinstance(given, Tensor):
            rule = "in training mode, where torchvision's auxiliary classifiers are carried out"
            raise must_be("network", rule, "evaluation mode")
        main, *others = given
        return main, *reversed(others)
