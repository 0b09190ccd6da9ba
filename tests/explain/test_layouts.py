"""Maps laid as convolutions like them: nothing else changes, whatever a model does."""

from __future__ import annotations

import traceback
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import BaseTorchFunctionMode

from netwright import explain
from netwright.explain.inside.examined import examined
from netwright.explain.inside.layouts import forward

STRIDES = [400, 100, 10, 1]  # of (n, 4, 10, 10) as they usually lie


class OwnView(torch.autograd.Function):
    @staticmethod
    def forward(context, y):
        return 2 * y

    @staticmethod
    def backward(context, g):
        return 2 * g.view(-1).view(g.shape)


class OwnOrder(torch.autograd.Function):
    @staticmethod
    def forward(context, y):
        return 2 * y

    @staticmethod
    def backward(context, g):
        return torch.as_strided(g, g.shape, STRIDES)


class Net(nn.Module):
    """Two convolutions and something between them, with a counter among its buffers."""

    def __init__(self, between, *, first=lambda x: x):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
        self.between, self.first = between, first
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        return self.two(self.between(self, self.one(self.first(x)))).mean((2, 3))


def images(n=2, *, size=12):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(4))


def plain(model, inputs):
    """The output and the derivative of its first number, from torch alone."""
    with examined(model):
        given = inputs.clone().requires_grad_()
        output = model(given.clone())
        return output.detach(), torch.autograd.grad(output[:, 0].sum(), given)[0]


def assert_plain(model, inputs, *, tolerance=1e-6):
    output, derivative = plain(model, inputs)
    before = inputs.clone()
    with examined(model) as opened:
        found = forward(opened, inputs)
    assert torch.equal(inputs, before)
    assert torch.allclose(found, output, rtol=tolerance, atol=tolerance * float(output.abs().max()))
    mine = explain.gradient(model, inputs, target=0)
    largest = float(derivative.abs().max())
    assert largest > 0
    assert torch.allclose(mine, derivative, rtol=tolerance, atol=tolerance * largest)
    assert mine.is_contiguous()


def counted(self, y):
    self.calls += 1
    return y.view(-1).view(y.shape) * self.calls


def swallowing(self, y):
    try:
        return y * y.stride(1)
    except Exception:
        return y * 0


def hooked(self, y):
    y.register_hook(lambda g: g.view(-1).view(g.shape))
    return y


LOOKING = {
    "view": lambda _, y: y.view(len(y), -1).view(y.shape),
    "as_strided": lambda _, y: torch.as_strided(y, y.shape, STRIDES),
    "as_strided of aten": lambda _, y: torch.ops.aten.as_strided.default(y, y.shape, STRIDES),
    "a copy by strides": lambda _, y: torch.as_strided_copy(y, y.shape, STRIDES),
    "stride": lambda _, y: y * y.stride(1),
    "stride, swallowed": swallowing,
    "is_contiguous": lambda _, y: y if y.is_contiguous() else 3 * y,
    "order of dimensions": lambda _, y: y * y.dim_order()[1],
    "storage": lambda _, y: y * torch.tensor(y.detach().untyped_storage().tolist()).sum(),
    "resize": lambda _, y: y * y.detach().clone().resize_as_(torch.empty(2, 400)).view_as(y),
    "numpy": lambda _, y: y + torch.from_numpy(y.detach().numpy().copy()),
    "numpy's memory": lambda _, y: (
        y + torch.from_numpy(y.detach().numpy().ravel("K")).view(y.shape)
    ),
    "backward by view": lambda _, y: OwnView.apply(y),
    "backward by strides": lambda _, y: OwnOrder.apply(y),
    "hook on a tensor": hooked,
    "dropout": lambda _, y: F.dropout(y, 0.5, training=True),
    "random numbers": lambda _, y: y * torch.rand_like(y),
    "random numbers of its own": lambda _, y: y
    * torch.bernoulli(0.5 + 0 * y.detach(), generator=torch.Generator().manual_seed(3)),
    "a counter": counted,
}  # fmt: skip


@pytest.mark.parametrize("between", LOOKING.values(), ids=LOOKING)
def test_what_looks_at_memory_gets_what_it_would_have_got(between):
    assert_plain(Net(between), images())


@pytest.mark.parametrize(
    "between",
    [
        lambda _, y: y.relu_(),
        lambda _, y: F.conv2d(y, torch.ones(4, 1, 3, 3), groups=4, padding=1),
        lambda _, y: F.conv2d(y, torch.ones(6, 2, 1, 1), groups=2)[:, :4],
        lambda _, y: torch.conv2d(input=y, weight=torch.ones(4, 4, 1, 1)),
        lambda _, y: F.conv2d(y[0], torch.ones(4, 4, 1, 1))[None] + y,
        lambda _, y: y.permute(0, 2, 3, 1).softmax(-1).permute(0, 3, 1, 2),
        lambda _, y: F.max_pool2d(y.relu(), 3, 2, 1).repeat_interleave(2, 2),
        lambda _, y: torch.cat([y[:, ::2], y[:, 1::2].flip(2)], 1).transpose(2, 3),
    ],
)
def test_chains_of_convolutions(between):
    assert_plain(Net(between), images())


def test_double_precision():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 3), nn.Flatten())
    assert_plain(model.double(), images().double(), tolerance=1e-12)


def test_an_operation_in_place_comes_first():
    assert_plain(Net(lambda _, y: y, first=lambda x: x.mul_(2)), images())
    assert_plain(Net(LOOKING["view"], first=lambda x: x.mul_(2)), images())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "googlenet"])
def test_networks_of_torchvision(name):
    import torchvision

    torch.manual_seed(0)
    keyword = {"init_weights": False} if name == "googlenet" else {}
    model = getattr(torchvision.models, name)(weights=None, **keyword)
    assert_plain(model.double(), images(1, size=64).double(), tolerance=1e-9)


def test_the_target_sees_maps_in_order():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    for between in (None, nn.Identity()):
        net = model if between is None else nn.Sequential(model, between)
        found = explain.gradient(net, images(), target=lambda output: output.view(2, -1).sum(1))
        expected = explain.gradient(net, images(), target=lambda output: output.sum((1, 2, 3)))
        assert torch.allclose(found, expected, atol=1e-6)


def test_outputs_in_containers_of_their_own():
    class Answer:
        def __init__(self, maps):
            self.maps = maps

    class Answering(nn.Conv2d):
        def forward(self, x):
            return Answer(super().forward(x))

    score = lambda answer: answer.maps.view(2, -1).sum(1)  # noqa: E731
    found = explain.gradient(Answering(3, 4, 3), images(), target=score)
    assert found.abs().sum() > 0


def test_an_error_of_the_model_comes_out_once():
    def wrong(_, y):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$") as caught:
        explain.gradient(Net(wrong), images())
    assert caught.value.__context__ is None
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "wrong"


def test_hooks_of_the_user_run_once_and_see_maps_as_they_usually_lie():
    model, seen = Net(LOOKING["view"]), []
    model.one.register_forward_hook(lambda *run: seen.append(run[2].is_contiguous()))
    explain.gradient(model, images())
    assert seen == [True]


def test_the_mode_is_off_afterwards_and_others_may_be_on():
    class Doubling(BaseTorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), keywords=None):
            if function is torch.tanh:
                return 2 * function(*arguments)
            return super().__torch_function__(function, types, arguments, keywords)

    before = torch._C._len_torch_function_stack()
    model = Net(lambda _, y: y.tanh() + torch.tanh(y))
    for failing in (False, True):
        model.between = LOOKING["view"] if failing else model.between
        with Doubling(), torch.autocast("cpu", dtype=torch.bfloat16) if failing else nullcontext():
            found = explain.gradient(model, images(), target=0)
            expected = plain(model, images())[1]
        assert torch.allclose(found, expected, atol=1e-6)
        assert torch._C._len_torch_function_stack() == before
    with pytest.raises(RuntimeError):
        explain.gradient(Net(lambda _, y: y @ torch.ones(3)), images())
    assert torch._C._len_torch_function_stack() == before


def test_random_state_and_counters_do_not_move():
    model = Net(lambda self, y: F.dropout(counted(self, y), 0.5, training=True))
    before = torch.get_rng_state()
    explain.gradient(model, images())
    assert torch.equal(before, torch.get_rng_state())
    assert model.calls == 0


def test_large_maps_are_laid_channels_last():
    seen = []

    class Watching(nn.Conv2d):
        def forward(self, x):
            found = super().forward(x)
            with torch._C.DisableTorchFunction():
                seen.append(found.is_contiguous(memory_format=torch.channels_last))
            return found

    with examined(nn.Sequential(Watching(3, 4, 3), nn.ReLU())) as model, torch.no_grad():
        assert forward(model, images(2, size=32)).is_contiguous()
    assert seen == [True]
