"""Three ways to one minimum, by recipe: exact, brute force, descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue
from netwright.workflow.fit import fit

WAYS = {
    "exact": ["method={name: normal-equations}"],
    "grid": ["method={name: grid-search, low: -1, high: 1, points: 41}"],
    "descent": [
        "model=linear",
        "optimizer={name: sgd, learning_rate: 0.2, momentum: 0, weight_decay: 0}",
        "schedule=constant",
        "training.epochs=60",
        "training.validate_every=60",
        "training.restore_best=false",
    ],
}


def two_columns():
    """A slanting plane with noise, its columns related."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 2)).astype(np.float32)
    x[:, 1] += 0.5 * x[:, 0]
    y = x @ [1.0, -0.7] + draw.normal(size=200)
    return x, y.astype(np.float32)


def weights(way, root):
    run = fit(
        two_columns(),
        changes=["training.batch_size=500", "doctor=false", *WAYS[way]],
        root=root,
        seed=3,
    )
    head = run.model.head
    return torch.cat([head.weight.detach()[0], head.bias.detach()]), run


def test_all_three_end_at_the_same_weights(tmp_path):
    exact, run = weights("exact", tmp_path)
    grid, _ = weights("grid", tmp_path)
    descent, _ = weights("descent", tmp_path)
    torch.testing.assert_close(descent, exact, atol=1e-4, rtol=0)
    # the loss is no bowl: the best point of the grid need not be the nearest, but is beside it
    assert float((grid - exact).abs().max()) < 2 / 40
    assert run.recipe.optimizer is None
    assert run.recipe.schedule is None
    assert run.metrics["r2"] > 0.3


def test_a_closed_form_repeats_from_its_recipe(tmp_path):
    from netwright.workflow.fit import run_recipe

    first, run = weights("exact", tmp_path)
    again = run_recipe(run.recipe, data=two_columns(), root=tmp_path)
    assert torch.equal(again.model.head.weight[0].detach(), first[:2])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["optimizer.name=sgd"], "got recipe='optimizer'"),
        (["training.epochs=3"], "got recipe='training.epochs'"),
        (["training.clip_norm=1"], "got recipe='training.clip_norm'"),
        (["training.gradient_noise.eta=0.1"], "got recipe='training.gradient_noise'"),
        (["training.swa_start=0.5"], "got recipe='training.swa_start'"),
        (["training.restarts=2"], "got recipe='training.restarts'"),
        (["schedule=cosine", "training.ema_decay=0.9"], "'schedule, training.ema_decay'"),
    ],
)
def test_what_would_be_ignored_is_refused(changes, told, tmp_path):
    with pytest.raises(BadValue, match=told) as caught:
        fit(two_columns(), changes=[*WAYS["exact"], *changes], root=tmp_path)
    assert "which takes no steps" in str(caught.value)
