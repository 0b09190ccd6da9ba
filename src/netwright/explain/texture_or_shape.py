"""Does a classifier go by what a surface looks like, or by the form of things?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netwright._errors import BadType, must_be, offenders
from netwright._statistics import Interval, wilson
from netwright.explain.inside.examined import examined

__all__ = ["CueConflict", "texture_or_shape"]


@dataclass(frozen=True, kw_only=True)
class CueConflict:
    """What was decided where texture and shape speak for different classes.

    Attributes:
        shape: share of the decisions for the shape's class among those for either; not a number
            where none was for either.
        for_shape: decisions for the shape's class.
        for_texture: for the texture's.
        for_neither: for a third class: they count nowhere in `shape`.
        decisions: the class that each picture was taken for.
    """

    shape: Interval
    for_shape: int
    for_texture: int
    for_neither: int
    decisions: Int[Tensor, "n"]


def texture_or_shape(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    shapes: Tensor | Sequence[int],
    textures: Tensor | Sequence[int],
    groups: Sequence[Sequence[int]] | None = None,
    batch_size: int = 64,
) -> CueConflict:
    """Show pictures with the shape of one class and the texture of another, and count.

    1/2 is a classifier without a leaning; people reach 0.96 on the paper's pictures, networks
    trained on ImageNet 0.2 to 0.4. `style_transfer` makes such pictures. The interval is Wilson's,
    as if the pictures were independent; several of one shape or one texture are less than that.

    Paper: ImageNet-trained CNNs Are Biased Towards Texture, 2018, https://arxiv.org/abs/1811.12231

    Args:
        model: a classifier that gives scores (n, k), in any mode; it is left as it was.
        inputs: pictures as the model takes them.
        shapes: the class of each picture's shape: its number among the groups.
        textures: the class of its texture.
        groups: the scores that belong to each class, e.g. all breeds of dogs; the mean of their
            probabilities counts. None where each score is a class.
        batch_size: how many are computed at a time.

    Example:
        >>> model = nn.Flatten()
        >>> found = texture_or_shape(model, torch.eye(3), shapes=[0, 0, 0], textures=[1, 1, 2])
        >>> found.for_shape, found.for_texture, found.for_neither
        (1, 2, 0)

    Raises:
        BadType: an output without scores of classes.
        BadValue: classes that there are not, pictures whose shape and texture are of one class.
    """
    if batch_size < 1:
        raise must_be("batch_size", "at least 1", batch_size)
    with examined(model) as opened, torch.no_grad():
        parts = [_probabilities(opened(part), groups) for part in torch.split(inputs, batch_size)]
    found = torch.cat(parts)
    one, other = (
        _classes(name, given, found) for name, given in (("shapes", shapes), ("textures", textures))
    )
    same = (one == other).nonzero().flatten().tolist()
    if same:
        fix = "Leave these pictures out: they have no conflict."
        raise must_be("textures", "of another class than shapes", f"the same in {same}", fix)
    decisions = found.argmax(1)
    for_shape, for_texture = int((decisions == one).sum()), int((decisions == other).sum())
    either = for_shape + for_texture
    return CueConflict(
        shape=wilson(for_shape, either) if either else Interval(value=math.nan, low=0.0, high=1.0),
        for_shape=for_shape,
        for_texture=for_texture,
        for_neither=len(decisions) - either,
        decisions=decisions,
    )


def _probabilities(scores: object, groups: Sequence[Sequence[int]] | None) -> Tensor:
    """Of each class: the mean over its scores' probabilities."""
    if not isinstance(scores, Tensor) or scores.ndim != 2 or scores.shape[1] < 2:
        shown = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise must_be("output", "scores (n, k) of two or more classes", shown, error=BadType)
    if groups is None:
        return scores
    k = scores.shape[1]
    wrong = [number for group in groups for number in group if not 0 <= number < k]
    if wrong or len(groups) < 2 or not all(groups):
        rule = f"two or more lists of scores from 0 to {k - 1}, none empty"
        raise must_be("groups", rule, offenders(wrong or groups))
    chances = scores.double().softmax(1)
    return torch.stack([chances[:, list(group)].mean(1) for group in groups], dim=1)


def _classes(name: str, given: Tensor | Sequence[int], found: Tensor) -> Tensor:
    classes = torch.as_tensor(given, device=found.device)
    n, k = found.shape
    if classes.shape != (n,) or classes.is_floating_point() or classes.dtype == torch.bool:
        raise must_be(name, f"{n} classes, one for each picture", tuple(classes.shape))
    wrong = classes[(classes < 0) | (classes >= k)].tolist()
    if wrong:
        raise must_be(name, f"from 0 to {k - 1}", offenders(wrong))
    return classes
