"""One suite over every output unit of the catalogue."""

import inspect

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from netwright._errors import BadValue
from netwright.methods.output_units.catalogue import CATALOGUE, create

NAMES = CATALOGUE.names()
RANDOM = torch.Generator().manual_seed(0)
REAL = torch.randn(200, generator=RANDOM) ** 3 * 5 + 100
TARGETS = {
    "binary": (torch.rand(200, generator=RANDOM) < 0.2).long(),
    "classes": torch.randint(0, 4, (200,), generator=RANDOM),
    "multi-label": (torch.rand(200, 3, generator=RANDOM) < torch.tensor([0.1, 0.5, 0.7])).float(),
    "ordinal": torch.randint(0, 5, (200,), generator=RANDOM),
    "counts": torch.poisson(torch.full((200,), 3.0), generator=RANDOM),
    "real": REAL,
    "quantiles": REAL,
    "bins": REAL,
}
TARGETS["classes"][:130] = 2  # more than half: the hinge then prefers one class to a tie
WORDS = {
    "binary": ("no", "yes"),
    "classes": ("a", "b", "c", "d"),
    "multi-label": ("x", "y", "z"),
    "ordinal": ("1", "2", "3", "4", "5"),
}


def made(name, *, targets="training", **options):
    kind = CATALOGUE.entry(name).facts["target"]
    training = TARGETS[kind] if isinstance(targets, str) else targets
    names = WORDS.get(kind, ("value",))
    return create(name, names=names, targets=training, **options), TARGETS[kind]


@pytest.mark.parametrize("name", NAMES)
def test_serves_the_target_it_says(name):
    unit, _ = made(name)
    assert unit.target == CATALOGUE.entry(name).facts["target"]


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_reads_every_prediction(name):
    unit, targets = made(name)
    prediction = unit.predict(torch.randn(200, unit.width))
    assert len(prediction.outputs) == 200
    assert prediction.logits.shape == (200, unit.width)
    metrics = unit.metrics()
    assert metrics
    for metric in metrics.values():
        metric.update(prediction, targets)
        assert np.isfinite(metric.compute())


@pytest.mark.parametrize("name", NAMES)
def test_learns_what_can_be_learned(name):
    """A free score an example: the loss falls far below the prior's, the first metric improves."""
    unit, targets = made(name)
    scores = unit.prior_bias(targets).repeat(200, 1).requires_grad_()
    optimizer = torch.optim.Adam([scores, *unit.parameters()], lr=0.1)
    (metric_name, first), *_ = unit.metrics().items()
    first.update(unit.predict(scores.detach()), targets)
    for _ in range(200):
        optimizer.zero_grad()
        unit.loss(scores, targets).mean().backward()
        optimizer.step()
    # a perceptron's prior costs nothing, like what it has learned
    assert unit.loss(scores, targets).mean().item() <= 0.75 * unit.prior_loss(targets)
    last = unit.metrics()[metric_name]
    last.update(unit.predict(scores.detach()), targets)
    improved = last.compute() - first.compute()
    assert improved > 0 if last.higher_is_better else improved < 0


def smooths(name):
    return "label_smoothing" in inspect.signature(CATALOGUE.load(name)).parameters


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in NAMES]
    + [(name, {"label_smoothing": 0.2}) for name in NAMES if smooths(name)],
)
def test_the_prior_is_the_best_constant(name, options):
    unit, targets = made(name, **options)

    def cost(scores):
        constant = torch.tensor(scores, dtype=torch.float64).expand(200, unit.width)
        with torch.no_grad():
            return unit.loss(constant, targets).mean().item()

    start = unit.prior_bias(targets).double().numpy()
    best = min(
        minimize(cost, start + shift, method="Nelder-Mead", options={"maxfev": 3000}).fun
        for shift in (0.0, 0.3, -0.2)
    )
    assert unit.prior_loss(targets) == pytest.approx(cost(start), rel=1e-5)
    assert unit.prior_loss(targets) <= best + 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_what_it_has_fitted_is_in_its_state(name):
    unit, targets = made(name)
    empty, _ = made(name, targets=None)
    empty.load_state_dict(unit.state_dict())
    scores = torch.randn(200, unit.width)
    assert torch.equal(unit.predict(scores).outputs, empty.predict(scores).outputs)
    assert torch.equal(unit.loss(scores, targets), empty.loss(scores, targets))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_at_extremes(name, dtype):
    unit, targets = made(name)
    scores = torch.full((200, unit.width), 1e4)
    scores[::2] = -1e4
    scores[1::4, 0] = 0
    scores = scores.to(dtype).requires_grad_()
    values = unit.loss(scores, targets)
    values.mean().backward()
    assert values.isfinite().all()
    assert values.dtype == torch.float32
    assert scores.grad.isfinite().all()
    prediction = unit.predict(scores.detach())
    assert prediction.outputs.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_named(name):
    with pytest.raises(BadValue, match=f"option of {name} must be a known one"):
        made(name, colour="red")


def test_an_unknown_unit_is_named():
    with pytest.raises(BadValue, match="Did you mean classes"):
        create("clases", names=("a", "b"), targets=None)


def test_only_output_units_are_taken(tmp_path):
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    with pytest.raises(BadValue, match="unit must be a class derived from OutputUnit"):
        create(f"{tmp_path}/mine.py:Mine", names=("a", "b"), targets=None)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 + 0.1])
@pytest.mark.parametrize("count", [3, 7, 1000])
def test_a_constant_target_keeps_its_scale_whatever_its_mean_rounds_to(value, count):
    targets = torch.full((count,), value, dtype=torch.float64)
    unit = create("real", names=("value",), targets=targets)
    assert unit.deviation.tolist() == [1]
    assert unit.inward(targets).abs().max() < 0.1


def test_targets_that_hardly_vary_are_standardised_all_the_same():
    targets = 1e-9 * torch.randn(
        100, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    unit = create("real", names=("value",), targets=targets)
    assert unit.inward(targets).std(correction=0).item() == pytest.approx(1, abs=1e-3)


def test_expected_centres_do_not_suffer_from_half_precision():
    unit, _ = made("bins")
    scores = torch.randn(16, unit.width, generator=torch.Generator().manual_seed(1))
    exact = unit.predict(scores).outputs
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = unit.predict(scores).outputs
    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, exact)
