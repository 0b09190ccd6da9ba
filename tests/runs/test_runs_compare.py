from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright._errors import BadValue, DamagedRun
from netwright.runs.compare import compare
from netwright.runs.files import decode, encode
from netwright.runs.store import RunFolder


def make(root, *, recipe="", outputs=None, targets=None, index=None, kind="classes", of="abc"):
    run = RunFolder.create(root, "run")
    run.write_text("recipe.yaml", recipe)
    run.write_json("environment.json", {"began": run.name, "versions": {"torch": "2.11"}})
    run.write_json("data.json", {"fingerprint": of, "target": {"kind": kind, "names": []}})
    if outputs is not None:
        index = torch.arange(len(outputs)) if index is None else index
        tensors = {"outputs": outputs, "targets": targets, "index": index}
        run.write_tensors("evaluation/test.safetensors", tensors)
        metrics = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "n": len(outputs)}}
        run.write_json("evaluation/test.json", {"split": "test", "metrics": metrics})
    return run


def test_only_what_differs_is_named(tmp_path):
    first = make(tmp_path, recipe="seed: 0\noptimizer: {name: sgd, learning_rate: 0.1}\nflag: 1\n")
    second = make(
        tmp_path, recipe="seed: 0\noptimizer: {name: adam, learning_rate: 0.1}\nflag: true\n"
    )
    third = make(tmp_path, recipe="seed: 0\noptimizer: {name: sgd}\nflag: 1\nnew: [1, 2]\n")
    third.write_json("environment.json", {"began": "x", "versions": {"torch": "2.12"}})
    found = compare([first, second, third])
    assert found.runs == ("run-1", "run-2", "run-3")
    assert found.recipe == {
        "optimizer.name": ["sgd", "adam", "sgd"],
        "optimizer.learning_rate": [0.1, 0.1, None],
        "flag": [1, True, 1],
        "new": [None, None, [1, 2]],
    }
    assert found.environment == {"versions.torch": ["2.11", "2.11", "2.12"]}
    assert found.outcome == {}
    assert found.paired == ()


def test_the_same_examples_are_compared_one_by_one(tmp_path):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 3, (400,), generator=generator)
    wrong = torch.rand(400, generator=generator) < 0.1
    worse = wrong | (torch.rand(400, generator=generator) < 0.05)
    first = make(tmp_path, outputs=(targets + wrong.long()) % 3, targets=targets)
    order = torch.randperm(400, generator=generator)  # the same examples in another order
    second = make(
        tmp_path,
        outputs=((targets + worse.long()) % 3)[order],
        targets=targets[order],
        index=order,
    )
    (gap,) = compare([first, second]).paired
    expected = (worse.double() - wrong.double()).numpy()
    assert (gap.figure, gap.first, gap.second, gap.n) == ("accuracy", "run-1", "run-2", 400)
    assert gap.difference == pytest.approx(expected.mean(), abs=1e-12)
    normal = 1.96 * expected.std() / np.sqrt(400)  # an independent reference for the interval
    assert gap.low == pytest.approx(gap.difference - normal, abs=0.004)
    assert gap.high == pytest.approx(gap.difference + normal, abs=0.004)


def test_regression_and_labels_have_their_own_scores(tmp_path):
    targets = torch.tensor([[1.0], [2.0], [4.0]])
    first = make(tmp_path, outputs=targets + 1, targets=targets, kind="real")
    second = make(tmp_path, outputs=targets - 3, targets=targets, kind="real")
    (gap,) = compare([first, second]).paired
    assert (gap.figure, gap.difference, gap.low, gap.high) == ("squared error", -8, -8, -8)
    labels = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    first = make(tmp_path, outputs=labels, targets=labels, kind="multi-label")
    second = make(tmp_path, outputs=1 - labels, targets=labels, kind="multi-label")
    (gap,) = compare([first, second]).paired
    assert (gap.figure, gap.difference) == ("accuracy", 1)


@pytest.mark.parametrize("change", ["index", "targets", "of"])
def test_different_examples_are_not_paired(tmp_path, change):
    targets = torch.tensor([0, 1, 1])
    first = make(tmp_path, outputs=targets, targets=targets)
    changes = {"index": torch.tensor([0, 1, 3]), "targets": torch.tensor([0, 1, 0]), "of": "xyz"}
    arguments = {"outputs": targets, "targets": targets, change: changes[change]}
    second = make(tmp_path, **arguments)
    found = compare([first, second])
    assert found.paired == ()
    assert found.outcome["test"]["accuracy"][1]["n"] == 3


def test_a_run_cut_short_has_none_in_its_place(tmp_path):
    targets = torch.tensor([0, 1, 1])
    first = make(tmp_path, outputs=targets, targets=targets)
    second = RunFolder.create(tmp_path / "elsewhere", "run")
    found = compare([first, second])
    assert found.outcome["test"]["accuracy"][1] is None
    assert found.environment == {"versions.torch": ["2.11", None]}
    assert found.runs == (str(first.path), str(second.path))
    assert decode(encode(found.to_json()))["paired"] == []


def test_what_cannot_be_compared_is_said(tmp_path):
    run = make(tmp_path)
    with pytest.raises(BadValue, match="two runs or more"):
        compare([run])
    with pytest.raises(DamagedRun, match=r"recipe.yaml must be YAML"):
        compare([run, make(tmp_path, recipe="a: [1")])


def test_answers_of_another_shape_than_the_target_have_no_common_score(tmp_path):
    targets = torch.tensor([1.0, 2.0, 4.0])
    quantiles = targets[:, None] + torch.tensor([-1.0, 0.0, 1.0])
    runs = [make(tmp_path, outputs=quantiles, targets=targets, kind="real") for _ in range(2)]
    assert compare(runs).paired == ()
