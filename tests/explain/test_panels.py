"""Several methods side by side, and what they are asked with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright import explain
from netwright._errors import BadType, BadValue
from netwright.explain import explanations as module_of_the_same_name
from netwright.explain.drawing.bars import bars, largest
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.explain.explanations import AT_ONCE, Explanation, Refusal, map_methods


@pytest.fixture
def network():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(12, 4),
    )  # fmt: skip


def ones(model, inputs, *, target=None, height=1.0):
    return torch.full((len(inputs), 8, 8), height)


def refusing(model, inputs, *, target=None):
    raise BadValue("model must be deep, got model='shallow'.")


def test_every_method_is_asked_or_named_with_its_reason(network):
    assert module_of_the_same_name is explain.explanations  # the function, not its file
    found = explain.explanations(network, torch.rand(2, 1, 8, 8), methods=["saliency", refusing])
    assert isinstance(found[0], Explanation)
    assert found[0].maps.shape == (2, 8, 8)
    assert found[1] == Refusal(method="refusing", reason="model must be deep, got model='shallow'.")


def test_pieces_are_the_whole_and_keep_their_targets(network):
    inputs = torch.rand(AT_ONCE + 3, 1, 8, 8)
    target = torch.arange(len(inputs)) % 4
    (found,) = explain.explanations(network, inputs, methods=["gradient"], target=target)
    whole = explain.gradient(network, inputs, target=target)
    torch.testing.assert_close(found.maps, whole)


def test_options_reach_the_method_that_they_are_for(network):
    inputs = torch.rand(1, 1, 8, 8)
    (found,) = explain.explanations(
        network, inputs, methods=[ones], options={"ones": {"height": 3.0}}
    )
    assert float(found.maps.mean()) == 3.0
    with pytest.raises(BadValue, match="option of ones must be a known one"):
        explain.explanations(network, inputs, methods=[ones], options={"ones": {"depth": 3}})
    with pytest.raises(BadValue, match="method must be a known method"):
        explain.explanations(network, inputs, methods=[ones], options={"saliency": {}})
    with pytest.raises(BadValue, match="Did you mean saliency"):
        explain.explanations(network, inputs, methods=["salience"])
    with pytest.raises(BadValue, match="method must be one that gives maps"):
        explain.explanations(network, inputs, methods=["pointing-game"])


def test_all_methods_of_the_catalogue_are_asked(network):
    found = explain.explanations(network, torch.rand(1, 1, 8, 8))
    assert [one.method for one in found] == map_methods()
    assert {"gradient", "saliency", "grad-cam"} <= set(map_methods())


def test_a_panel_has_a_cell_for_the_picture_and_for_each_method(network):
    inputs = torch.rand(1, 1, 8, 8)
    two = explain.panel(network, inputs, methods=["saliency", "gradient"])
    one = explain.panel(network, inputs, methods=["saliency"])
    assert two.width > one.width
    assert two.height == one.height
    wrapped = explain.panel(network, inputs, methods=["saliency", "gradient"], columns=2)
    assert wrapped.height > two.height
    noted = explain.panel(network, inputs, methods=["saliency", refusing])
    assert noted.height > one.height


def test_a_panel_is_drawn_over_the_pictures_that_are_given(network):
    inputs = torch.rand(1, 1, 8, 8)
    picture = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    picture[:, 0] = 255
    drawn = np.asarray(explain.panel(network, inputs, methods=["saliency"], pictures=picture))
    assert (drawn == (255, 0, 0)).all(axis=2).sum() > 10_000


def test_what_is_explained_is_said(network, monkeypatch):
    said = []
    from netwright.explain.drawing import panels

    monkeypatch.setattr(panels, "draw", lambda rows, **_: said.extend(one.said for one in rows))
    inputs = torch.rand(2, 1, 8, 8)
    shares = network(inputs).softmax(1)
    explain.panel(network, inputs, methods=["saliency"], target=[2, 3], names="abc")
    assert said == [f"c, {100 * shares[0, 2]:.1f} %", f"class 3, {100 * shares[1, 3]:.1f} %"]
    said.clear()
    explain.panel(network, inputs, methods=["saliency"], target=lambda out: out.sum(1))
    assert said == ["of the target given"] * 2


def test_refusals_of_a_panel(network):
    with pytest.raises(BadValue, match=r"inputs must be pictures \(n, c, h, w\)"):
        explain.panel(network, torch.rand(2, 8))
    with pytest.raises(BadValue, match=r"defined for the model, at least one.*must be deep"):
        explain.panel(network, torch.rand(2, 1, 8, 8), methods=[refusing])
    with pytest.raises(BadType):
        explain.panel(3, torch.rand(2, 1, 8, 8), methods=[ones])


def test_bars_show_the_largest_with_their_signs():
    values = torch.tensor([0.1, -2.0, 1.0, 0.0])
    assert largest(values, 2) == [1, 2]
    drawn = np.asarray(bars(values, ["a", "b", "c", "d"], shown=2)).astype(int)
    red, blue = drawn[..., 0] - drawn[..., 2] > 80, drawn[..., 2] - drawn[..., 0] > 80
    assert blue[:20].sum() > 1.8 * red[20:40].sum() > 0
    assert red[:20].sum() == blue[20:40].sum() == 0
    assert np.nonzero(blue[:20])[1].max() <= np.nonzero(red[20:40])[1].min()
    with pytest.raises(BadValue, match="names must be 3: one for each value"):
        bars(torch.ones(3), ["a"])


def test_long_words_are_cut_and_long_lines_broken():
    from PIL import Image

    image = Image.new("RGB", (200, 50))
    short = sheet([[Cell(title="a", image=image, lines=("word",))]])
    long = sheet([[Cell(title="a", image=image, lines=("word " * 30,))]])
    endless = sheet([[Cell(title="a" * 300, image=image, lines=("word",))]])
    assert long.width == short.width == endless.width
    assert long.height > short.height == endless.height


def test_short_rows_share_a_line():
    from PIL import Image

    row = [Cell(title="a", image=Image.new("RGB", (200, 50)))] * 2
    assert sheet([row] * 3, columns=6).height == sheet([row], columns=6).height
    assert sheet([row] * 3, columns=5).height > sheet([row], columns=5).height
