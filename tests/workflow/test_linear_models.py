"""One linear layer, trained like any network, ends at scikit-learn's weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge

from netwright._errors import BadValue
from netwright.report.contents import Contents
from netwright.report.headline import fact_tiles
from netwright.runs.events import events
from netwright.workflow.fit import fit
from netwright.workflow.session import Given, open_session

MOMENTUM = "optimizer.momentum=0.9"
FREE = "optimizer.weight_decay=0"


def trained(data, root, *, optimizer, learning_rate, epochs, changes=()):
    """A run that takes each step on the whole training split, to the end."""
    return fit(
        data,
        model="linear",
        optimizer=optimizer,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=2000,
        schedule="constant",
        changes=[
            f"training.validate_every={epochs}",
            f"training.snapshot_every={epochs}",
            "training.restore_best=false",
            "doctor=false",
            *changes,
        ],
        root=root,
    )


def learned_from(run):
    """Inputs and targets of the training split as the network had them, for scikit-learn."""
    session = open_session(run.recipe, Given())
    index = session.prepared.splits["train"]
    inputs = session.prepared.preprocess(session.prepared.samples.take(index)).flatten(1)
    targets = session.prepared.data.target.values[index]
    if session.prepared.task.kind == "real":
        targets = session.method.unit.inward(targets)[:, 0]
    return inputs.double().numpy(), targets.numpy()


def assert_same(run, reference):
    head = run.model.head
    np.testing.assert_allclose(
        head.weight.detach().numpy(), np.atleast_2d(reference.coef_), atol=1e-4
    )
    biases = head.bias.detach().numpy(), np.atleast_1d(reference.intercept_)
    if len(biases[0]) > 1:  # softmax leaves their sum open
        biases = [one - one.mean() for one in biases]
    np.testing.assert_allclose(*biases, atol=1e-4)


def test_squared_error_by_lbfgs_is_linear_regression(tmp_path):
    run = trained(
        "diabetes",
        tmp_path,
        optimizer="lbfgs",
        learning_rate=1.0,
        epochs=20,
        changes=["optimizer.line_search_fn=strong_wolfe", "optimizer.tolerance_change=1e-12"],
    )
    assert_same(run, LinearRegression().fit(*learned_from(run)))


def test_squared_error_with_decay_is_ridge_regression(tmp_path):
    decay = "optimizer.weight_decay=0.2"
    run = trained(
        "diabetes",
        tmp_path,
        optimizer="sgd",
        learning_rate=0.15,
        epochs=200,
        changes=[MOMENTUM, decay],
    )
    x, y = learned_from(run)
    # the mean of squares + 0.2/2·|w|² is scikit-learn's sum of squares + alpha·|w|², n times
    assert_same(run, Ridge(alpha=0.1 * len(x), tol=1e-10).fit(x, y))


@pytest.mark.parametrize("optimizer", ["sgd", pytest.param("adamw", marks=pytest.mark.slow)])
def test_squared_error_with_l1_is_the_lasso(optimizer, tmp_path):
    changes = {"sgd": [MOMENTUM, FREE], "adamw": [FREE]}[optimizer]
    run = trained(
        "diabetes",
        tmp_path,
        optimizer=optimizer,
        learning_rate={"sgd": 0.15, "adamw": 0.01}[optimizer],
        epochs={"sgd": 300, "adamw": 1500}[optimizer],
        changes=["optimizer.l1=0.1", *changes],
    )
    x, y = learned_from(run)
    # scikit-learn halves the mean of squares
    reference = Lasso(alpha=0.05, tol=1e-12, max_iter=100_000).fit(x, y)
    assert_same(run, reference)
    zeros = run.model.head.weight.detach().numpy()[0] == 0
    assert np.array_equal(zeros, reference.coef_ == 0)
    recorded = {kind: events(run.folder.path, kind)[-1]["zeros"] for kind in ("epoch", "ended")}
    assert recorded == {"epoch": pytest.approx(zeros.mean()), "ended": pytest.approx(zeros.mean())}
    assert 0 < zeros.mean() < 1
    assert dict(fact_tiles(Contents(run.folder)))["weights at 0"] == f"{100 * zeros.mean():.1f} %"


@pytest.mark.parametrize(("data", "penalty"), [("breast-cancer", 0.02), ("wine", 0.05)])
def test_sigmoid_and_softmax_with_decay_are_logistic_regression(data, penalty, tmp_path):
    run = trained(
        data,
        tmp_path,
        optimizer="sgd",
        learning_rate=0.8,
        epochs=250,
        changes=[MOMENTUM, f"optimizer.weight_decay={penalty}"],
    )
    x, y = learned_from(run)
    # scikit-learn adds C times the sum of losses to |w|²/2
    reference = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-10, max_iter=10_000)
    assert_same(run, reference.fit(x, y))


def test_without_a_penalty_nothing_is_said_of_zeros(tmp_path):
    run = trained("iris", tmp_path, optimizer="sgd", learning_rate=0.1, epochs=1)
    assert all("zeros" not in event for event in events(run.folder.path, "epoch"))
    assert (run.recipe.optimizer.l1, run.recipe.optimizer.groups) == (0.0, ())


def test_layers_may_have_options_of_their_own(tmp_path):
    changes = ["optimizer.groups=[{match: 'head.*', l1: 5.0}]"]
    run = fit("iris", epochs=3, changes=["model={name: mlp, hidden: [8]}", *changes], root=tmp_path)
    assert not run.model.head.weight.any()
    assert run.model.head.bias.any()
    assert run.model.linear1.weight.all()
    assert "match: head.*" in (run.folder.path / "recipe.yaml").read_text()
    assert events(run.folder.path, "ended")[-1]["zeros"] == 1.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["optimizer.groups=[{match: 'haed.*'}]"], "patterns that each match a parameter, got"),
        (["optimizer.l1=-1"], "optimizer.l1=-1 breaks"),
        (["optimizer.l1=0.1", "training.ema_decay=0.9"], "left out with optimizer.l1"),
        (["optimizer.l1=0.1", "training.distribution=fsdp"], "data-parallel with optimizer.l1"),
        (["optimizer={name: lbfgs, l1: 0.1}"], "l1 must be 0 with lbfgs"),
    ],
)
def test_what_is_refused(changes, sentence, tmp_path):
    with pytest.raises(BadValue, match=sentence):
        fit("iris", epochs=1, changes=changes, root=tmp_path)
    assert not list(tmp_path.iterdir())
