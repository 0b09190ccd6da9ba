"""What a run's evaluation says, recomputed from its own answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.workflow.in_words import in_words
from workflow_kit import TINY, blobs


@pytest.fixture
def judged():
    x, y = blobs(200)
    run = nw.fit((x * 0.3, y), changes=[*TINY, "training.epochs=3"])
    return run.folder, run.folder.read_json("evaluation/test.json")


def test_the_record_agrees_with_the_answers_beside_it(judged):
    folder, record = judged
    answers = folder.read_arrays("evaluation/test.safetensors")
    truth, said = answers["targets"], answers["outputs"]
    names = record["names"]
    assert (truth != said).any()  # else the rest would say little
    confusion = [[int(((truth == t) & (said == s)).sum()) for s in range(3)] for t in range(3)]
    assert record["confusion"] == confusion
    assert record["n"] == len(truth)
    assert record["metrics"]["accuracy"]["value"] == pytest.approx((truth == said).mean())
    for place, name in enumerate(names):
        hit = ((truth == place) & (said == place)).sum()
        row = record["per_class"][name]
        assert row["n"] == (truth == place).sum()
        assert row["recall"] == pytest.approx(hit / (truth == place).sum())
        assert row["precision"] == pytest.approx(hit / (said == place).sum())
    pairs = {
        (pair["target"], pair["prediction"]): pair["count"] for pair in record["confused_pairs"]
    }
    for (true, other), count in pairs.items():
        assert count == confusion[names.index(true)][names.index(other)] > 0
        assert true != other


def test_the_errors_shown_are_errors_and_the_surest_come_first(judged):
    folder, record = judged
    rows = folder.read_json("pictures/errors.json")
    answers = folder.read_arrays("evaluation/test.safetensors")
    by_index = {int(where): place for place, where in enumerate(answers["index"])}
    assert len(rows) == min(24, int((answers["targets"] != answers["outputs"]).sum()))
    for row in rows:
        place = by_index[row["index"]]
        assert row["target"] == record["names"][answers["targets"][place]]
        assert row["prediction"] == record["names"][answers["outputs"][place]] != row["target"]
        assert row["confidence"] == pytest.approx(float(answers["probabilities"][place].max()))
    sure = [row["confidence"] for row in rows]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize(
    ("value", "kind", "names", "words"),
    [
        (1, "binary", ("no", "yes"), "yes"),
        (torch.tensor(2), "classes", ("a", "b", "c"), "c"),
        (torch.tensor(0), "ordinal", ("1", "2"), "1"),
        (torch.tensor([1.0, 0.0, 1.0]), "multi-label", ("a", "b", "c"), "a, c"),
        (torch.zeros(2), "multi-label", ("a", "b"), "–"),
        (torch.tensor(325123.44), "real", ("y",), "325123.4"),
        (torch.tensor([1.0, 2.5]), "quantiles", ("y",), "1, 2.5"),
        (np.float32(7), "counts", ("y",), "7"),
    ],
)
def test_in_words(value, kind, names, words):
    assert in_words(value, kind=kind, names=names) == words
