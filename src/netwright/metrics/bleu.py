"""How much of a translation is in the references, in words and in runs of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from netwright._errors import BadType, must_be
from netwright.metrics.base import ByWeight, Prediction, SumMetric

__all__ = ["Bleu"]

Tokens: TypeAlias = str | Sequence[Any] | Tensor


class Bleu(SumMetric):
    """BLEU of a corpus: shares of found n-grams, as their geometric mean, less for being short.

    An answer is a list of tokens, or a text, which is cut at blanks: figures compare only where
    texts were cut alike. A target is a text, or a list of references, each a text or a list of
    tokens. Keeps 2 × max_n + 2 numbers. Without a single match of some length the figure is 0.

    Paper: BLEU: a Method for Automatic Evaluation of Machine Translation, 2002,
        https://aclanthology.org/P02-1040

    Args:
        max_n: the longest runs that are looked at.
        added: to what is found and to what is there, for runs of two and more (Lin and Och, 2004);
            tells bad answers apart in short corpora, where long runs are not found at all.

    Example:
        >>> metric = Bleu(max_n=2)
        >>> metric.update(Prediction(outputs=["the cat sat"]), ["the cat slept"])
        >>> round(metric.compute(), 4)  # (2/3 × 1/2) ** 0.5
        0.5774
    """

    higher_is_better = True
    needs = "at least one answer with tokens"

    def __init__(self, *, max_n: int = 4, added: float = 0.0) -> None:
        super().__init__()
        if max_n < 1:
            raise must_be("max_n", "at least 1", max_n, "4 is usual.")
        if added < 0:
            raise must_be("added", "0 or more", added)
        self.max_n, self.added = max_n, added

    def sums(
        self, prediction: Prediction, targets: Any, *, weights: Float[Tensor, "n b"]
    ) -> Float[Tensor, "m b"]:
        """Found n-grams by length, n-grams by length, tokens of answers and of references."""
        return self._each(prediction, targets).T.to(weights.device) @ weights

    def by_weight(self, prediction: Prediction, targets: Any) -> ByWeight:
        """See `WeightedMetric.by_weight`; a weight is that of an answer."""
        each = self._each(prediction, targets).T
        return lambda weights: self.figure(each.to(weights.device) @ weights)

    def figure(self, sums: Float[Tensor, "m b"]) -> Float[Tensor, "b"]:
        """See `SumMetric.figure`."""
        found, there = sums[: self.max_n], sums[self.max_n : -2]
        more = torch.full_like(found, self.added)
        more[0] = 0
        shares = (found + more) / (there + more).where(there + more > 0, 1)
        answered, wanted = sums[-2], sums[-1]
        brevity = (1 - wanted / answered).clamp(max=0).exp()
        return (brevity * shares.log().mean(dim=0).exp()).where(answered > 0, torch.nan)

    def _each(self, prediction: Prediction, targets: Any) -> Tensor:
        rows = [
            self._counts(_tokens(answer), [_tokens(one) for one in _references(target)])
            for answer, target in zip(prediction.outputs, targets, strict=True)
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2 * self.max_n + 2)

    def _counts(self, answer: Sequence[Any], references: Sequence[Sequence[Any]]) -> list[int]:
        found, there = [], []
        for length in range(1, self.max_n + 1):
            most: Counter[tuple[Any, ...]] = Counter()
            for reference in references:
                most |= Counter(_runs(reference, length))
            found.append((Counter(_runs(answer, length)) & most).total())
            there.append(max(len(answer) - length + 1, 0))
        nearest = min((abs(len(one) - len(answer)), len(one)) for one in references)[1]
        return [*found, *there, len(answer), nearest]


def _runs(tokens: Sequence[Any], length: int) -> Iterator[tuple[Any, ...]]:
    return zip(*(tokens[start:] for start in range(length)), strict=False)


def _tokens(text: Tokens) -> Sequence[Any]:
    if isinstance(text, str):
        return text.split()
    return list(text.tolist()) if isinstance(text, Tensor) else text


def _references(target: Any) -> list[Tokens]:
    """Those of one answer.

    Raises:
        BadType: tokens where references should be: a list of words could be either.
    """
    if isinstance(target, (str, Tensor)):
        return [target]
    if not target or not all(isinstance(one, (str, list, tuple, Tensor)) for one in target):
        raise must_be(
            "targets",
            "a text, or a list of references, for each answer",
            target,
            "Put the tokens of a single reference into a list of one: [[4, 8, 1]].",
            error=BadType,
        )
    return list(target)
