"""A trained run asked about other data: predict, evaluate."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import netwright as nw
from netwright._errors import BadData, NetwrightError
from netwright.workflow.answer import evaluate
from workflow_kit import TINY, blobs, pictures, table


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """A run that tells dark from grey from light pictures, and its folder."""
    root = tmp_path_factory.mktemp("shades")
    folder = pictures(root / "shades", each=12, side=16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nw.Run, "report", lambda self: "")
        changes = ["augment=[]", "training.epochs=8", "training.batch_size=8"]
        return nw.fit(folder, model="lenet", changes=changes, root=root / "runs"), folder


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    root = tmp_path_factory.mktemp("pets")
    path = table(root / "pets.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nw.Run, "report", lambda self: "")
        return nw.fit(path, changes=[*TINY, "training.epochs=20"], root=root / "runs"), path


def loose(source, into):
    into.mkdir()
    for path in source.rglob("*.png"):
        shutil.copy(path, into / f"{path.parent.name}{path.name}")
    return into


def test_pictures_without_class_folders_get_the_answers_of_those_with(shades, tmp_path):
    run, folder = shades
    sorted_ones = nw.predict(run, folder)
    assert len(sorted_ones) == 36
    right = [one.label.split("/")[0] == one.prediction for one in sorted_ones]
    assert np.mean(right) > 0.8  # it learned something: the answers below are not all one class
    unsorted = {one.label: one for one in nw.predict(run, loose(folder, tmp_path / "loose"))}
    for one in sorted_ones:
        other = unsorted[one.label.replace("/", "")]
        assert other.prediction == one.prediction
        assert other.probabilities == pytest.approx(one.probabilities, abs=1e-6)
        assert one.prediction == max(one.probabilities, key=one.probabilities.get)
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_one_picture(shades):
    run, folder = shades
    (one,) = nw.predict(run, folder / "c" / "3.png")
    (same,) = [answer for answer in nw.predict(run, folder) if answer.label == "c/3.png"]
    assert one.label == "3.png"
    assert one.prediction == same.prediction
    assert one.probabilities == pytest.approx(same.probabilities, abs=1e-6)


def test_pictures_of_another_size_and_colour_are_brought_to_the_trained_one(shades, tmp_path):
    run, _ = shades
    for name, mode, size in (("a", "RGB", (20, 30)), ("b", "L", (9, 8)), ("c", "P", (64, 64))):
        Image.new(mode, size).save(tmp_path / f"{name}.png")
    assert [one.label for one in nw.predict(run, tmp_path)] == ["a.png", "b.png", "c.png"]
    assert len(nw.predict(run, tmp_path / "a.png")) == 1


def test_a_picture_that_can_not_be_read_is_named(shades, tmp_path):
    run, folder = shades
    loose(folder, tmp_path / "loose")
    (tmp_path / "loose" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(BadData, match=r"broken\.png"):
        nw.predict(run, tmp_path / "loose")
    assert len(nw.predict(run, tmp_path / "loose", skip_bad=True)) == 36
    for path in ("loose/broken.png", "nowhere.png"):
        with pytest.raises(BadData, match="picture"):
            nw.predict(run, tmp_path / path)


def test_a_run_is_asked_again_after_it_was_loaded(shades):
    run, folder = shades
    for one, other in zip(
        nw.predict(nw.load(run.folder), folder), nw.predict(run, folder), strict=False
    ):
        assert (one.label, one.prediction) == (other.label, other.prediction)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)  # other layout


def test_run_predict_takes_raw_inputs(shades):
    run, folder = shades
    raw = torch.from_numpy(np.array(Image.open(folder / "a" / "0.png")))[None, None]
    answer = run.predict(raw)
    (one,) = nw.predict(run, folder / "a" / "0.png")
    assert run.state["target"]["names"][int(answer.outputs[0])] == one.prediction


def test_a_table_without_the_target_gets_the_answers_of_one_with(pets, tmp_path):
    run, path = pets
    with_target = nw.predict(run, path)
    rows = [line.rsplit(",", 1)[0] for line in path.read_text().splitlines()]
    (tmp_path / "new.csv").write_text("\n".join(rows))
    assert nw.predict(run, tmp_path / "new.csv") == with_target
    turned = ["colour,height,extra"]
    turned += [",".join([*row.split(",")[::-1], "7"]) for row in rows[1:]]
    (tmp_path / "turned.csv").write_text("\n".join(turned))
    assert nw.predict(run, tmp_path / "turned.csv") == with_target
    assert with_target[0].label == "row 1"


def test_a_table_that_lacks_a_column_is_refused(pets, tmp_path):
    (tmp_path / "new.csv").write_text("height,weight\n1,2\n3,4\n")
    with pytest.raises(BadData, match="colour"):
        nw.predict(pets[0], tmp_path / "new.csv")


def test_a_word_never_seen_is_answered(pets, tmp_path):
    (tmp_path / "new.csv").write_text("height,colour\n1.5,green\n,red\n")
    assert len(nw.predict(pets[0], tmp_path / "new.csv")) == 2


@pytest.mark.parametrize("asked", ["pictures of a table", "a table of pictures"])
def test_data_of_another_kind_are_refused(asked, shades, pets):
    run, data = (pets[0], shades[1]) if asked == "pictures of a table" else (shades[0], pets[1])
    with pytest.raises(BadData, match="of the kind the run was trained on"):
        nw.predict(run, data)


def test_a_table_run_refuses_a_picture_file(shades, pets):
    with pytest.raises(NetwrightError):
        nw.predict(pets[0], shades[1] / "a" / "0.png")


# --- evaluate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["shades", "pets"])
def test_its_own_data_are_judged_on_the_test_split(which, request):
    run, data = request.getfixturevalue(which)
    record = evaluate(run, data)
    assert record["split"] == "test"
    recorded = run.folder.read_json("evaluation/test.json")
    assert record["metrics"].keys() == recorded["metrics"].keys()
    for name, estimate in recorded["metrics"].items():
        for end in ("value", "low", "high", "n"):
            assert record["metrics"][name][end] == pytest.approx(estimate[end], abs=1e-6)
    assert record["confusion"] == recorded["confusion"]
    parts = [evaluate(run, data, split=split)["n"] for split in ("train", "val", "test")]
    assert sum(parts) == evaluate(run, data, split="all")["n"]


def test_a_split_that_is_not_there_is_refused(pets):
    with pytest.raises(NetwrightError, match="split"):
        evaluate(*pets, split="tset")


def test_other_data_are_judged_whole_with_classes_by_name(shades, tmp_path):
    run, folder = shades
    other = tmp_path / "other"
    other.mkdir()
    for place, name in enumerate("bc"):  # a class fewer: c is 1 there and 2 in training
        shutil.copytree(folder / name, other / name)
        (other / name / f"extra{place}.png").write_bytes((folder / name / "0.png").read_bytes())
    record = evaluate(run, other)
    assert (record["split"], record["n"]) == ("all", 26)
    right = [one.label.split("/")[0] == one.prediction for one in nw.predict(run, other)]
    assert record["metrics"]["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert sum(record["confusion"][0]) == 0
    assert [sum(row) for row in record["confusion"]] == [0, 13, 13]


def test_strange_classes_are_refused_by_name(shades, tmp_path):
    run, folder = shades
    for name, called in (("a", "a"), ("b", "snow")):
        shutil.copytree(folder / name, tmp_path / "other" / called)
    with pytest.raises(BadData, match=r"a, b, c.*snow"):
        evaluate(run, tmp_path / "other")


def test_rows_of_a_table_in_another_order_of_classes(pets, tmp_path):
    run, path = pets
    head, *rows = path.read_text().splitlines()
    (tmp_path / "dogs.csv").write_text("\n".join([head, *rows[1::2], *rows[:2]]))
    record = evaluate(run, tmp_path / "dogs.csv")
    assert record["split"] == "all"
    answers = nw.predict(run, tmp_path / "dogs.csv")
    wanted = [row.rsplit(",", 1)[1] for row in [*rows[1::2], *rows[:2]]]
    right = [a.prediction == word for a, word in zip(answers, wanted, strict=True)]
    assert record["metrics"]["accuracy"]["value"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize("column", ["group", "time"])
def test_a_grouped_split_is_found_again(column, tmp_path):
    x, y = blobs()
    rows = [
        f"{a[0]:.3f},{a[1]:.3f},{place % 10},{k}"
        for place, (a, k) in enumerate(zip(x, y, strict=True))
    ]
    (tmp_path / "g.csv").write_text("\n".join(["p,q,clinic,kind", *rows]))
    run = nw.fit("g.csv", changes=[*TINY, f"data.{column}=clinic"])
    record = evaluate(run, "g.csv")
    assert record["split"] == "test"
    assert record["confusion"] == run.folder.read_json("evaluation/test.json")["confusion"]


def test_numbers_are_judged(tmp_path):
    x, _ = blobs()
    rows = [f"{a[0]:.3f},{a[1]:.3f},{a[0] + a[1]:.3f}" for a in x]
    (tmp_path / "sum.csv").write_text("\n".join(["p,q,total", *rows]))
    run = nw.fit("sum.csv", changes=TINY)
    record = evaluate(run, "sum.csv", split="all")
    answers = np.array([float(one.prediction) for one in nw.predict(run, "sum.csv")])
    wanted = np.array([float(row.rsplit(",", 1)[1]) for row in rows])
    assert record["metrics"]["root_mean_squared_error"]["value"] == pytest.approx(
        np.sqrt(np.mean((answers - wanted) ** 2)), rel=1e-3
    )


def test_evaluating_changes_nothing_in_the_run(pets):
    run, path = pets
    before = {name: value.clone() for name, value in run.method.state_dict().items()}
    files = {p: p.stat().st_mtime_ns for p in run.folder.path.rglob("*")}
    state = torch.get_rng_state()
    evaluate(run, path)
    nw.predict(run, path)
    assert all(torch.equal(value, before[name]) for name, value in run.method.state_dict().items())
    assert {p: p.stat().st_mtime_ns for p in run.folder.path.rglob("*")} == files
    assert torch.equal(torch.get_rng_state(), state)
