"""The table of layers: sizes by hand, FLOPs by torch's counter, the drawing by looking into it."""

from __future__ import annotations

import json
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, flop_registry

import netwright as nw
from netwright._errors import BadType, BadValue
from netwright.models.graph import describe
from netwright.models.graph.layout import lay_out
from netwright.models.graph.table import table
from netwright.models.shapes import (
    convolution_multiply_adds,
    convolution_parameters,
    linear_parameters,
)


class Small(nn.Module):
    """Two branches, one module used twice, a function, and a layer nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.left = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.right = nn.Sequential(nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.head = nn.Linear(12, 5)
        self.spare = nn.Linear(2, 2)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 2)
        x = torch.cat([self.left(self.left(x)), self.right(x)], 1)
        return self.head(x.mean((2, 3)))


def test_every_layer_has_its_shape_parameters_and_arithmetic():
    described = describe(Small(), (3, 16, 16))
    rows = {(one.name, one.call): one for one in described.layers}
    stem, left, again = rows["stem", 1], rows["left", 1], rows["left", 2]
    assert stem.output_shape == (1, 8, 8, 8)
    assert stem.parameters == convolution_parameters(3, 8, kernel=(5, 5))
    assert stem.multiply_adds == convolution_multiply_adds(3, 8, kernel=(5, 5), output=(8, 8))
    assert stem.flops == 2 * stem.multiply_adds + 8 * 8 * 8  # and a bias for each result
    assert stem.activation_bytes == 4 * 8 * 8 * 8
    assert (left.parameters, again.parameters) == (72, 0)  # shared: counted once
    assert left.multiply_adds == again.multiply_adds == 72 * 16 == left.flops // 2
    pool = next(one for one in described.layers if one.operation == "max_pool2d")
    assert pool.flops == 4 * 8 * 4 * 4
    assert rows["right.1", 1].flops == 2 * 4 * 4 * 4
    assert rows["right.2", 1].flops == 4 * 4 * 4
    assert rows["right.2", 1].activation_bytes == 0  # in place
    head = rows["head", 1]
    assert (head.parameters, head.flops) == (linear_parameters(12, 5), 2 * 12 * 5 + 5)
    mean = next(one for one in described.layers if one.operation == "mean")
    assert mean.flops == 12 * 4 * 4
    assert described.unused == ("spare.weight", "spare.bias")
    assert described.parameters == sum(value.numel() for value in Small().parameters())
    assert described.parameters == sum(one.parameters for one in described.layers) + 6


class Bare(nn.Module):
    """Parameters that no module of their own reads."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Parameter(torch.zeros(5, 8))

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return F.linear(self.attention(x, x, x)[0], self.head)


def test_parameters_belong_to_what_computes_with_them():
    described = describe(Bare(), (3, 8))
    assert described.unused == ()
    assert described.parameters == sum(one.parameters for one in described.layers)
    assert [one.parameters for one in described.layers if one.operation == "cat"] == [8]
    assert described.layers[-1].parameters == 40


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3)])
def test_a_recurrent_layer_is_the_sum_of_its_steps(kind, gates):
    net = kind(3, 5, batch_first=True)
    with torch.no_grad():
        described = describe(net, torch.zeros(2, 7, 3))
    assert described.multiply_adds == 2 * 7 * gates * 5 * (3 + 5)
    assert described.uncounted == described.unknown == ()
    assert torch.backends.mkldnn.enabled


def test_edges_go_through_the_branches():
    described = describe(Small(), (3, 16, 16))
    place = {(one.name, one.operation, one.call): n for n, one in enumerate(described.layers)}
    cat = described.layers[place["", "cat", 1]]
    assert cat.reads == (place["left", "Conv2d", 2], place["right.2", "ReLU", 1])
    assert described.layers[0].reads == (-1,)


class Mixed(nn.Module):
    """Attention, a transposed convolution, a product with a bias and one without."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 2, 2)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 5, bias=False)

    def forward(self, x):
        return self.head(self.block(self.up(x).flatten(2).transpose(1, 2)))


def check_torchs_counter(net, side):
    described = describe(net.eval(), torch.zeros(1, 3, side, side))
    with FlopCounterMode(display=False) as counter:  # without gradients it misses attention
        net(torch.zeros(1, 3, side, side))
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    if kernel in flop_registry:  # torch 2.11 counts nothing for it
        assert 2 * described.multiply_adds == counter.get_total_flops()
    assert described.flops > counter.get_total_flops()
    assert described.uncounted == described.unknown == ()
    assert described.parameters == sum(value.numel() for value in net.parameters())


def test_multiply_adds_are_those_of_torchs_counter():
    check_torchs_counter(Mixed(), 4)
    check_torchs_counter(nw.create("torchvision:shufflenet_v2_x0_5", num_classes=10), 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "googlenet",
        "mobilenet_v2",
        "vit_b_32",
        "squeezenet1_1",
        "densenet121",
        "inception_v3",
        "swin_t",
        "convnext_tiny",
        "efficientnet_b0",
        "mobilenet_v3_small",
    ],
)
def test_multiply_adds_of_torchvisions_nets(name):
    check_torchs_counter(nw.create(f"torchvision:{name}", num_classes=10, image_size=96), 96)


def test_attention_costs_two_products_of_all_pairs():
    net = nn.MultiheadAttention(8, 2, batch_first=True)
    one = torch.zeros(1, 5, 8)
    pairs = 5 * 5 * (8 + 8)
    assert describe(net, (one, one, one)).multiply_adds == 5 * 8 * 32 + pairs


class Product(nn.Module):
    def forward(self, x):
        return (x.flatten(1) @ x.flatten(1).T).softmax(1).cumsum(1).logit()


def test_what_is_not_counted_is_named():
    described = describe(Product(), (3, 4, 4))
    assert "logit" in described.uncounted
    assert "logit" in str(described)


def test_receptive_fields_stand_in_the_table():
    text = str(describe(Small(), (3, 16, 16)))
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    assert re.search(r"5 +2 +-2$", lines["stem"])
    assert re.search(r"\ball\b", lines["head"])
    assert "not used: spare.weight" in text
    assert "multiply-adds" in text.splitlines()[-2]


def test_paths_lose_their_beginning_where_there_is_no_room():
    net = nn.Sequential()
    net.add_module("a" * 60 + "z", nn.Linear(2, 3))
    described = describe(net, (2,))
    assert len(str(described).splitlines()[1]) > 100
    lines = table(described, width=100).splitlines()
    assert len(lines[1]) == 100
    assert lines[2].startswith("…aaa")
    assert "aaz  Linear" in lines[2]


def test_shape_dtype_and_batch_of_the_input():
    net = nn.Linear(4, 2).double()
    assert describe(net, (4,)).input_shape == (1, 4)
    ten = describe(net, torch.zeros(10, 4, dtype=torch.float64))
    assert (ten.multiply_adds, ten.activation_bytes) == (80, 8 * 20)
    tokens = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 2))
    found = describe(tokens, torch.zeros(1, 6, dtype=torch.long))
    assert found.layer("1").receptive_field[0].size == 1


class Raises(nn.Module):
    def forward(self, x):
        raise ValueError("\nonly on Tuesdays\nor so")


def test_refusals():
    with pytest.raises(BadValue, match="input must be what Small takes"):
        describe(Small(), (5, 16, 16))
    with pytest.raises(BadValue, match=r"got input=\(1, 2\). ValueError: only on Tuesdays$"):
        describe(Raises(), (2,))
    with pytest.raises(BadType, match="model must be a torch"):
        describe(torch.relu, (2,))
    described = describe(Small(), (3, 16, 16))
    with pytest.raises(BadValue, match="layer must be a known layer"):
        described.layer("stam")
    with pytest.raises(BadValue, match="depth must be at least 1"):
        described.collapsed(0)


def test_modules_stand_for_what_is_in_them():
    described = describe(Small(), (3, 16, 16))
    short = described.collapsed(1)
    right = short.layer("right")
    assert (right.operation, right.detail) == ("Sequential", "(3 layers)")
    assert right.parameters == 4 * 8 + 4 + 8
    assert right.output_shape == (1, 4, 4, 4)
    assert (short.flops, short.multiply_adds) == (described.flops, described.multiply_adds)
    assert len(short.layers) == len(described.layers) - 2
    cat = next(one for one in short.layers if one.operation == "cat")
    assert [short.layers[n].name for n in cat.reads] == ["left", "right"]


def test_as_data():
    data = json.loads(json.dumps(describe(Small(), (3, 16, 16)).to_json()))
    assert data["parameters"] == sum(one["parameters"] for one in data["layers"]) + 6
    first = {"size": 5.0, "stride": 2.0, "start": -2.0, "largest": 5, "is_whole": False}
    assert data["layers"][0]["receptive_field"] == [first, first]


def test_the_drawing_shows_every_layer(tmp_path):
    described = describe(Small(), (3, 16, 16))
    described.draw(tmp_path / "net.svg")
    text = (tmp_path / "net.svg").read_text()
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    for layer in described.layers:
        assert any(layer.operation in one for one in shown), layer.operation
    assert text.count('id="patch_') >= 2 * len(described.layers)
    described.draw(tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text
    described.draw(tmp_path / "net.png", depth=1)
    assert (tmp_path / "net.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(BadValue, match=r"path must be a file ending in .svg, .png, .pdf"):
        described.draw(tmp_path / "net.gif")


def test_boxes_stand_below_what_they_read_and_apart():
    edges = [(0, 1), (0, 2), (0, 5), (1, 3), (2, 3), (3, 4), (4, 5), (2, 5)]
    layout = lay_out(6, edges)
    assert all(layout.row[a] < layout.row[b] for a, b in edges)
    for first in range(6):
        for second in range(first):
            if layout.row[first] == layout.row[second]:
                assert abs(layout.column[first] - layout.column[second]) > 0.99
    assert len(layout.paths[0, 5]) == layout.row[5] - layout.row[0] - 1


def test_from_the_top():
    assert nw.describe(nn.Linear(2, 3), (2,)).parameters == 9
