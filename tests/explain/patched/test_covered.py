"""Computing only what a window can reach gives what whole pictures give."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netwright.explain.patched import covered
from netwright.explain.patched.boxes import Sliding, Span, united
from netwright.explain.patched.covered import covered_outputs
from netwright.explain.patched.patched import Patched


class Reused(nn.Module):
    """Modules that run twice, skips, in-place and functional forms, a cat, odd ways to add."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.again = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.act = nn.ReLU(inplace=True)
        self.narrow = nn.Conv2d(16, 8, 1)
        self.slope = nn.PReLU(8)

    def forward(self, x):
        x = self.act(self.norm(self.first(x)))
        y = self.act(self.again(self.act(self.again(x))))
        x = torch.cat((x, y), dim=1)
        x = self.narrow(x) * torch.tensor(0.7, dtype=x.dtype) + 0.1
        x += y
        y = F.gelu(x).mul_(2).add_(x, alpha=0.5)
        x = self.slope(torch.relu(x) - torch.maximum(x, y).sigmoid())
        return x.mean((2, 3))


class Views(nn.Module):
    """Writes into parts of a map, which others hold too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)

    def forward(self, x):
        x = self.conv(x)
        same = x
        x[:, 2].mul_(3)
        x[:, :, 1:3] = 0.5
        return same.amax((2, 3)) + x.view(len(x), -1)[:, :6]


class Switches(nn.Module):
    """Uses where the maxima were, after the map they came from was written into."""

    def forward(self, x):
        x = x * 1.0
        y, where = F.max_pool2d(x, 3, 2, return_indices=True)
        x.relu_()
        return (
            F.max_unpool2d(y, where, 3, 2, output_size=x.shape[2:]).flatten(1)
            + x.sum((1, 2, 3))[:, None]
        )


class Steered(nn.Module):
    """Goes another way for another batch."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 5)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        x = (self.one if self.calls % 3 else self.other)(x)
        return x.flatten(2).mean(2)


class Drifting(nn.Module):
    """Writes into what it computes with, from batch to batch."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x):
        self.scale.add_(1)
        return (self.conv(x) * self.scale).flatten(2).mean(2)


class DriftingUnseen(Drifting):
    """Writes past the count of versions."""

    def forward(self, x):
        self.scale.data.add_(1)
        return (self.conv(x) * self.scale).flatten(2).mean(2)


class AllOver(nn.Module):
    """Mixes places in ways there is no rule for, and goes on with maps afterwards."""

    def __init__(self, mix):
        super().__init__()
        self.one, self.other, self.mix = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), mix

    def forward(self, x):
        return self.other(self.mix(self.one(x))).flatten(1)


MIXES = {
    "positions": lambda x: x + torch.linspace(0, 1, x.shape[3], dtype=x.dtype),
    "rows": lambda x: x * torch.linspace(0, 1, x.shape[2], dtype=x.dtype)[:, None],
    "gates": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "gates, in place": lambda x: x.mul_(x.mean((2, 3), keepdim=True)).add_(x.amax()),
    "softmax": lambda x: x * x.flatten(2).softmax(2).view_as(x),
    "moved": lambda x: x.roll(3, 2) + x.flip(3) + x,
    "turned": lambda x: x.transpose(2, 3),
    "sliced": lambda x: x[:, :, ::2, 1:-1],
    "stacked": lambda x: torch.cat((x, x), dim=2),
    "masked": lambda x: x.index_put_((x < 0,), torch.zeros((), dtype=x.dtype)),
    "larger": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
    "cut off": lambda x: F.pad(x, (-2, 3, 1, -1)),
    "in order": lambda x: x.cumsum(2),
    "own statistics": lambda x: F.batch_norm(x, None, None, training=True),
    "single": lambda x: x.float().double(),
}


class OfMemory(nn.Module):
    """Reads a map in the order of its memory."""

    def __init__(self, read):
        super().__init__()
        self.conv, self.read = nn.Conv2d(3, 4, 3), read

    def forward(self, x):
        return self.read(self.conv(x))


ORDERS = {
    "view": lambda x: x.view(len(x), -1),
    "strided": lambda x: x.as_strided((len(x), x[0].numel()), (x[0].numel(), 1)),
    "strided, plain": lambda x: x.cos().as_strided((len(x), x[0].numel()), (x[0].numel(), 1)),
    "stride": lambda x: x.flatten(1) * x.stride()[1],
}


def chain(*layers):
    return nn.Sequential(*layers, nn.Flatten())


def same_pad(**given):
    return nn.Conv2d(3, 4, 4, padding="same", **given)


NETS = {
    "strides": lambda: chain(nn.Conv2d(3, 6, 5, 3, 2), nn.ReLU(), nn.Conv2d(6, 4, 3, 2, 1)),
    "gaps": lambda: chain(nn.Conv2d(3, 6, 2, 5), nn.Tanh(), nn.Conv2d(6, 4, 1, 2)),
    "dilated": lambda: chain(nn.Conv2d(3, 6, 3, 1, 4, dilation=3), nn.Conv2d(6, 4, (3, 1))),
    "uneven": lambda: chain(nn.Conv2d(3, 4, (5, 2), (2, 3), (3, 0), (1, 2)), nn.SiLU()),
    "depthwise": lambda: chain(nn.Conv2d(3, 6, 3, 2, 1, groups=3), nn.ReLU6(), nn.Conv2d(6, 6, 1)),
    "same": lambda: chain(same_pad(), nn.ELU(inplace=True)),
    "reflect": lambda: chain(same_pad(padding_mode="reflect"), nn.Conv2d(4, 4, 3)),
    "zero pad": lambda: chain(nn.ZeroPad2d((1, 0, 2, 3)), nn.Conv2d(3, 4, 3, 2), nn.Hardswish()),
    "transposed": lambda: chain(nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 3, 3, 2), nn.Sigmoid()),
    "pool": lambda: chain(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2)),
    "ceil": lambda: chain(
        nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 3, 1, ceil_mode=True)
    ),
    "ceil mean": lambda: chain(nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(3, 4, 3)),
    "mean": lambda: chain(nn.AvgPool2d(3, 2, 1), nn.Conv2d(3, 4, 3, bias=False)),
    "mean within": lambda: chain(nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "group norm": lambda: chain(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3)),
    "reused": Reused,
    "views": Views,
    "switches": Switches,
    "steered": Steered,
    "drifting": Drifting,
}


def places_on(height, width, size):
    """Corners, edges, and places in between, each in several batches."""
    tops = sorted({0, 5, (height - size[0]) // 2, height - size[0] - 1})
    lefts = sorted({0, 2, (width - size[1]) // 2, width - size[1]})
    return [(top, left) for top in tops for left in lefts]


def by_hand(model, inputs, cover, places, size):
    rows, columns = size
    copies = []
    for picture, under in zip(inputs, cover, strict=True):
        for top, left in places:
            copies.append(picture.clone())
            part = (..., slice(top, top + rows), slice(left, left + columns))
            copies[-1][part] = under[part]
    return torch.cat([model(one[None]) for one in copies])


def asked(model, inputs, cover, places, size, batch_size=4):
    found = covered_outputs(
        model, inputs, cover=cover, places=places, size=size, batch_size=batch_size
    )
    pictures, outputs = zip(*found, strict=True)
    expected = [number for number in range(len(inputs)) for _ in places]
    assert [number for some in pictures for number in some] == expected
    assert max(map(len, pictures)) <= batch_size
    return torch.cat(outputs)


def settled(model, seed=0):
    """In evaluation, with norms that do something."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model.eval()


@pytest.fixture
def boxes_always(monkeypatch):
    """Boxes to the end, whether or not they pay, and no way out of them."""

    def refused(*_):
        raise AssertionError("whole pictures were asked for")

    monkeypatch.setattr(covered, "_whole", refused)
    monkeypatch.setattr(covered._Boxes, "pay", lambda _: True)


@pytest.mark.usefixtures("boxes_always")
@pytest.mark.parametrize("size", [(4, 4), (1, 7)])
@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_boxes_give_what_whole_pictures_give(name, size):
    torch.manual_seed(1)
    model = settled(NETS[name]()).double()
    inputs = torch.randn(2, 3, 27, 26, dtype=torch.double)
    cover, places = torch.randn_like(inputs), places_on(27, 26, size)
    found = asked(copy.deepcopy(model), inputs, cover, places, size)
    if name in {"steered", "drifting"}:
        whole = [
            model(copies)
            for n in range(2)
            for copies in _copies(inputs[n], cover[n], places, size).split(4)
        ]
        expected = torch.cat(whole)
    else:
        expected = by_hand(model, inputs, cover, places, size)
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)


def _copies(picture, under, places, size):
    found = picture.repeat(len(places), 1, 1, 1)
    for one, (y, x) in zip(found, places, strict=True):
        one[:, y : y + size[0], x : x + size[1]] = under[:, y : y + size[0], x : x + size[1]]
    return found


@pytest.mark.usefixtures("boxes_always")
@torch.no_grad()
def test_random_chains_of_sliding_windows():
    draw = torch.Generator().manual_seed(3)

    def pick(*values):
        return values[torch.randint(len(values), (), generator=draw)]

    for _ in range(25):
        layers, channels = [], 3
        for _ in range(pick(1, 2, 3, 4)):
            kernel, dilation = pick(1, 2, 3, 5), pick(1, 1, 2)
            padding, stride = pick(0, 1, 2), pick(1, 1, 2, 3)
            if pick(True, True, False):
                after = pick(4, 6)
                layers += [nn.Conv2d(channels, after, kernel, stride, padding, dilation), nn.ReLU()]
                channels = after
            else:
                layers.append(nn.MaxPool2d(3, stride, min(padding, 1), ceil_mode=pick(True, False)))
        model = chain(*layers).double()
        size = (pick(1, 3, 8), pick(2, 5))
        inputs = torch.randn(1, 3, 47, 40, dtype=torch.double)
        cover, places = torch.zeros_like(inputs), places_on(47, 40, size)
        try:
            expected = by_hand(model, inputs, cover, places, size)
        except RuntimeError:  # nothing was left of the map
            continue
        found = asked(model, inputs, cover, places, size, 7)
        assert torch.allclose(found, expected, rtol=0, atol=1e-10), model


@torch.no_grad()
def test_where_boxes_do_not_pay_whole_pictures_are_taken(monkeypatch):
    seen = []
    of = Patched.of.__func__
    monkeypatch.setattr(Patched, "of", classmethod(lambda cls, r: seen.append(1) or of(cls, r)))
    model = chain(nn.Conv2d(3, 4, 3), nn.ReLU())
    inputs = torch.randn(1, 3, 12, 12)
    places = places_on(12, 12, (3, 3))
    found = asked(model, inputs, inputs * 0, places, (3, 3), 8)
    assert torch.allclose(found, by_hand(model, inputs, inputs * 0, places, (3, 3)), atol=1e-6)
    assert 1 <= len(seen) <= 3


@torch.no_grad()
def test_a_model_that_can_not_be_asked_in_boxes_is_asked_whole():
    class Foreign(nn.Module):
        def forward(self, x):
            if type(x) is not torch.Tensor:
                raise TypeError("a plain tensor, please")
            return x.view(len(x), -1)[:, ::7]

    inputs = torch.randn(2, 3, 12, 12)
    places = places_on(12, 12, (3, 3))
    found = asked(Foreign(), inputs, inputs * 0, places, (3, 3), 8)
    assert torch.equal(found, by_hand(Foreign(), inputs, inputs * 0, places, (3, 3)))


@torch.no_grad()
def test_the_models_own_error_is_the_one_that_is_seen():
    inputs = torch.randn(1, 3, 8, 8)
    with pytest.raises(RuntimeError, match="to have 5 channels"):
        asked(nn.Conv2d(5, 2, 3), inputs, inputs, [(0, 0)], (2, 2))


@pytest.mark.usefixtures("boxes_always")
@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("name", MIXES)
@torch.no_grad()
def test_what_mixes_places_without_a_rule_is_done_on_whole_maps(name, at_once):
    torch.manual_seed(2)
    model = AllOver(MIXES[name]).double()
    inputs = torch.randn(1, 3, 17, 15, dtype=torch.double)
    cover, places = torch.randn_like(inputs), places_on(17, 15, (3, 4))
    expected = by_hand(model, inputs, cover, places, (3, 4))
    if name in {"gates, in place", "own statistics"}:  # look at all copies of a batch
        copies = _copies(inputs[0], cover[0], places, (3, 4))
        expected = torch.cat([model(some) for some in copies.split(at_once)])
    found = asked(model, inputs, cover, places, (3, 4), at_once)
    assert torch.allclose(found, expected, rtol=0, atol=1e-6 if name == "single" else 1e-10)


@torch.no_grad()
def test_the_tape_does_not_grow_with_the_places():
    boxes = covered._Boxes(
        settled(Reused()), inputs := torch.randn(1, 3, 20, 20), cover=inputs, size=(3, 3)
    )
    lengths = []
    for top in range(12):
        boxes.ask(0, [(top, left) for left in range(6)])
        lengths.append(len(boxes.tape._steps))
    assert lengths[0] > 5
    assert set(lengths) == {lengths[0]}


GROWTH = """
import resource, torch
from torchvision import models
from netwright.explain import occlusion_grid
torch.set_num_threads(1)
model, picture = models.resnet18(weights=None).eval(), torch.rand(1, 3, 128, 128)
def largest(stride):
    places = occlusion_grid(model, picture, window=16, stride=stride, batch_size=32).numel()
    print(places, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
largest(16), largest(12), largest(4)
"""


@pytest.mark.slow
def test_many_places_need_no_more_memory_than_a_hundred():
    """In a process of its own, whose largest size is seen by the system."""
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True, timeout=300
    )
    (_, _), (hundred, before), (thousand, after) = (
        map(int, line.split()) for line in ran.stdout.splitlines()
    )
    assert (hundred, thousand) == (121, 841)
    assert (
        after - before < 64
    )  # MiB; all copies at once would be 160, and their maps thousands more


@pytest.mark.parametrize("paying", [True, False])
@pytest.mark.parametrize("name", ORDERS)
@torch.no_grad()
def test_the_order_of_memory_is_that_of_a_plain_picture(name, paying, monkeypatch):
    """In boxes and in whole pictures, which lie as it is quickest only where nobody sees it."""
    monkeypatch.setattr(covered._Boxes, "pay", lambda _: paying)
    model, inputs = OfMemory(ORDERS[name]).double(), torch.randn(2, 3, 14, 13, dtype=torch.double)
    places = places_on(14, 13, (3, 4))
    found = asked(model, inputs, inputs * 0, places, (3, 4))
    expected = by_hand(model, inputs, inputs * 0, places, (3, 4))
    assert torch.allclose(found, expected, rtol=0, atol=1e-10)


@torch.no_grad()
def test_numbers_written_past_the_versions_are_seen(monkeypatch):
    monkeypatch.setattr(covered._Boxes, "pay", lambda _: True)
    model, inputs = DriftingUnseen(), torch.randn(1, 3, 12, 12)
    places = places_on(12, 12, (3, 3))
    found = asked(model, inputs, inputs * 0, places, (3, 3), len(places) // 2)
    pieces = by_hand(chain(model.conv), inputs, inputs * 0, places, (3, 3)).unflatten(1, (4, -1))
    scale = (found / pieces.mean(2)).mean(1)
    first, second = scale[: len(places) // 2], scale[len(places) // 2 :]
    assert torch.allclose(second, first + 1, rtol=1e-4)


@pytest.mark.parametrize("paying", [True, False])
@torch.no_grad()
def test_outputs_are_plain_tensors_in_plain_order(paying, monkeypatch):
    """Whoever reads them may do so in numpy, or take a view."""
    monkeypatch.setattr(covered._Boxes, "pay", lambda _: paying)

    class Named(nn.Conv2d):
        def forward(self, x):
            return {"out": (super().forward(x),)}

    inputs = torch.randn(1, 3, 14, 13)
    for _, output in covered_outputs(
        Named(3, 4, 3), inputs, cover=inputs, places=[(0, 0)] * 4, size=(3, 3), batch_size=2
    ):
        assert type(output["out"][0]) is torch.Tensor
        assert output["out"][0].view(2, -1).numpy().shape == (2, 4 * 12 * 11)


@pytest.mark.usefixtures("boxes_always")
@pytest.mark.parametrize(
    ("name", "most"),
    [("resnet18", 0.5), ("resnet50", 0.5), ("vgg16", 0.5), ("mobilenet_v2", 0.5)],
)
@torch.no_grad()
def test_known_networks_run_in_boxes_at_once(name, most, monkeypatch):
    """No fault of ours hides behind whole pictures, and boxes are a part of the work only."""
    from torchvision import models

    done = []

    def ask(boxes, number, places):
        output = boxes._asked(number, places)  # an error is one of ours
        done.append(boxes.tape.done / boxes.tape.work)
        return output

    monkeypatch.setattr(covered._Boxes, "ask", ask)
    model = models.get_model(name, weights=None).eval()
    model = model.features if name == "vgg16" else model
    inputs = torch.randn(1, 3, 128, 128)
    asked(model, inputs, inputs * 0, [(0, 0), (50, 61)], (8, 8), 2)
    assert len(done) == 1
    assert done[0] < most


@pytest.mark.slow
@pytest.mark.usefixtures("boxes_always")
@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v2", "googlenet", "densenet121", "vgg11", "vit_b_16"]
)
@torch.no_grad()
def test_networks_of_torchvision(name):
    from torchvision import models

    more = {"init_weights": False} if name == "googlenet" else {}
    side = 224 if name == "vit_b_16" else 160
    model = settled(models.get_model(name, weights=None, **more))
    inputs = torch.randn(1, 3, side, side)
    places = [(0, 0), (13, side - 32), (64, 50), (side - 32, side - 32)]
    found = asked(model, inputs, inputs * 0, places, (32, 32), 2)
    expected = by_hand(model, inputs, inputs * 0, places, (32, 32))
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "axis",
    [
        Sliding(length=11, kernel=3, stride=2, padding=1),
        Sliding(length=11, kernel=2, stride=3, padding=0),
        Sliding(length=12, kernel=4, stride=1, padding=3, dilation=2),
        Sliding(length=10, kernel=3, stride=2, padding=0, overhang=True),
    ],
)
def test_outputs_reached_are_those_that_see_the_change(axis):
    for size in (1, 2, 5):
        for start in range(axis.length - size + 1):
            seeing = [
                output
                for output in range(axis.outputs)
                for tap in range(axis.kernel)
                if start <= output * axis.stride - axis.padding + tap * axis.dilation < start + size
            ]
            found = axis.reached(Span(size, (start,)))
            assert found.starts[0] >= 0
            assert found.starts[0] + found.size <= axis.outputs
            assert all(0 <= output - found.starts[0] < found.size for output in seeing)


def test_united_spans_hold_both_and_stay_within():
    found = united([Span(3, (0, 8, 4)), Span(2, (2, 8, 7))], 11)
    assert found == Span(5, (0, 6, 4))
