import json
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.methods.base import Method, Prediction, Stage
from netwright.metrics.standard import standard_metrics
from netwright.runs.events import events
from netwright.runs.recipe import Recipe
from netwright.workflow import cross_validation, judging, one_of_several
from netwright.workflow.cross_validation import cross_validate, go_on
from workflow_kit import TINY, Pairs, blobs


class Ridge(Method):
    """Least squares with a penalty, in closed form and in double precision."""

    def __init__(self, features, *, penalty):
        super().__init__()
        self.linear = nn.Linear(features, 1, dtype=torch.float64)
        self.penalty = penalty

    def stages(self):
        return (Stage(name="solve", fit=self.fit),)

    def phases(self, stage):
        return ()

    @torch.no_grad()
    def fit(self, stream):
        gram, moment = 0.0, 0.0
        for one in stream:
            x = torch.cat([one.inputs, torch.ones(len(one.inputs), 1)], 1).double()
            gram, moment = gram + x.T @ x, moment + x.T @ one.targets[:, None].double()
        penalties = torch.full((len(gram),), self.penalty, dtype=torch.float64)
        penalties[-1] = 0.0
        solution = torch.linalg.solve(gram + penalties.diag(), moment)
        self.linear.weight.copy_(solution[:-1].T)
        self.linear.bias.copy_(solution[-1])

    def predict(self, inputs):
        return Prediction(outputs=self.linear(inputs.double())[:, 0])

    def metrics(self):
        return standard_metrics("real", num_outputs=1)


@pytest.fixture
def quick(monkeypatch):
    """Pages and intervals take most of the time of a run of a moment."""
    monkeypatch.setattr(
        "netwright.report.write_report", lambda folder: folder.write_text("report.html", "")
    )
    for module in (judging, cross_validation):
        name = "judge" if module is judging else "pooled"
        real = getattr(module, name)
        monkeypatch.setattr(module, name, partial(real, n_resamples=20))


@pytest.mark.usefixtures("quick")
def test_leaving_one_out_is_the_closed_form(tmp_path):
    """PRESS: the error of each example is its residual over 1 − its leverage."""
    random, penalty, count = np.random.default_rng(0), 2.0, 6
    x = random.normal(size=(count, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] + random.normal(size=count)).astype(np.float32)
    changes = ["split.val=0", "preprocess=none"]
    found = cross_validate(
        (x, y),
        folds="leave-one-out",
        method=Ridge(3, penalty=penalty),
        changes=changes,
        root=tmp_path,
    )
    wide = np.c_[x, np.ones(count)].astype(np.float64)
    shrunk = np.diag([penalty] * 3 + [0.0])
    hat = wide @ np.linalg.solve(wide.T @ wide + shrunk, wide.T)
    press = (y - hat @ y) / (1 - np.diag(hat))
    rmse = found.figures["root_mean_squared_error"]
    assert rmse.pooled.value == pytest.approx(np.sqrt(np.mean(press**2)), rel=1e-6)
    assert sorted(rmse.values) == pytest.approx(sorted(np.abs(press)), rel=1e-5)
    assert found.figures["r2"].mean is None  # one example has no variance
    assert any("r2" in note for note in found.notes)


@pytest.mark.usefixtures("quick")
def test_each_fold_is_fitted_on_its_own_training_part(tmp_path):
    x, y = blobs(60)
    options = {"folds": 2, "repeats": 2, "changes": TINY}
    found = cross_validate((x, y), root=tmp_path, name="cv", **options)
    assert found.is_whole
    held = []
    means = set()
    for name in found.runs:
        state = json.loads((tmp_path / "cv" / name / "preprocess.json").read_text())
        means.add(json.dumps(state["preprocess"]))
        recipe = Recipe.read(tmp_path / "cv" / name / "recipe.yaml")
        held.append((recipe.split.fold.repeat, recipe.seed))
    assert len(means) == 4
    assert held == [(1, 0)] * 2 + [(2, 1)] * 2
    accuracy = found.figures["accuracy"]
    assert accuracy.corrected is not None
    assert accuracy.pooled.n == 60
    kept = json.loads((tmp_path / "cv" / "summary.json").read_text())
    assert kept["figures"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracy.values))
    assert "accuracy" in (tmp_path / "cv" / "report.html").read_text()


@pytest.mark.usefixtures("quick")
def test_a_module_begins_each_fold_anew(tmp_path):
    data, module = blobs(60), nn.Linear(4, 3)
    before = module.weight.detach().clone()
    options = {"folds": 2, "changes": TINY[1:], "root": tmp_path}
    found = cross_validate(data, model=module, **options)
    assert torch.equal(module.weight, before)
    digests = {
        json.loads((found.path / run / "given.json").read_text())["weights"] for run in found.runs
    }
    assert len(digests) == 1


class Stopped(Exception):
    pass


@pytest.mark.usefixtures("quick")
def test_an_interrupted_one_goes_on_where_it_stopped(tmp_path, monkeypatch):
    data, options = blobs(60), {"folds": 2, "changes": TINY}
    whole = cross_validate(data, root=tmp_path, name="whole", **options)
    real, done = one_of_several.run_recipe, []

    def failing(*arguments, **keywords):
        if len(done) == 1:
            raise Stopped
        done.append(keywords["name"])
        return real(*arguments, **keywords)

    monkeypatch.setattr(one_of_several, "run_recipe", failing)
    with pytest.raises(Stopped):
        cross_validate(data, root=tmp_path, name="cut", **options)
    trained = []
    monkeypatch.setattr(
        one_of_several,
        "run_recipe",
        lambda *a, **k: (trained.append(k["name"]), real(*a, **k))[1],
    )
    again = go_on(tmp_path / "cut", data=data)
    assert done == ["fold-1"]
    assert trained == ["fold-2"]
    assert again.figures == whole.figures
    assert all(len(events(tmp_path / "cut" / run, "attempt")) == 1 for run in again.runs)


@pytest.mark.usefixtures("quick")
def test_other_data_are_not_gone_on_with(tmp_path):
    data = blobs(60)
    cross_validate(data, folds=2, changes=TINY, root=tmp_path, name="cut")
    (tmp_path / "cut" / "fold-2" / "report.html").unlink()
    (tmp_path / "cut" / "fold-2" / "recipe.yaml").unlink()
    (tmp_path / "cut" / "fold-2").rename(tmp_path / "elsewhere")
    with pytest.raises(BadValue, match="what the recipe was made with"):
        go_on(tmp_path / "cut", data=blobs(50))


def test_what_can_not_be_divided_is_refused(tmp_path):
    loader = torch.utils.data.DataLoader(Pairs(*blobs(20)))
    with pytest.raises(BadType, match="Give its dataset"):
        cross_validate(loader, model=nn.Linear(4, 3), root=tmp_path)
    for folds, rule in ((1, "at least 2"), ("some", "leave-one-out"), (90, "from 2 to 60")):
        with pytest.raises(BadValue, match=rule):
            cross_validate(blobs(60), folds=folds, root=tmp_path)
    with pytest.raises(BadValue, match="repeats must be at least 1"):
        cross_validate(blobs(60), repeats=0, root=tmp_path)
    with pytest.raises(BadValue, match="names no fold"):
        cross_validate(blobs(60), changes=["split.fold={number: 1, of: 3}"], root=tmp_path)
    assert not list(tmp_path.iterdir())
