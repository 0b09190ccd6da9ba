"""Norms taken into convolutions: the same numbers, whatever the order of modules suggests."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netwright.explain import folding
from netwright.explain.folding import forward, forwards


class Net(nn.Module):
    """A convolution and the norm that stands behind it; what becomes of them is told by `way`."""

    def __init__(self, way, bias=True, affine=True):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(4, affine=affine)
        self.way, self.kept = way, None

    def forward(self, x):
        return self.way(self, x).mean((2, 3))


class Twice(torch.autograd.Function):
    """Not seen by functions of torch."""

    @staticmethod
    def forward(_, x):
        return 2 * x

    @staticmethod
    def backward(_, gradient):
        return 2 * gradient


def kept(net, x):
    net.kept = net.conv(x)
    return net.norm(net.kept) + net.kept


def used_before(net, x):
    y = net.conv(x)
    return y.relu() + net.norm(y)


def written_over(net, x):
    x = x * 1.0
    y = net.conv(x)
    x.mul_(3)
    return net.norm(y) + x.mean(1, keepdim=True)


def without_gradient(net, x):
    y = net.conv(x)
    with torch.no_grad():
        z = y * 2
    return net.norm(y) * z


def other_norm(net, x):
    y = net.conv(x)
    return torch.batch_norm(
        y, None, None, net.norm.running_mean, net.norm.running_var + 1, False, 0.1, 1e-5, True
    )


WAYS = {
    "as expected": lambda net, x: net.norm(net.conv(x)),
    "in place behind": lambda net, x: net.norm(net.conv(x)).relu_(),
    "with something between": lambda net, x: net.norm(net.conv(x).tanh()),
    "shifted in place": lambda net, x: net.norm(net.conv(x).add_(1)),
    "norm unused": lambda net, x: net.conv(x),
    "norm twice": lambda net, x: net.norm(net.norm(net.conv(x))),
    "convolution twice": lambda net, x: net.norm(net.conv(x)) * net.conv(x[:, :, 1:, 1:]).sum(),
    "used before": used_before,
    "kept and used": kept,
    "without gradient": without_gradient,
    "another norm": other_norm,
    "own derivative": lambda net, x: net.norm(Twice.apply(net.conv(x))),
    "in a list": lambda net, x: torch.cat([net.conv(x), net.norm(net.conv(x))], dim=1),
}


def settled(net):
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
    return net.double().eval()


def both(run, x):
    given = x.clone().requires_grad_()
    output = run(given.clone())
    return output.detach(), torch.autograd.grad(output.square().sum(), given)[0]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", WAYS)
def test_outputs_and_gradients_are_the_models_own(name, bias, affine):
    net = settled(Net(WAYS[name], bias=bias, affine=affine))
    x = torch.randn(2, 3, 9, 9, dtype=torch.double)
    expected = both(net, x)
    run = forwards(net, batches=3)
    for _ in range(2):
        for found, true in zip(both(run, x), expected, strict=True):
            assert torch.allclose(found, true, rtol=0, atol=1e-10)
    with torch.no_grad():
        assert torch.allclose(run(x), expected[0], rtol=0, atol=1e-10)


def test_an_input_that_is_written_over_meanwhile():
    """Only without gradients, which such a model has not."""
    net = settled(Net(written_over))
    x = torch.randn(2, 3, 9, 9, dtype=torch.double)
    run = forwards(net, batches=3)
    with torch.no_grad():
        expected = net(x)
        for _ in range(2):
            assert torch.allclose(run(x), expected, rtol=0, atol=1e-10)


def folds(net, x, batches=1):
    """How many convolutions were run as one with their norm."""
    pairs = []
    own, folding._pairs = folding._pairs, lambda model: pairs.append(own(model)) or pairs[-1]
    try:
        forwards(net, batches=batches)(x)
    finally:
        folding._pairs = own
    return sum(bool(pair.folded) for pair in pairs[0].values())


def test_it_is_done_where_it_is_expected_and_pays():
    net = settled(Net(WAYS["as expected"]))
    assert folds(net, torch.randn(1, 3, 16, 16, dtype=torch.double)) == 1
    wide = settled(nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64)))
    picture = torch.randn(1, 3, 6, 6, dtype=torch.double)
    assert folds(wide, picture) == 0
    assert folds(wide, picture, batches=20) == 1
    assert folds(settled(Net(WAYS["with something between"])), picture) == 0


def test_a_module_with_hooks_is_left_alone():
    net, seen = settled(Net(WAYS["as expected"])), []
    net.conv.register_forward_hook(lambda *given: seen.append(given[2]))
    x = torch.randn(1, 3, 16, 16, dtype=torch.double)
    assert torch.equal(forward(net, x), net(x))
    assert torch.equal(seen[0], seen[1])


def test_shared_weights_have_no_one_norm():
    one, other = settled(Net(WAYS["as expected"])), settled(Net(WAYS["as expected"]))
    other.conv.weight = one.conv.weight
    net = nn.ModuleList([one, other])
    net.forward = lambda x: one(x) + other(x)  # type: ignore[method-assign]
    x = torch.randn(1, 3, 16, 16, dtype=torch.double)
    assert torch.allclose(forward(net, x), net(x), rtol=0, atol=1e-10)


def test_training_norms_and_other_types_of_numbers_are_as_they_were():
    net = settled(Net(WAYS["as expected"]))
    x = torch.randn(2, 3, 16, 16, dtype=torch.double)
    net.train()
    assert folds(net, x) == 0
    net.eval().float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(forward(net, x.float()), net(x.float()))
