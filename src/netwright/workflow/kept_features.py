"""Streams of a run whose network is frozen: its features are computed once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from netwright.data.batch import Batch
from netwright.data.source import Share, Source
from netwright.data.streams.cached import CachedFeatures, cached_pass
from netwright.methods.transfer.frozen_features import FrozenFeatures
from netwright.train.precision import choose_precision
from netwright.workflow.prepare import Prepared
from netwright.workflow.session import Session

__all__ = ["held_out_of", "train_source_of"]


def train_source_of(session: Session) -> Source:
    """What the run learns from; of a frozen network its features, by example and view.

    A foreign loader doesn't say which example is which: there the frozen part runs in each epoch.
    """
    recipe, prepared, method = session.recipe, session.prepared, session.method
    source = prepared.train_source(recipe)
    if not isinstance(method, FrozenFeatures) or not isinstance(prepared, Prepared):
        return source
    return CachedFeatures(
        source,
        features=_features_of(session, method),
        index=prepared.splits["train"],
        batch_size=recipe.training.batch_size or len(prepared.splits["train"]),
        seed=recipe.seed,
        views=method.views,
    )


def held_out_of(
    session: Session, split: str, *, share: Share | None = None
) -> Callable[[], Iterable[Batch]]:
    """Passes over a split; of a frozen network only the first computes its features."""
    passes = session.prepared.held_out(split, session.device, share=share)
    method = session.method
    if not isinstance(method, FrozenFeatures) or not isinstance(session.prepared, Prepared):
        return passes
    return cached_pass(passes, _features_of(session, method))


def _features_of(session: Session, method: FrozenFeatures) -> Callable[[Any], Tensor]:
    precision = choose_precision(session.recipe.training.precision, session.device)

    def features(inputs: Any) -> Tensor:
        method.to(session.device)
        with precision.autocast():
            return method.features(inputs)

    return features
