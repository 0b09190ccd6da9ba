"""Methods that show the network itself, by the command that explains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.explain.drawing.pictures import draw_filters
from netwright.metrics.base import Prediction
from netwright.workflow.explaining.explainable import Explainable, Network
from netwright.workflow.explaining.pictured import is_pictured, pictured


def network():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))
    return Explainable(
        name="net", networks=(Network(model=model, preprocess=nn.Identity()),),
        answer=lambda raw: Prediction(outputs=raw), kind="classes", names=tuple("abcde"),
        input_kind="image", size=(8, 8),
    )  # fmt: skip


@pytest.fixture
def place(tmp_path):
    from PIL import Image

    for number in range(2):
        pixels = torch.randint(0, 256, (8, 8, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return str(tmp_path)


def shown(of, method, place, **options):
    return pictured(of, method, places=[place], count=2, wished="c", options=options)


def test_each_is_what_the_method_draws(place):
    of = network()
    model = of.networks[0].model
    filters = shown(of, "filters", place, together=True)
    assert filters.tobytes() == draw_filters(model, together=True).tobytes()
    assert filters.tobytes() != draw_filters(model).tobytes()


def test_what_shows_the_network_stands_alone():
    assert is_pictured(["histograms"])
    assert not is_pictured(["saliency", "mine.py:own"])
    with pytest.raises(BadValue, match="must be filters alone"):
        is_pictured(["saliency", "filters"])
