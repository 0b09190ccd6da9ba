"""GoogLeNet against its paper's table, torchvision's block, and what is written out."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.googlenet import Inception as TheirInception

from netwright._errors import BadValue
from netwright.models import create, describe
from netwright.models.classifiers.googlenet import GoogLeNet
from netwright.models.layers.inception import Branches, Inception

# Table 1: block → thousands (1024) of weights, millions of multiply-adds.
_TABLE = {
    "3a": (159, 128), "3b": (380, 304), "4a": (364, 73), "4b": (437, 88), "4c": (463, 100),
    "4d": (580, 119), "4e": (840, 170), "5a": (1072, 54), "5b": (1388, 71),
}  # fmt: skip
_CONTRADICTS_ITSELF = {"4c": 463, "5a": 1072}  # 497 and 1018 by the widths of the same row


def weights(module):
    return sum(one.weight.numel() for one in module.modules() if hasattr(one, "weight"))


@pytest.fixture(scope="module")
def of_the_paper():
    with torch.device("meta"):
        return create("googlenet", num_classes=1000)


def multiply_adds(network, call):
    """By path of the module."""
    with FlopCounterMode(display=False) as counter:
        call(network)
    return {
        path.partition(".")[2]: sum(counted.values()) / 2
        for path, counted in counter.get_flop_counts().items()
    }


def test_parameters_are_those_of_the_papers_table(of_the_paper):
    for name, (thousands, _) in _TABLE.items():
        found = weights(of_the_paper.blocks.get_submodule(f"inception{name}")) / 1024
        if name in _CONTRADICTS_ITSELF:
            assert abs(found / thousands - 1) > 0.04
        else:
            assert found == pytest.approx(thousands, rel=0.02), name
    stem, (_, _, _, reduce, three, _, _) = of_the_paper.stem, of_the_paper.stem
    assert (weights(reduce) + weights(three)) // 1024 == 112
    assert weights(stem[0]) == 9408  # the table's 2,700 are of 7x1 and 1x7, which it doesn't draw
    assert weights(of_the_paper.head) == 1000 * 1024
    whole = sum(parameter.numel() for parameter in of_the_paper.parameters())
    beside = sum(parameter.numel() for parameter in of_the_paper.auxiliaries.parameters())
    assert whole == describe("googlenet").facts["parameters"] == 13378280
    assert whole - beside == 6998552  # of the paper's authors' network in Caffe


def test_multiply_adds_are_those_of_the_papers_table(of_the_paper):
    pictures = torch.empty(1, 3, 224, 224, device="meta")
    found = multiply_adds(of_the_paper, lambda network: network(pictures))
    for name, (_, millions) in _TABLE.items():
        here = found[f"blocks.inception{name}"] / 1e6
        if name == "5a":  # counted for the contradictory number of weights: 1072 · 1024 · 49
            assert round(here) == 51
            assert round(1072 * 1024 * 49 / 1e6) == millions
        else:
            assert millions in {int(here), round(here)}, name
    assert round((found["stem.3"] + found["stem.4"]) / 1e6) == 360
    assert round(found["head"] / 1e6) == 1
    assert round(found[""] / 1e9, 2) == 1.58  # the paper: a budget of 1.5 billion


def test_the_auxiliaries_are_those_of_the_papers_text(of_the_paper):
    pictures = torch.empty(2, 3, 224, 224, device="meta")
    shapes = []
    for head in of_the_paper.auxiliaries.values():
        head.pool.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:])))
    scores = of_the_paper.auxiliary_scores(pictures)
    assert shapes == [(512, 4, 4), (528, 4, 4)]
    assert [tuple(one.shape) for one in scores] == [(2, 1000)] * 3
    for head in of_the_paper.auxiliaries.values():
        assert head.reduce.convolution.weight.shape[::2] == (128, 1)
        assert (head.hidden.in_features, head.hidden.out_features) == (2048, 1024)
        assert head.dropout.p == 0.7
    assert of_the_paper.dropout.p == 0.4


def normed(x):
    """AlexNet's: (2 + 1e-4 times the sum of squares of five channels) to the power of 3/4."""
    squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
    return x / (2 + 1e-4 * squares) ** 0.75


def pooled(x):
    """3x3, step 2, the last window over the edge."""
    height, width = x.shape[2:]
    x = F.pad(x, (0, 1 - width % 2, 0, 1 - height % 2), value=-torch.inf)
    return x.unfold(2, 3, 2).unfold(3, 3, 2).amax((-1, -2))


def written_out(x, state):
    """Scores of all three classifiers, from weights by name."""

    def unit(x, name, *, stride=1, padding=0):
        name = f"{name}.convolution"
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return F.conv2d(x, weight, bias, stride=stride, padding=padding).clamp(min=0)

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def block(x, name):
        name = f"blocks.inception{name}"
        least = F.pad(x, (1, 1, 1, 1), value=-torch.inf).unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.cat(
            [
                unit(x, f"{name}.one"),
                unit(unit(x, f"{name}.three.0"), f"{name}.three.1", padding=1),
                unit(unit(x, f"{name}.five.0"), f"{name}.five.1", padding=2),
                unit(least.amax((-1, -2)), f"{name}.most.1"),
            ],
            dim=1,
        )

    def auxiliary(x, name):
        sides = [min(5, side) for side in x.shape[2:]]
        x = x.unfold(2, sides[0], 3).unfold(3, sides[1], 3).mean((-1, -2))
        x = unit(x, f"{name}.reduce").reshape(len(x), -1)
        return linear(linear(x, f"{name}.hidden").clamp(min=0), f"{name}.head")

    x = normed(pooled(unit(x, "stem.0", stride=2, padding=3)))
    x = pooled(normed(unit(unit(x, "stem.3"), "stem.4", padding=1)))
    x = block(pooled(block(block(x, "3a"), "3b")), "4a")
    first = auxiliary(x, "auxiliaries.inception4a")
    x = block(block(block(x, "4b"), "4c"), "4d")
    second = auxiliary(x, "auxiliaries.inception4d")
    x = block(block(pooled(block(x, "4e")), "5a"), "5b")
    return linear(x.mean((2, 3)), "head"), first, second


@pytest.mark.parametrize("size", [31, (97, 130)])
def test_scores_and_the_gradient_of_the_summed_loss_equal_what_is_written_out(size):
    network = GoogLeNet(4, in_channels=2, image_size=size).double().eval()
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, std=0.1)
    sides = (size, size) if isinstance(size, int) else size
    pictures = torch.randn(2, 2, *sides, dtype=torch.float64)
    state = {key: value.detach().clone() for key, value in network.state_dict().items()}
    state = {key: value.requires_grad_() for key, value in state.items()}
    found, expected = network.auxiliary_scores(pictures), written_out(pictures, state)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(network(pictures), expected[0])
    targets = torch.tensor([3, 1])
    for scores in (found, expected):
        parts = [F.cross_entropy(one, targets) for one in scores]
        (parts[0] + 0.3 * parts[1] + 0.3 * parts[2]).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, state[name].grad)
        assert float(parameter.grad.abs().sum()) > 0, name


def test_the_block_is_torchvisions_where_that_has_a_smaller_window():
    has = Branches(one=6, few=5, three=8, fewer=3, five=4, most=7)
    ours = Inception(9, has, norm=partial(nn.BatchNorm2d, eps=0.001)).double()
    theirs = TheirInception(9, 6, 5, 8, 3, 4, 7).double()
    pairs = [
        (ours.one, theirs.branch1),
        *zip(ours.three, theirs.branch2, strict=True),
        *zip(ours.five, theirs.branch3, strict=True),
        (ours.most[1], theirs.branch4[1]),
    ]
    for own, other in pairs:
        nn.init.zeros_(own.convolution.bias)
        nn.init.normal_(own.norm.weight)
        nn.init.normal_(own.norm.bias)
        other.bn.load_state_dict(own.norm.state_dict())
        margin = (own.convolution.kernel_size[0] - other.conv.kernel_size[0]) // 2
        assert margin == (1 if own is ours.five[1] else 0)  # torchvision's has 3x3 for the 5x5
        own.convolution.weight.data = F.pad(other.conv.weight.data, [margin] * 4)
    maps = torch.randn(3, 9, 6, 5, dtype=torch.float64, requires_grad=True)
    found, expected = ours(maps), theirs(maps)
    torch.testing.assert_close(found, expected)
    left, right = ((one.sin().sum(), maps) for one in (found, expected))
    torch.testing.assert_close(torch.autograd.grad(*left), torch.autograd.grad(*right))


def test_the_answer_is_the_main_classifiers_in_every_mode():
    network = GoogLeNet(3, image_size=32)
    pictures = torch.randn(2, 3, 32, 32)
    for training in (True, False):
        assert network.train(training)(pictures).shape == (2, 3)
    assert network(torch.randn(1, 3, 50, 60)).shape == (1, 3)  # which the main classifier bears
    assert torch.equal(network.auxiliary_scores(pictures)[0], network(pictures))


def test_both_dropouts_act_in_training_only():
    network = GoogLeNet(3, image_size=32)
    pictures = torch.randn(2, 3, 32, 32)
    first, again = network.auxiliary_scores(pictures), network.auxiliary_scores(pictures)
    assert not any(torch.equal(*pair) for pair in zip(first, again, strict=True))
    network.eval()
    first, again = network.auxiliary_scores(pictures), network.auxiliary_scores(pictures)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))


def test_the_auxiliaries_stand_where_they_are_asked_for_the_lowest_first():
    network = GoogLeNet(3, image_size=40, auxiliaries=("5a", "3b")).eval()
    assert list(network.auxiliaries) == ["inception3b", "inception5a"]
    pictures = torch.randn(2, 3, 40, 40)
    maps = network.blocks[:2](network.stem(pictures))
    lowest = network.auxiliaries["inception3b"](maps)
    torch.testing.assert_close(network.auxiliary_scores(pictures)[1], lowest)
    assert len(GoogLeNet(3, image_size=40, auxiliaries=()).auxiliary_scores(pictures)) == 1


def test_a_fresh_network_neither_quietens_nor_blows_up():
    network = GoogLeNet(10, image_size=64).eval()
    spreads = [one.std().item() for one in network.auxiliary_scores(torch.randn(8, 3, 64, 64))]
    assert all(0.2 < spread < 5 for spread in spreads), spreads


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"image_size": 30}, "image_size must be at least 31 for googlenet"),
        ({"auxiliaries": ("4f",)}, "auxiliaries must be a known auxiliaries, got .* Did you mean"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"auxiliary_dropout": -0.1}, "auxiliary_dropout must be in"),
    ],
)
def test_what_cannot_be_built_is_refused(keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        GoogLeNet(10, **keywords)


def test_auxiliaries_refuse_pictures_of_another_size():
    network = GoogLeNet(2, image_size=32)
    with pytest.raises(BadValue, match="inputs must be pictures of 32×32, for which the auxiliari"):
        network.auxiliary_scores(torch.zeros(1, 3, 64, 64))


def test_branches_must_have_channels():
    with pytest.raises(BadValue, match="branches must be of at least 1 channel each"):
        Branches(one=1, few=1, three=0, fewer=1, five=1, most=1)
