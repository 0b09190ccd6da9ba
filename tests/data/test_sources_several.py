"""Several targets of an example: what they are, where they lie, and what may be missing."""

import numpy as np
import pytest
import torch

from netwright._errors import BadData, NetwrightError
from netwright.data.dataset import TargetKind
from netwright.data.open import open_data

X = np.arange(24.0).reshape(12, 2).astype(np.float32)
DIGIT = np.arange(12) % 3
INK = np.linspace(0.1, 0.9, 12)


def test_a_mapping_of_targets_lies_side_by_side_each_of_its_own_kind():
    marks = np.arange(24).reshape(12, 2) % 3 % 2
    target = open_data((X, {"digit": DIGIT, "ink": INK, "marks": marks})).target
    assert target.kind is TargetKind.SEVERAL
    assert target.names == ("digit", "ink", "marks")
    assert target.columns == 4
    wanted = np.concatenate([DIGIT[:, None], INK[:, None], marks], axis=1).astype(np.float32)
    assert np.array_equal(target.values.numpy(), wanted)
    assert target.described() == {
        "kind": "several",
        "names": ["digit", "ink", "marks"],
        "parts": {
            "digit": {"kind": "classes", "names": ["0", "1", "2"]},
            "ink": {"kind": "real", "names": ["ink"]},
            "marks": {"kind": "multi-label", "names": ["marks 0", "marks 1"]},
        },
    }


def test_an_example_may_lack_some_targets_and_not_all():
    digit, ink = DIGIT.astype(float), INK.copy()
    digit[[2, 5]], ink[5], ink[7] = np.nan, np.nan, np.inf
    with pytest.raises(BadData, match=r"x\[5\] \(missing"):
        open_data((X, {"digit": digit, "ink": ink}))
    data = open_data((X, {"digit": digit, "ink": ink}), skip_bad=True)
    assert len(data) == 11
    assert [one.what for one in data.skipped] == ["x[5]"]
    assert data.target.parts["digit"].kind is TargetKind.CLASSES  # whole but for the gap
    missing = data.target.values.isnan()
    assert missing[:, 0].nonzero().flatten().tolist() == [2]
    assert missing[:, 1].nonzero().flatten().tolist() == [6]
    words = np.array([None, "cat", "dog"] * 4, dtype=object)
    target = open_data((X, {"digit": DIGIT, "pet": words})).target
    assert target.parts["pet"].names == ("cat", "dog")
    assert target.values[:3, 1].isnan().tolist() == [True, False, False]


def test_splits_have_the_same_tasks():
    both = {"digit": DIGIT, "ink": INK}
    data = open_data({"train": (X, both), "test": (X, both)})
    assert data.target.values.shape == (24, 2)
    with pytest.raises(BadData, match="same tasks"):
        open_data({"train": (X, both), "test": (X, {"digit": DIGIT})})
    with pytest.raises(BadData, match=r"x \(ink\)"):
        open_data((X, {"digit": DIGIT, "ink": INK[:5]}))


@pytest.fixture
def table(tmp_path):
    lines = ["a,b,price,colour,ok"]
    for row in range(12):
        price = "" if row == 3 else f"{row * 1.5}"
        lines.append(f"{row},{row % 5},{price},{('red', 'blue')[row % 2]},{('True', '')[row % 2]}")
    lines[-1] = lines[-1].replace(",True", ",False")
    lines[1] = lines[1].replace(",True", ",False")
    path = tmp_path / "things.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_columns_of_a_table_are_tasks_of_unlike_kinds(table):
    data = open_data(table, target="price,colour,ok", kind="several")
    kinds = {task: str(part.kind) for task, part in data.target.parts.items()}
    assert kinds == {"price": "real", "colour": "binary", "ok": "binary"}
    assert data.target.parts["ok"].names == ("False", "True")
    assert data.samples.names == ("a", "b")
    assert data.target.values[3].isnan().tolist() == [True, False, True]
    with pytest.raises(BadData, match="multi-task"):
        open_data(table, target="price,colour", skip_bad=True)


def test_kinds_can_be_given_by_task(table):
    target = open_data(table, target="price,b", kind={"b": "real", "price": "bins"}).target
    assert [str(part.kind) for part in target.parts.values()] == ["bins", "real"]
    target = open_data((X, {"digit": DIGIT}), kind={"digit": "ordinal"}).target
    assert target.parts["digit"].kind is TargetKind.ORDINAL
    for wrong in ({"colour": "real"}, {"digit": "several"}, {"digit": "good"}):
        with pytest.raises(NetwrightError, match=r"colour|several|good"):
            open_data((X, {"digit": DIGIT}), kind=wrong)
    with pytest.raises(NetwrightError, match="kind must be"):
        open_data((X, {"digit": DIGIT}), kind="real")
    with pytest.raises(NetwrightError, match="kind must be"):
        open_data((X, DIGIT), kind={"digit": "real"})
    with pytest.raises(NetwrightError, match="kinds must be left out"):
        open_data("digits", kind={"class": "ordinal"})


def test_one_target_is_several_of_one():
    target = open_data((X, DIGIT), kind="several").target
    assert list(target.parts) == ["target"]
    assert torch.equal(target.values[:, 0], torch.from_numpy(DIGIT).float())
    assert list(open_data("digits", kind="several").target.parts) == ["class"]
    with pytest.raises(BadData, match=r"Task pet: .*one class only"):
        open_data((X, {"digit": DIGIT, "pet": ["cat"] * 12}))
    with pytest.raises(BadData, match="task ink must have a target"):
        open_data((X, {"digit": DIGIT, "ink": np.full(12, np.nan)}))
