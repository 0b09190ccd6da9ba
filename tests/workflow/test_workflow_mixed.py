"""Runs whose examples are mixed, from the recipe."""

import math

import pytest
import torch

import netwright as nw
from netwright._errors import BadValue
from netwright.data.sources import pictures as files
from netwright.runs.events import history
from workflow_kit import log_without_clock, pictures, weights

FLAT = "model={name: mlp, hidden: [8]}"


def trained(data, *changes, **options):
    return nw.fit(data, changes=[FLAT, "training.epochs=1", *changes], doctor=False, **options)


@pytest.mark.parametrize("entry", ["{name: mixup, alpha: 0.4}", "cutmix"])
def test_a_run_on_pictures_learns_from_mixtures(entry):
    plain = trained("digits", "augment=[]")
    mixed = trained("digits", f"augment=[{entry}]")
    assert weights(mixed) != weights(plain)
    (named,) = mixed.recipe.augment
    assert named.name in ("mixup", "cutmix")
    assert weights(trained("digits", f"augment=[{entry}]")) == weights(mixed)


def test_rows_of_a_table_are_blended_too():
    assert weights(trained("wine", "augment=[mixup]")) != weights(trained("wine"))
    assert weights(trained("diabetes", "augment=[mixup]")) != weights(trained("diabetes"))
    binary = trained("breast-cancer", "augment=[mixup]")
    as_classes = trained("breast-cancer", "augment=[mixup]", "method.unit=classes")
    assert weights(binary) != weights(as_classes)


def test_workers_change_no_bit_of_mixtures(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FITS_IN_MEMORY", 0)
    folder = pictures(tmp_path / "shades", side=20)
    changes = ("augment=[random-resized-crop, flip, cutmix]", "data.image_size=12")
    one = trained(folder, *changes, "training.workers=0")
    two = trained(folder, *changes, "training.workers=2")
    assert weights(one) == weights(two)
    assert log_without_clock(one) == log_without_clock(two)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        ("wine", ["method.unit=classes-hinge"]),
        ("breast-cancer", ["method.unit=binary-hinge"]),
        ("diabetes", ["data.kind=quantiles"]),
        ("diabetes", ["data.kind=bins"]),
        ("diabetes", ["method.unit=real-absolute"]),
    ],
)
def test_units_without_a_meaning_for_it_are_refused(data, changes):
    with pytest.raises(BadValue, match="augment must be without mixup and cutmix for"):
        trained(data, "augment=[mixup]", *changes)


def test_the_recorded_loss_is_that_of_the_mixed_targets():
    """With scores that stay 0 it is ln 10 for every law over the classes, and for nothing else."""
    frozen = torch.nn.Linear(64, 10)
    torch.nn.init.zeros_(frozen.weight)
    torch.nn.init.zeros_(frozen.bias)
    run = nw.fit(
        "digits", model=torch.nn.Sequential(torch.nn.Flatten(), frozen), doctor=False,
        changes=["augment=[{name: mixup, alpha: 1.0}]", "training.epochs=1",
                 "optimizer={name: sgd, learning_rate: 1e-30}"],
    )  # fmt: skip
    losses = [event["loss"] for event in history(run.folder.path, "step")]
    assert losses
    assert all(abs(value - math.log(10)) < 1e-4 for value in losses)
