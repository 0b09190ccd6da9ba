"""Every search by name."""

from __future__ import annotations

import inspect
from typing import Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import must_be, offenders
from netwright.tune.search import Search, Space

__all__ = ["CATALOGUE", "create"]

CATALOGUE = Catalogue(
    "search",
    (
        Entry(
            name="random",
            target="netwright.tune.random_search:RandomSearch",
            summary="random search: each candidate drawn by the law of the space",
            paper="Random Search for Hyper-Parameter Optimization, 2012, "
            "https://jmlr.org/papers/v13/bergstra12a.html",
        ),
        Entry(
            name="evolution",
            target="netwright.tune.evolution:Evolution",
            summary="regularised evolution: the best of a few is mutated, the oldest dies",
            paper="Regularized Evolution for Image Classifier Architecture Search, 2018, "
            "https://arxiv.org/abs/1802.01548",
        ),
        Entry(
            name="controller",
            target="netwright.tune.controller:Controller",
            summary="neural architecture search: a recurrent controller trained by policy gradient",
            paper="Neural Architecture Search with Reinforcement Learning, 2016, "
            "https://arxiv.org/abs/1611.01578",
        ),
    ),
)


def create(name: str, space: Space[Any], *, seed: int, **options: Any) -> Search[Any]:
    """A search over a space.

    Args:
        name: random, evolution, controller, or `file.py:Mine`.
        space: what there is to choose from.
        seed: of all draws.
        **options: what else the search takes.

    Raises:
        BadValue: an unknown name, or an option that the search does not know.
    """
    make = CATALOGUE.load(name)
    known = [one for one in inspect.signature(make).parameters if one not in ("space", "seed")]
    strangers = [option for option in options if option not in known]
    if strangers:
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        raise must_be("by", f"{name} with options that it knows", offenders(strangers), takes)
    search: Search[Any] = make(space, seed=seed, **options)
    return search
