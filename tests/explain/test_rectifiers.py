"""The rules for rectifiers: where they hold, and what is refused by name."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netwright import explain
from netwright._errors import BadValue
from netwright.explain.gradient import leaf
from netwright.explain.inside.examined import examined
from netwright.explain.inside.rectifiers import rectified
from relu_nets import WRITTEN, pictures, written

METHODS = [explain.guided_backprop, explain.deconvnet]
WAYS = [*WRITTEN, "compiled", "compiled inside"]


def between(operation, *, tail=()):
    """A layer, an operation, a layer: the operation is called "1" in it."""

    class Step(nn.Module):
        def forward(self, x):
            return operation(x)

    return nn.Sequential(nn.Linear(4, 6), Step(), nn.Linear(6, 3), *tail)


class OwnReLU(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(context, g):
        return g * (context.saved_tensors[0] > 0)


class Relu(OwnReLU):
    """Autograd calls its operation "ReluBackward", almost as torch's own."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
def test_the_same_numbers_however_the_network_is_written(method, way):
    expected = method(written("modules"), pictures(), target=1)
    found = method(written(way), pictures(), target=1)
    assert expected.abs().max() > 1e-3
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (F.gelu, r"GELU in 1"),
        (F.silu, r"SiLU in 1"),
        (F.leaky_relu, r"LeakyReLU in 1"),
        (torch.tanh, r"Tanh in 1"),
        (torch.sigmoid, r"Sigmoid in 1"),
        (lambda x: x.softmax(1), r"Softmax in 1"),
        (lambda x: x * x.sigmoid(), r"Sigmoid in 1; a product by what depends on the inputs"),
        (lambda x: x * (x > 0), r"a product"),
        (lambda x: (x > 0) * x, r"a product"),
        (lambda x: x * (x > 0).float(), r"a product"),
        (lambda x: (x > 0).to(x) * x, r"a product"),
        (
            lambda x: torch.stack([row[row > 0].sum().expand(6) for row in x]),
            r"Index by what depends on the inputs",
        ),
        (lambda x: F.layer_norm(x * x.sigmoid(), (6,)), r"Sigmoid in 1; a product by what"),
        (lambda x: torch.where(x > 0, x, 0), r"Where in 1"),
        (lambda x: torch.maximum(x, torch.zeros(())), r"Maximum in 1"),
        (lambda x: x.masked_fill(x < 0, 0), r"MaskedFill in 1"),
        (lambda x: x.clamp(min=-1), r"Clamp that does not begin at 0 in 1"),
        (lambda x: x.clamp(max=1), r"Clamp\w* that does not begin at 0 in 1"),
        (F.hardtanh, r"Hardtanh that does not begin at 0 in 1"),
        (lambda x: F.threshold(x, 0.5, 0.0), r"Threshold that does not begin at 0 in 1"),
        (lambda x: x / (1 + x.square().mean()), r"Pow in 1; a quotient by what depends"),
        (lambda x: x @ (x.T @ x), r"a matrix product by what depends"),
        (OwnReLU.apply, r"autograd.Function OwnReLU in 1"),
        (Relu.apply, r"autograd.Function Relu in 1"),
        (lambda x: x.clone().view(-1).relu_().view(x.shape), r"in place of a part"),
        (lambda x: F.scaled_dot_product_attention(*[x[:, None, None]] * 3).flatten(1), "attention"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_what_has_no_rule_is_refused_by_name_and_place(method, operation, words):
    model = between(operation)
    with pytest.raises(BadValue, match=words) as refusal:
        method(model, torch.randn(2, 4))
    assert "For any network: gradient, " in str(refusal.value)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model)


@pytest.mark.parametrize(
    "operation",
    [
        F.relu6,
        lambda x: F.layer_norm(x.relu(), (6,)),
        lambda x: F.dropout(x.relu(), training=False),
        lambda x: F.max_pool1d(x.relu().unsqueeze(1), 1).squeeze(1),
        lambda x: torch.cat([x[:, 3:].relu(), x[:, :3].relu() / 2], 1),
        lambda x: torch.stack([x.relu(), -x], -1).amax(-1),
        lambda x: x.relu().bfloat16().float() * torch.arange(6.0),
        lambda x: torch.einsum("nd,df->nf", x.relu(), torch.eye(6)),
    ],
)
def test_what_is_linear_or_a_pool_or_a_normalisation_passes(operation):
    assert explain.guided_backprop(between(operation), torch.randn(2, 4)).isfinite().all()


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()])
def test_what_follows_the_last_layer_is_part_of_the_score(end):
    model, inputs = between(F.relu, tail=[end]), torch.randn(2, 4)
    model[0].weight.data.abs_(), model[2].weight.data.abs_()
    expected = model[0](inputs) > 0
    slope = torch.func.vmap(torch.func.grad(lambda x: end(x[None])[0, 1]))(model[:3](inputs))
    written_out = ((slope @ model[2].weight).clamp(min=0) * expected) @ model[0].weight
    found = explain.guided_backprop(model, inputs, target=1)
    assert torch.allclose(found, written_out, atol=1e-6)


def test_a_normalisation_is_no_part_of_the_score():
    class Swish(nn.Module):
        def forward(self, x):
            return x * x.sigmoid()

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Swish(), nn.BatchNorm2d(4), Mean())
    with pytest.raises(BadValue, match="Sigmoid in 1"):
        explain.guided_backprop(model, pictures())


@pytest.mark.parametrize("factor", [torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 1.0]), torch.ones(2, 6)])
def test_a_factor_that_chooses_nothing_by_example_passes(factor):
    found = explain.guided_backprop(between(lambda x: x.relu() * factor), torch.randn(2, 4))
    assert found.isfinite().all()


def test_before_a_rectifier_it_is_not():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.ReLU())
    with pytest.raises(BadValue, match="Sigmoid in 1"):
        explain.guided_backprop(model, torch.randn(2, 4))


def test_the_score_may_be_any_function_of_the_output():
    model = between(F.relu)
    entropy = lambda output: -(output.softmax(1) * output.log_softmax(1)).sum(1)  # noqa: E731
    assert explain.guided_backprop(model, torch.randn(2, 4), target=entropy).abs().sum() > 0


def test_only_what_lies_between_the_score_and_the_inputs_counts():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.main, self.aside = nn.Linear(4, 3), nn.Linear(4, 3)
            self.scale = nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return self.main(x).relu() * self.scale.sigmoid(), F.gelu(self.aside(x))

    found = explain.guided_backprop(
        Aside(), torch.randn(2, 4), target=lambda output: output[0].sum(1)
    )
    assert found.isfinite().all()
    with pytest.raises(BadValue, match="GELU in the model's own forward"):
        explain.guided_backprop(Aside(), torch.randn(2, 4), target=lambda output: output[1].sum(1))


def test_a_rule_gets_the_plain_derivative_and_what_arrived():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
    model[0].weight.data = torch.eye(2)
    model[2].weight.data = torch.tensor([[2.0, -3.0]])
    seen = []

    def rule(plain, arrived):
        seen.append((plain.tolist(), arrived.tolist()))
        return plain

    with examined(model) as opened:
        given, _ = leaf(torch.tensor([[-1.0, 1.0]]))
        rectified(opened, given, score=lambda x: opened(x)[:, 0], rule=rule, method="mine")
    assert seen == [([[0.0, -3.0]], [[2.0, -3.0]])]


def test_hooks_are_gone_after_an_exception_where_the_graph_lives_on():
    class Keeping(nn.Module):
        def forward(self, x):
            self.kept = (2 * x).relu()
            return (self.kept - 1).relu()

    def failing(plain, arrived):
        raise ArithmeticError

    model = Keeping()
    with examined(model) as opened:
        given, _ = leaf(torch.randn(2, 4))
        with pytest.raises(ArithmeticError):
            rectified(opened, given, score=lambda x: opened(x)[:, 0], rule=failing, method="mine")
        found = torch.autograd.grad(model.kept.sum(), given)[0]
    assert torch.equal(found, 2.0 * (given > 0))


def test_nothing_of_the_graph_stays():
    model, seen = written("F.relu"), []
    gc.disable()
    try:
        with model.second.register_forward_hook(lambda *run: seen.append(weakref.ref(run[2]))):
            explain.guided_backprop(model, pictures())
        assert len(seen) == 1
        assert seen[0]() is None
    finally:
        gc.enable()
