"""A run leaves nothing behind in memory: several in one process must not add up."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import netwright as nw


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_weights_and_what_the_optimizer_kept_go_with_the_run(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    kept: list[weakref.ref[torch.Tensor]] = []
    stepping = torch.optim.AdamW.step

    def step(self: torch.optim.AdamW, *given: object, **named: object) -> object:
        done = stepping(self, *given, **named)  # type: ignore[arg-type]
        kept[:] = [weakref.ref(one["exp_avg"]) for one in self.state.values()]
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        run = nw.fit(
            (torch.randn(40, 3), torch.arange(40) % 2), model=model, epochs=2, root=tmp_path
        )
    assert kept
    assert [one() for one in kept] == [None] * len(kept)
    weights = weakref.ref(model.weight)
    del run, model
    assert weights() is None
