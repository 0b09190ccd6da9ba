"""Every map for any model: it works and leaves the model as it was, or it is refused by name.

A method of the catalogue is in here by itself. Which one is refused for which model stands in
REFUSED, so that nothing is refused, or accepted, by accident.
"""

from __future__ import annotations

import copy
import inspect
from functools import cache

import pytest
import torch
from torch import nn

from netwright._errors import NetwrightError
from netwright.explain.catalogue import CATALOGUE
from relu_nets import WRITTEN, pictures, written

MAPS = [entry.name for entry in CATALOGUE if entry.facts.get("gives") == "map"]
WAYS = [*WRITTEN, "compiled", "compiled inside"]
SMALL = {"steps": 2, "samples": 2}
RULES = {"guided-backprop", "deconvnet", "guided-grad-cam"}

TORCHVISION = {
    "googlenet": (64, {"init_weights": False}),
    "densenet121": (64, {}),
    "resnet18": (64, {}),
    "mobilenet_v2": (64, {}),
    "vit_b_16": (32, {"image_size": 32}),
}
OF_INPUTS = [  # what goes by modules may take another layer where another is the last one
    "gradient", "saliency", "guided-backprop", "deconvnet", "integrated-gradients", "smoothgrad",
]  # fmt: skip
NO_ATTENTION = {"attention-rollout"}
NO_AVERAGED_MAPS = {"cam"}
REFUSED: dict[str, set[str]] = {
    "small vit": RULES | NO_AVERAGED_MAPS,
    "vit_b_16": RULES | NO_AVERAGED_MAPS,
    "GELU": RULES | NO_AVERAGED_MAPS | NO_ATTENTION,
    "pictures": NO_AVERAGED_MAPS | NO_ATTENTION,
}


def method_of(name):
    """The method, with as few repeats as it can be told to take."""
    call = CATALOGUE.load(name)
    few = {key: SMALL[key] for key in SMALL if key in inspect.signature(call).parameters}
    return lambda model, inputs, **keyword: call(model, inputs, **few, **keyword)


@cache
def known(name):
    """A network of torchvision with drawn weights, and two pictures as small as it can take.

    It is in training mode but for one part, so that both have to be put back; in double precision,
    since with drawn weights a rounding can turn a switch.
    """
    import torchvision

    size, keyword = TORCHVISION[name]
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(weights=None, **keyword)
    if name == "vit_b_16":
        nn.init.normal_(model.heads.head.weight)  # torchvision's begins with zeros
    next(model.children()).eval()
    inputs = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    return model.double(), inputs.double()


def small(name):
    """The same kinds, as small as they can be made."""
    from torchvision.models import MobileNetV2, ResNet, VisionTransformer
    from torchvision.models.resnet import BasicBlock

    torch.manual_seed(0)
    size = 64 if name == "small resnet" else 32  # of more than one place at the end
    if name == "small vit":
        model = VisionTransformer(32, 16, 2, 2, 8, 16, num_classes=3)
        nn.init.normal_(model.heads.head.weight)
    elif name == "small resnet":
        model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=3)
    else:
        model = MobileNetV2(3, inverted_residual_setting=[[1, 8, 1, 1], [6, 8, 2, 2]])
    return model.double(), torch.randn(2, 3, size, size).double()


def state_of(model):
    return {
        "values": copy.deepcopy(model.state_dict()),
        "versions": [value._version for value in (*model.parameters(), *model.buffers())],
        "gradients": [value.grad for value in model.parameters()],
        "asked": [value.requires_grad for value in model.parameters()],
        "modes": [module.training for module in model.modules()],
        "hooks": [
            len(module._forward_hooks)
            + len(module._forward_pre_hooks)
            + len(module._backward_hooks)
            + len(module._backward_pre_hooks)
            for module in model.modules()
        ],
        "forwards": ["forward" in vars(module) for module in model.modules()],
        "random": torch.get_rng_state(),
    }


def assert_untouched(model, before):
    after = state_of(model)
    for name in ("values", "random"):
        theirs, ours = before.pop(name), after.pop(name)
        keys = theirs.keys() if isinstance(theirs, dict) else [...]
        assert all(torch.equal(theirs[key], ours[key]) for key in keys), name
    assert before == after


def explained(method, model, inputs):
    """Finite maps of the right shape, together as one by one; nothing changed."""
    given, before = inputs.clone(), state_of(model)
    found = method(model, inputs, target=1)
    assert found.shape in {inputs.shape, (len(inputs), *inputs.shape[2:])}
    assert found.dtype == inputs.dtype
    assert not found.requires_grad
    assert found.isfinite().all()
    alone = torch.cat([method(model, one[None], target=1) for one in inputs])
    assert torch.allclose(found, alone, rtol=1e-3, atol=1e-4 * float(found.abs().max()))
    assert torch.equal(inputs, given)
    assert inputs.grad is None
    assert_untouched(model, before)
    return found


def refused(method, model, inputs):
    before = state_of(model)
    with pytest.raises(NetwrightError, match="must be"):
        method(model, inputs, target=1)
    assert_untouched(model, before)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MAPS)
def test_a_network_written_in_any_way(name, way):
    if name in REFUSED["pictures"]:
        refused(method_of(name), written(way), pictures())
    else:
        assert explained(method_of(name), written(way), pictures()).abs().max() > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OF_INPUTS)
def test_the_map_does_not_depend_on_how_it_is_written(name, way):
    expected = method_of(name)(written("modules"), pictures(), target=1)
    found = method_of(name)(written(way), pictures(), target=1)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", MAPS)
def test_where_there_is_no_rule(name):
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )
    check = refused if name in REFUSED["GELU"] else explained
    check(method_of(name), model, pictures())


@pytest.mark.parametrize("name", MAPS)
def test_double_precision(name):
    check = refused if name in REFUSED["pictures"] else explained
    check(method_of(name), written("F.relu", dtype=torch.double), pictures(dtype=torch.double))


@pytest.mark.parametrize("name", MAPS)
def test_after_an_exception_within_the_model(name):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(0.5))

        def forward(self, x):
            torch.rand(1)
            return self.layer(x).flatten(1) @ torch.ones(7, 7)

    model, inputs = Broken(), pictures()
    before = state_of(model)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        method_of(name)(model, inputs, target=1)
    assert_untouched(model, before)


@pytest.mark.parametrize("model", ["small resnet", "small mobilenet", "small vit"])
@pytest.mark.parametrize("name", MAPS)
def test_small_networks_of_torchvision(name, model):
    check = refused if name in REFUSED.get(model, NO_ATTENTION) else explained
    check(method_of(name), *small(model))


@pytest.mark.slow
@pytest.mark.parametrize("model", TORCHVISION)
@pytest.mark.parametrize("name", MAPS)
def test_networks_of_torchvision(name, model):
    check = refused if name in REFUSED.get(model, NO_ATTENTION) else explained
    check(method_of(name), *known(model))


def test_what_is_refused_is_there():
    assert set().union(*REFUSED.values()) <= set(MAPS)


@pytest.mark.parametrize("name", sorted(set(MAPS) - REFUSED["pictures"]))
def test_inputs_that_are_no_numbers_are_refused(name):
    inputs = pictures().clone()
    inputs[1, 0, 0, 0] = float("nan")
    with pytest.raises(NetwrightError, match="NaN or infinity in examples 1"):
        method_of(name)(written(next(iter(WRITTEN))), inputs)
