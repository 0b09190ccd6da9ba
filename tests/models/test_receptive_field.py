"""Receptive fields against the gradient's footprint, closed forms and published figures."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from footprint_kit import gradient_of, hull, mean_for_max, neutral
from netwright import models
from netwright._errors import BadValue
from netwright.models.graph.receptive_field import fields_of
from netwright.models.graph.record import record

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
MEAN = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


REGULAR = "conv conv conv conv depthwise mean transposed transposed nearest linear branches "
REGULAR += "branches branches "
IRREGULAR = "reflect replicate cubic circular crop adaptive flip half in-place"


class RandomNet(nn.Module):
    """A few random steps with branches, in one to three dimensions."""

    def __init__(self, seed: int, *, kinds: str = REGULAR + IRREGULAR) -> None:
        super().__init__()
        self.draw = random.Random(seed)
        self.kinds = kinds.split()
        self.dims = self.draw.choice([1, 1, 2, 2, 2, 3])
        self.parts = nn.ModuleList()
        self.plan = [self.step() for _ in range(self.draw.randint(2, 6))]

    def step(self, depth: int = 0):
        kind = self.draw.choice([one for one in self.kinds if depth < 2 or one != "branches"])
        if kind == "branches":
            lanes = [
                [self.step(depth + 1) for _ in range(self.draw.randint(0, 2))] for _ in range(2)
            ]
            return kind, (lanes, self.draw.random() < 0.5)
        return kind, self.made(kind)

    def made(self, kind: str):
        pick = self.draw.choice
        if kind == "conv":
            kernel, dilation = pick([1, 2, 3, 5]), pick([1, 1, 2])
            padding = pick([0, dilation * (kernel - 1) // 2])
            return self.add(
                CONV[self.dims](4, 4, kernel, pick([1, 1, 2, 3]), padding, dilation, pick([1, 2]))
            )
        if kind == "depthwise":
            return self.add(CONV[self.dims](4, 4, 3, pick([1, 2]), 1, groups=4))
        if kind == "transposed":
            stride = pick([1, 2, 3])
            kernel = pick([1, 2, 3, 4])
            options = {"dilation": pick([1, 1, 2]), "groups": pick([1, 2])}
            return self.add(TRANSPOSED[self.dims](4, 4, kernel, stride, **options))
        if kind in {"nearest", "linear", "cubic"}:
            return pick([1.5, 2, 2, 3]), kind == "linear" and pick([False, False, True])
        return pick([1, 2, 3])

    def add(self, module: nn.Module) -> int:
        self.parts.append(module)
        return len(self.parts) - 1

    def forward(self, inputs):
        return self.walk(inputs, self.plan)

    def walk(self, x, plan):
        for kind, how in plan:
            if min(x.shape[2:]) < 4 or max(x.shape[2:]) > 40:
                return x
            x = self.take(x, kind, how)
        return x

    def take(self, x, kind, how):
        if kind == "branches":
            lanes, joined = how
            ends = [self.walk(x, lane) for lane in lanes]
            small = [min(sizes) for sizes in zip(*(end.shape[2:] for end in ends), strict=True)]
            ends = [end[(..., *(slice(size) for size in small))] for end in ends]
            return torch.cat(ends, 1)[:, 2:6] if joined else ends[0] + ends[1]
        if kind in {"conv", "depthwise", "transposed"}:
            module = self.parts[how]
            reach = 2 * module.padding[0] - module.dilation[0] * (module.kernel_size[0] - 1)
            return module(x) if min(x.shape[2:]) + reach > 0 else x
        if kind == "mean":
            return MEAN[self.dims](x, how + 1, how, how // 2)
        if kind == "adaptive":
            return ADAPTIVE[self.dims](x, x.shape[-1] // how + 1)
        if kind == "nearest":
            return F.interpolate(x, scale_factor=how[0], mode="nearest")
        if kind == "linear":
            return F.interpolate(
                x, scale_factor=how[0], mode=LINEAR[self.dims], align_corners=how[1]
            )
        if kind == "cubic":
            return F.interpolate(x, scale_factor=how[0], mode="bicubic") if self.dims == 2 else x
        if kind in {"reflect", "replicate", "circular"}:
            return F.pad(x, (how, 1) * self.dims, mode=kind)
        if kind == "crop":
            return x[..., how:]
        if kind == "flip":
            return x.flip(-1)
        if kind == "half":
            return torch.cat([x[:, 2:], x[:, :2] * 2], 1)
        x = x.clone()
        x[:, :2, how:] = x[:, 2:, how:] * 2
        return x


def outcome(model, shape):
    """The graph, its fields, the numbers that went in and those that came out."""
    graph = record(model, torch.zeros(shape, dtype=torch.float64))
    fields = fields_of(graph)
    assert graph.outputs[0] not in fields.unknown
    inputs = (0.5 + torch.rand(shape, dtype=torch.float64)).requires_grad_()
    return graph.outputs[0], fields, inputs, model(inputs)


def some(shape, draw, *, elements):
    """Two corners, and elements drawn."""
    corners = [tuple(0 for _ in shape), tuple(size - 1 for size in shape)]
    return corners + [tuple(draw.randrange(size) for size in shape) for _ in range(elements)]


def check(model, shape, *, draw=None, elements=8):
    """Every element drawn sees what its gradient says."""
    value, fields, inputs, out = outcome(model, shape)
    for element in some(out.shape, draw or random.Random(0), elements=elements):
        expected = hull(gradient_of(out, inputs, element), fields.axes)
        assert fields.footprint(value, element=element) == expected, element
    return value, fields


def check_free(model, shape, *, draw, elements=20):
    """Where no element of the field is beyond the edge, all channels together see all of it."""
    value, fields, inputs, out = outcome(model, shape)
    found = fields.of(value)
    if found is None or any(one.stride is None for one in found):
        return 0
    seen = 0
    for element in some(out.shape, draw, elements=elements):
        places = element[2:]
        ends = [one.at(place) for one, place in zip(found, places, strict=True)]
        if any(end is None for end in ends):
            continue
        bounds = [
            (one.start + one.stride * p, one.start + one.stride * p + one.size - 1)
            for one, p in zip(found, places, strict=True)
        ]
        inside = all(a >= 0 and b < n for (a, b), n in zip(ends, shape[2:], strict=True))
        assert all(a >= c and b <= d for (a, b), (c, d) in zip(ends, bounds, strict=True))
        if inside:
            every_channel = out[(0, slice(None), *places)].sum()
            (gradient,) = torch.autograd.grad(every_channel, inputs, retain_graph=True)
            assert hull(gradient, fields.axes) == tuple(ends), element
            seen += 1
    return seen


def check_random(seed):
    net = neutral(RandomNet(seed))
    shape = (1, 4, *[net.draw.randint(7, 15) for _ in range(net.dims)])
    check(net, shape, draw=net.draw)


def check_random_free(seed):
    net = neutral(RandomNet(seed, kinds=REGULAR))
    shape = (1, 4, *[net.draw.randint(12, 20) for _ in range(net.dims)])
    return check_free(net, shape, draw=net.draw) if net.dims < 3 else 0


@pytest.mark.parametrize("seed", range(2, 26))
def test_random_nets_see_what_their_gradient_says(seed):
    check_random(seed)


def test_size_stride_and_start_of_random_nets_are_those_of_the_gradient():
    assert sum(check_random_free(seed) for seed in range(12)) > 25


@pytest.mark.slow
def test_many_random_nets():
    for seed in [1, *range(26, 600)]:
        torch.manual_seed(seed)
        check_random(seed)
    assert sum(check_random_free(seed) for seed in range(12, 400)) > 1000


class Unet(nn.Module):
    """Down twice, up twice, each level handed across."""

    def __init__(self) -> None:
        super().__init__()
        widths = (2, 4, 8)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1) for a, b in zip((1, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, b // 2, 2, 2) for b in (8, 4))
        self.mix = nn.ModuleList(nn.Conv2d(b, b // 2, 3, padding=1) for b in (8, 4))

    def forward(self, x):
        a = self.down[0](x)
        b = self.down[1](F.max_pool2d(a, 2))
        c = self.down[2](F.max_pool2d(b, 2))
        b = self.mix[0](torch.cat([b, self.up[0](c)], 1))
        return self.mix[1](torch.cat([a, self.up[1](b)], 1))


def test_a_net_of_transposed_convolutions_is_the_union_over_positions(monkeypatch):
    mean_for_max(monkeypatch)
    net = neutral(Unet())
    value, fields = check(net, (1, 1, 24, 24), elements=30)
    across = fields.of(value)[0]
    assert (across.stride, len(across.ends)) == (1, 4)
    sizes = [last - first + 1 for first, last in across.ends]
    assert across.largest == max(sizes)
    # the union, moved on by the stride, holds every position's field and touches both its ends
    starts = [first - p for p, (first, _) in enumerate(across.ends)]
    stops = [last - p for p, (_, last) in enumerate(across.ends)]
    assert (across.start, across.size) == (min(starts), max(stops) - min(starts) + 1)
    assert check_free(net, (1, 1, 40, 40), draw=random.Random(0), elements=60) > 5


def field(net, shape):
    graph = record(net, torch.zeros(shape))
    return fields_of(graph).of(graph.outputs[0])


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_one_convolution_is_its_closed_form(kernel, dilation, stride):
    (found,) = field(nn.Conv1d(1, 1, kernel, stride, 1, dilation), (1, 1, 32))
    assert found.size == found.largest == dilation * (kernel - 1) + 1
    assert (found.stride, found.start) == (stride, -1)


def test_a_chain_is_the_recursion():
    """r grows by (k − 1)·j, j by s, the start moves by −P·j (Araujo et al. 2019)."""
    draw = random.Random(3)
    for _ in range(20):
        steps = [
            (draw.choice([1, 3, 5]), draw.choice([1, 2]), draw.choice([0, 1])) for _ in range(4)
        ]
        size, jump, start = 1, 1, 0
        for kernel, stride, padding in steps:
            size += (kernel - 1) * jump
            start -= padding * jump
            jump *= stride
        (found,) = field(nn.Sequential(*(nn.Conv1d(1, 1, *step) for step in steps)), (1, 1, 300))
        assert (found.size, found.stride, found.start) == (size, jump, start)


def test_up_sampling_has_a_rational_stride():
    (found,) = field(nn.Upsample(scale_factor=3), (1, 1, 8))
    assert (found.stride, found.largest) == (Fraction(1, 3), 1)
    assert [found.at(p) for p in (-1, 0, 2, 3, 30)] == [(-1, -1), (0, 0), (0, 0), (1, 1), (10, 10)]
    (found,) = field(nn.ConvTranspose1d(1, 1, 2, 3), (1, 1, 8))
    assert found.at(2) is None  # the kernel leaves a gap: that position is the bias alone
    assert found.ends[:2] == ((0, 0), (0, 0))


def test_a_depthwise_convolution_sees_no_more_than_its_kernel():
    whole, separable = (
        field(nn.Sequential(*parts), (1, 4, 16, 16))
        for parts in (
            [nn.Conv2d(4, 4, 3)],
            [nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1)],
        )
    )
    assert [one.size for one in separable] == [one.size for one in whole] == [3, 3]


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.small = nn.Conv2d(1, 1, 3, padding=1)
        self.large = nn.Conv2d(1, 1, (7, 1), padding=(3, 0))

    def forward(self, x):
        return torch.cat([self.small(x), self.large(x)], 1)


def test_each_axis_and_each_channel_has_its_own():
    graph = record(Branches(), torch.zeros(1, 1, 16, 16))
    fields = fields_of(graph)
    assert [one.size for one in fields.of(graph.outputs[0])] == [7, 3]
    seen = [fields.footprint(graph.outputs[0], element=(0, c, 8, 8)) for c in range(2)]
    assert seen == [((7, 9), (7, 9)), ((5, 11), (8, 8))]


@pytest.mark.parametrize(
    "last",
    [
        nn.AdaptiveAvgPool2d(1),
        nn.Sequential(nn.Flatten(), nn.Linear(64, 3)),
        nn.Sequential(nn.Flatten(2), nn.Linear(64, 64), nn.Unflatten(2, (8, 8))),
        nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(64, 1, batch_first=True)),
    ],
)
def test_pooling_of_all_linear_layers_and_attention_see_everything(last):
    found = field(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), last), (1, 1, 8, 8))
    assert all(one.is_whole and one.stride is None and one.size == 8 for one in found)


class Stacked(nn.Module):
    """Positions taken apart, convolved and put together again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        x = torch.stack([self.conv(x), x], 1)[:, 0] * 2
        return torch.stack(list(x.unbind(-1)), -1)


def test_stacking_keeps_what_each_part_sees():
    check(neutral(Stacked()), (1, 2, 6, 7))
    found = field(Stacked(), (1, 2, 6, 7))
    assert (found[0].size, found[0].stride, found[0].start) == (3, 1, -1)


class Gated(nn.Module):
    """Squeeze and excite: what is multiplied with a mean over everything sees everything."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = self.conv(x)
        return x * x.mean((2, 3), keepdim=True)


def test_a_gate_sees_everything():
    assert all(one.is_whole for one in field(Gated(), (1, 4, 8, 8)))


class Cumulated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.conv(self.conv(x).cumsum(-1))


def test_an_unknown_operation_is_named():
    graph = record(Cumulated(), torch.zeros(1, 1, 9, 9))
    fields = fields_of(graph)
    assert fields.of(graph.outputs[0]) is None
    assert fields.unknown[graph.outputs[0]] == "cumsum"
    assert fields.of(graph.operations[0].outputs[0])[0].size == 3  # what came before is known


def test_what_does_not_see_the_input_has_no_field():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(2) + 1

    assert field(Constant(), (1, 1, 4)) is None


def test_axes_are_those_of_the_input():
    graph = record(nn.Linear(4, 4), torch.zeros(1, 6, 4))
    assert fields_of(graph).axes == (2,)
    assert fields_of(graph, axes=(1,)).of(graph.outputs[0])[0].size == 1
    with pytest.raises(BadValue, match="axes must be dimensions of an input"):
        fields_of(graph, axes=(3,))


# Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, 2019,
# https://distill.pub/2019/computing-receptive-fields and the tables of the library beside it:
# (size, stride, padding); AlexNet's padding is left out, torchvision's first layer has more
PUBLISHED = {
    "torchvision:alexnet": ("features.12", 195, 32, None),
    "torchvision:vgg16": ("features.30", 212, 32, 90),
    "torchvision:inception_v3": ("Mixed_7c", 1311, 32, None),
}
DEEPER = {
    "timm:mobilenetv1_100": ("blocks", 315, 32, None),
    "timm:inception_resnet_v2": ("conv2d_7b", 3039, 32, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_fields_are_the_published_ones(name):
    check_published(name, PUBLISHED[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEPER)
def test_the_field_of_timms_nets_is_the_published_one(name):
    check_published(name, DEEPER[name])


def check_published(name, expected):
    layer, size, stride, padding = expected
    with torch.device("meta"):
        net = models.create(name, num_classes=10)
    graph = record(net, torch.zeros(1, 3, 320, 320, device="meta"))
    within = [one for one in graph.operations if layer in dict(one.calls)]
    for found in fields_of(graph).of(within[-1].outputs[0]):
        assert (found.size, found.stride) == (size, stride)
        assert padding is None or found.start == -padding


def check_torchvision(name, *, side, layers, elements=3):
    """Fields at layers all over the depth are the hull of the gradient there."""
    torch.manual_seed(0)
    net = neutral(torchvision_net(name))
    graph = record(net, torch.zeros(1, 3, side, side, dtype=torch.float64))
    fields = fields_of(graph)
    last = {one.module: one.outputs[0] for one in graph.operations if one.outputs}
    places = [path for path in graph.leaves if path in last and last[path] not in fields.unknown]
    places = sorted(places, key=last.get)
    places = [places[n * (len(places) - 1) // (layers - 1)] for n in range(layers)]
    taken = {}
    for path in places:
        keep = lambda module, _, out, path=path: taken.update({path: out + 0})  # noqa: E731
        net.get_submodule(path).register_forward_hook(keep)
    inputs = (0.5 + torch.rand(1, 3, side, side, dtype=torch.float64)).requires_grad_()
    net(inputs)
    draw = random.Random(0)
    for path in places:
        out = taken[path]
        for element in some(out.shape, draw, elements=elements):
            expected = hull(gradient_of(out, inputs, element), fields.axes)
            assert fields.footprint(last[path], element=element) == expected, (path, element)


def torchvision_net(name):
    from torchvision import models as theirs

    options = {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    if name.startswith("fcn"):
        options = {"weights_backbone": None}
    return theirs.get_model(name, **options)


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5"])
def test_small_torchvision_nets_see_what_their_gradient_says(name, monkeypatch):
    mean_for_max(monkeypatch)
    check_torchvision(name, side=96, layers=6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "alexnet",
        "vgg11",
        "resnet18",
        "resnet50",
        "googlenet",
        "densenet121",
        "mobilenet_v2",
        "inception_v3",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "mnasnet0_5",
        "fcn_resnet50",
        "regnet_y_400mf",
        "convnext_tiny",
    ],
)
def test_torchvision_nets_see_what_their_gradient_says(name, monkeypatch):
    mean_for_max(monkeypatch)
    check_torchvision(name, side=160, layers=12)
