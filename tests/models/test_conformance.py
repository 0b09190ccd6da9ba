"""What every network of the catalogue keeps to, ours and the libraries', one by one.

A new entry is picked up by itself, at the smallest picture of at least 32 pixels that it bears.
All but ours and a few small ones are slow (`pytest -m slow tests/models/test_conformance.py`); of
more than a hundred million parameters only the shape of the answer is asked. timm's 1,300 are not
here, only those that have a name of the field.
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from netwright.explain.explanations import Explanation, Refusal, explanations
from netwright.models import create, describe
from netwright.models.backbones.field_names import FIELD_NAMES
from netwright.models.catalogue import CATALOGUE
from netwright.models.depth import depth_blocks
from netwright.models.graph import describe as describe_graph
from netwright.models.intermediate import intermediate_features, stages
from netwright.probes.signal import signal_propagation

CLASSES, CHANNELS, BATCH = 5, 2, 4
SMALL, LARGE = 2e7, 1e8  # parameters
QUICK = {"torchvision:squeezenet1_0", "torchvision:shufflenet_v2_x1_0", "timm:mobilenetv1_100"}
OURS = [entry.name for entry in CATALOGUE if "library" not in entry.facts]
FULL = dict.fromkeys([*OURS, *FIELD_NAMES.values(), *CATALOGUE.names()])
METHODS = ("saliency", "grad-cam", "guided-backprop")

# Networks without a map: rows go in, or the picture is flattened at once.
NO_MAPS = {"linear", "mlp", "perceptron"}
# Built smaller than by default.
SMALLER = {"vit": {"patch": 4, "width": 24, "depth": 2, "heads": 2}}
# Weights start at zero, so that the first answer says nothing.
FROM_ZERO = {"perceptron"}
# Operations behind which no receptive field is followed, in the attention of transformers.
ATTENTION = ("swin", "maxvit", "vit")
# Parameters whose paths begin so have no gradient, and why.
NO_GRADIENT = {"googlenet": ("auxiliaries.", "a method asks them apart; no score is theirs")}


def parameters_of(name: str) -> float:
    return describe(name).facts.get("parameters", 0)


def named(*, large: bool) -> list[object]:
    found = [name for name in FULL if (parameters_of(name) > LARGE) is large]
    return [pytest.param(name, marks=() if is_quick(name) else pytest.mark.slow) for name in found]


def is_quick(name: str) -> bool:
    is_small = name in SMALLER or parameters_of(name) < SMALL
    return name in QUICK or (name in OURS and is_small)


def without_gradient(name: str, network: nn.Module) -> set[str]:
    if name not in NO_GRADIENT:
        return set()
    start, _ = NO_GRADIENT[name]
    return {path for path, _ in network.named_parameters() if path.startswith(start)}


def side_of(name: str) -> int:
    facts = describe(name).facts
    multiple = facts.get("multiple", 1)
    return math.ceil(max(facts.get("smallest", 1), 32) / multiple) * multiple


def built(name: str) -> nn.Module:
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    settings = {"in_channels": CHANNELS, "image_size": side_of(name), **SMALLER.get(name, {})}
    network = create(name, num_classes=CLASSES, **settings)
    if name in FROM_ZERO:
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.1)
    return network


@dataclass
class Case:
    name: str
    network: nn.Module
    pictures: Tensor


@pytest.fixture(scope="module", params=named(large=False))
def case(request):
    torch.manual_seed(0)
    side = side_of(request.param)
    return Case(request.param, built(request.param), torch.randn(BATCH, CHANNELS, side, side))


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Whatever looks at a network leaves its weights, averages, modes and hooks alone."""
    before = copy.deepcopy(network.train().state_dict())
    yield
    assert all(module.training for module in network.modules())
    assert not [key for key, value in network.state_dict().items() if not value.equal(before[key])]
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    assert not [one for one in network.modules() for kind in hooks if getattr(one, kind)]


# The checks, apart from the tests: the last test shows that each can fail.


def check_scores(network: nn.Module, pictures: Tensor) -> None:
    for is_training in (True, False):
        scores = network.train(is_training)(pictures)
        assert type(scores) is Tensor
        assert scores.shape == (len(pictures), CLASSES)
        assert scores.isfinite().all()


def check_gradients(network: nn.Module, pictures: Tensor, *, without: set[str]) -> None:
    network.train().zero_grad(set_to_none=True)
    labels = torch.arange(len(pictures)) % CLASSES
    nn.functional.cross_entropy(network(pictures), labels).backward()
    gradients = {path: one.grad for path, one in network.named_parameters()}
    network.zero_grad(set_to_none=True)
    assert {path for path, gradient in gradients.items() if gradient is None} == without
    there = {path: gradient for path, gradient in gradients.items() if gradient is not None}
    assert not [path for path, gradient in there.items() if not gradient.isfinite().all()]
    assert not [path for path in list(there)[:1] if not there[path].any()]  # it arrives


def check_alone(network: nn.Module, pictures: Tensor) -> None:
    with torch.no_grad():
        together = network.eval()(pictures)
        alone = torch.cat([network(one[None]) for one in pictures])
    bound = 1e-4 * float(together.abs().max())
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=bound)
    assert float((together[0] - together[1]).abs().max()) > 0  # and it looks at the picture


def check_state(network: nn.Module, fresh: nn.Module, pictures: Tensor) -> None:
    with torch.no_grad():
        network.train()(pictures)
        expected = network.eval()(pictures)
        assert not torch.equal(fresh.eval()(pictures), expected)
        fresh.load_state_dict(network.state_dict())
        assert torch.equal(fresh(pictures), expected)


def check_copies(network: nn.Module, pictures: Tensor) -> None:
    with torch.no_grad():
        expected = network.eval()(pictures)
        for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert torch.equal(again(pictures), expected)
        exported = torch.export.export(network, (pictures,)).module()
        torch.testing.assert_close(exported(pictures), expected)


def check_stages(network: nn.Module, pictures: Tensor) -> None:
    with unchanged(network):
        found = stages(network, pictures)
    areas = [one.stride[0] * one.stride[1] for one in found]
    assert areas
    assert areas == sorted(set(areas))
    values = intermediate_features(network.eval(), pictures, names=[one.name for one in found])
    for one in found:
        value = values[one.name].movedim(-1, 1) if one.channels_last else values[one.name]
        assert value.shape == (len(pictures), one.channels, *one.size)
        assert value.requires_grad


def check_fields(
    network: nn.Module, pictures: Tensor, *, unknown: bool, unused: frozenset[str] = frozenset()
) -> None:
    with unchanged(network):
        found = describe_graph(network, pictures[:1])
    assert found.parameters == sum(one.numel() for one in network.parameters())
    assert found.multiply_adds > 0
    assert set(found.unused) == unused
    assert bool(found.unknown) <= unknown, found.unknown
    assert not found.uncounted
    last = found.layers[-1].receptive_field
    if not found.unknown:  # a score sees all of the picture
        assert all(axis.is_whole or axis.stride is None for axis in last)


def check_explained(network: nn.Module, pictures: Tensor) -> None:
    with unchanged(network):
        found = explanations(network, pictures[:1], methods=METHODS)
    for one in found:
        if isinstance(one, Refusal):
            assert one.method != "saliency", one.reason
            assert len(one.reason) > 20
            assert one.reason.endswith(".")
        else:
            assert isinstance(one, Explanation)
            assert one.maps.shape[0] == 1
            assert one.maps.shape[-2:] == pictures.shape[-2:]
            assert one.maps.isfinite().all()
            assert one.maps.any() or one.method != "saliency"


def check_signal(network: nn.Module, pictures: Tensor) -> None:
    with unchanged(network):
        layers = signal_propagation(network, pictures).layers
    assert layers
    for one in layers:
        assert math.isfinite(one.mean), one
        assert math.isfinite(one.variance), one
        assert not math.isinf(one.gradient_norm), one
    assert layers[-1].variance > 0
    norms = [one.gradient_norm for one in layers if not math.isnan(one.gradient_norm)]
    assert norms[0] > 0


def check_blocks(network: nn.Module, pictures: Tensor) -> None:
    with unchanged(network):
        blocks = depth_blocks(network, pictures[:1])
    paths = [path for block in blocks for path in block.parameters]
    assert sorted(paths) == sorted(path for path, _ in network.named_parameters())


def test_any_channels_and_classes_give_scores(case):
    check_scores(case.network, case.pictures)


def test_every_parameter_has_a_gradient(case):
    without = without_gradient(case.name, case.network)
    check_gradients(case.network, case.pictures, without=without)


def test_a_picture_alone_is_answered_as_among_others(case):
    check_alone(case.network, case.pictures)


def test_its_state_makes_another_the_same(case):
    torch.manual_seed(1)
    check_state(case.network, built(case.name), case.pictures)


def test_it_can_be_copied_pickled_and_exported(case):
    if case.name not in OURS:
        pytest.skip("the library's own to keep")
    check_copies(case.network, case.pictures)


def test_its_stages_are_what_it_gives(case):
    if case.name in NO_MAPS:
        assert stages(case.network, case.pictures) == ()
        return
    check_stages(case.network, case.pictures)


def test_its_graph_and_receptive_fields_are_known(case):
    attends = any(word in case.name for word in ATTENTION)
    unused = frozenset(without_gradient(case.name, case.network))
    check_fields(case.network, case.pictures, unknown=attends, unused=unused)


def test_it_is_explained_or_refused_by_name(case):
    check_explained(case.network, case.pictures)


def test_a_signal_passes_both_ways(case):
    check_signal(case.network, case.pictures)


def test_it_is_cut_into_blocks(case):
    check_blocks(case.network, case.pictures)


@pytest.mark.parametrize("name", named(large=True))
def test_the_largest_answer_in_shape(name):
    with torch.device("meta"):
        network = built(name).eval()
        scores = network(torch.zeros(1, CHANNELS, side_of(name), side_of(name)))
    assert scores.shape == (1, CLASSES)


class Broken(nn.Module):
    """Right but for one thing."""

    count = 0

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.conv = nn.Conv2d(CHANNELS, 4, 3, 2, 1)
        self.head = nn.Linear(4, CLASSES)
        if fault == "idle":
            self.idle = nn.Linear(2, 2)
        self.hidden = torch.randn(CLASSES)  # no part of its state

    def forward(self, pictures: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        seen = self.conv(pictures)
        if self.fault == "batch":
            seen = seen - seen.mean(0)
        if self.fault == "blind":
            seen = seen * 0
        scores = self.head(seen.mean((2, 3)))
        if self.fault == "hidden":
            scores = scores + self.hidden
        if self.fault == "counts":
            self.count += 1
            scores = scores + self.count
        if self.fault == "infinite":
            scores = scores + scores.sum().sub(scores.sum()).sqrt()
        if self.fault == "nan":
            scores = scores / 0
        return (scores, scores) if self.fault == "pair" and self.training else scores


FAULTS = {
    "pair": check_scores,
    "nan": check_scores,
    "idle": lambda network, pictures: check_gradients(network, pictures, without=set()),
    "infinite": lambda network, pictures: check_gradients(network, pictures, without=set()),
    "batch": check_alone,
    "blind": check_alone,
    "counts": check_copies,
    "hidden": lambda network, pictures: check_state(network, Broken("hidden"), pictures),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_check_can_fail(fault):
    pictures = torch.randn(BATCH, CHANNELS, 8, 8)
    with pytest.raises(AssertionError):
        FAULTS[fault](Broken(fault), pictures)


def test_the_checks_pass_what_is_right():
    network, pictures = Broken(""), torch.randn(BATCH, CHANNELS, 8, 8)
    check_scores(network, pictures)
    check_gradients(network, pictures, without=set())
    check_alone(network, pictures)
    check_fields(network, pictures, unknown=False)
    for check in (check_copies, check_stages, check_explained, check_signal, check_blocks):
        check(network, pictures)


def test_checks_of_instruments_can_fail():
    pictures = torch.randn(BATCH, CHANNELS, 8, 8)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(8 * 8 * CHANNELS, CLASSES))
    with pytest.raises(AssertionError):
        check_stages(flat, pictures)
    with pytest.raises(AssertionError):
        check_fields(Broken("idle"), pictures, unknown=False)
    with pytest.raises(AssertionError):
        check_signal(Broken("blind"), pictures)
    with pytest.raises(AssertionError):
        check_explained(Broken("blind"), pictures)
    network = Broken("")
    with pytest.raises(AssertionError), unchanged(network):
        network.conv.register_forward_hook(print)
    network = nn.BatchNorm2d(CHANNELS)
    with pytest.raises(AssertionError), unchanged(network):
        network(pictures)
