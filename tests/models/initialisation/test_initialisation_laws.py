"""The moments and the shape of every law, on every kind of layer, and what a law leaves alone.

Bounds hold with all but one in a million draws; the seeds are fixed, so they never fail by chance.
"""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from netwright import _random
from netwright._errors import BadValue
from netwright.models.initialisation.blocks import blocks_of
from netwright.models.initialisation.catalogue import CATALOGUE, initialise

ONE_IN_A_MILLION = 1e-6

# kind of layer → the layer, its weight, and the fans of one of its maps, counted by hand
LAYERS = {
    "linear": (lambda: nn.Linear(300, 200), "weight", 300, 200),
    "conv": (lambda: nn.Conv2d(32, 48, (3, 5)), "weight", 32 * 15, 48 * 15),
    "strided conv": (lambda: nn.Conv2d(32, 48, 3, stride=2), "weight", 32 * 9, 48 * 9),
    "grouped conv": (lambda: nn.Conv1d(64, 128, 5, groups=4), "weight", 16 * 5, 32 * 5),
    "depthwise": (lambda: nn.Conv2d(256, 256, 5, groups=256), "weight", 25, 25),
    "transposed conv": (lambda: nn.ConvTranspose2d(48, 32, 3), "weight", 48 * 9, 32 * 9),
    "strided, grouped transposed conv": (
        lambda: nn.ConvTranspose2d(64, 48, 4, stride=2, groups=2),
        "weight",
        32 * 16 / 4,
        24 * 16,
    ),
    "embedding": (lambda: nn.Embedding(500, 60), "weight", 1, 60),
    "attention": (lambda: nn.MultiheadAttention(128, 4), "in_proj_weight", 128, 128),
    "keys of another size": (
        lambda: nn.MultiheadAttention(128, 4, kdim=200, vdim=200),
        "k_proj_weight",
        200,
        128,
    ),
    "lstm inputs": (lambda: nn.LSTM(100, 80), "weight_ih_l0", 100, 80),
    "lstm states": (lambda: nn.LSTM(100, 80), "weight_hh_l0", 80, 80),
    "gru cell": (lambda: nn.GRUCell(100, 80), "weight_ih", 100, 80),
}
# law → its options, its family, its variance from the fans
LAWS = {
    "normal": ({"deviation": 0.2}, stats.norm, lambda n, m: 0.04),
    "lecun-normal": ({}, stats.norm, lambda n, m: 1 / n),
    "heuristic-uniform": ({}, stats.uniform, lambda n, m: 1 / (3 * n)),
    "xavier-uniform": ({"gain": 1.5}, stats.uniform, lambda n, m: 2.25 * 2 / (n + m)),
    "xavier-normal": ({}, stats.norm, lambda n, m: 2 / (n + m)),
    "kaiming-normal": ({}, stats.norm, lambda n, m: 2 / n),
    "kaiming-uniform": (
        {"fan": "out", "activation": "tanh"},
        stats.uniform,
        lambda n, m: (5 / 3) ** 2 / m,
    ),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("kind", LAYERS)
def test_moments_and_shape(kind, law):
    make, name, fan_in, fan_out = LAYERS[kind]
    options, family, variance = LAWS[law]
    module = make()
    initialise(module, law, **options)
    values = getattr(module, name).detach().double().flatten()
    count, deviation = len(values), math.sqrt(variance(fan_in, fan_out))
    kurtosis = {stats.norm: 3.0, stats.uniform: 1.8}[family]
    bound = stats.norm.isf(ONE_IN_A_MILLION / 2)
    assert abs(values.mean()) < bound * deviation / math.sqrt(count)
    spread = bound * deviation**2 * math.sqrt((kurtosis - 1) / count)
    assert abs(values.square().mean() - deviation**2) < spread
    scale = deviation if family is stats.norm else 2 * math.sqrt(3) * deviation
    origin = 0 if family is stats.norm else -scale / 2
    shape = stats.kstest(values.numpy(), family(loc=origin, scale=scale).cdf)
    assert shape.pvalue > ONE_IN_A_MILLION
    if family is stats.uniform:
        assert values.abs().max() <= scale / 2 * (1 + 1e-6)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if "conv" in kind or "depth" in kind])
def test_fans_count_the_terms_of_a_sum(kind):
    """With weights of 1 an output is its number of inputs; its gradient says the other fan."""
    make, name, *_ = LAYERS[kind]
    module = make()
    initialise(module, "constant", value=1.0)
    dimensions = module.weight.ndim - 2
    inputs = torch.ones(1, module.in_channels, *(16,) * dimensions, requires_grad=True)
    outputs = module(inputs)
    middle = (0, 0, *(slice(6, 10),) * dimensions)
    outputs.sum().backward()
    block = blocks_of(module, name)[0]
    assert outputs[middle].mean().item() == block.fan_in
    if module.stride[0] == 1 or module.transposed:  # a convolution's stride is not counted
        assert inputs.grad[middle].mean().item() == block.fan_out


@pytest.mark.parametrize(
    ("law", "theirs"),
    [
        ("xavier-uniform", nn.init.xavier_uniform_),
        ("xavier-normal", nn.init.xavier_normal_),
        ("kaiming-normal", lambda *a, **k: nn.init.kaiming_normal_(*a, nonlinearity="relu", **k)),
        ("kaiming-uniform", lambda *a, **k: nn.init.kaiming_uniform_(*a, nonlinearity="relu", **k)),
        ("orthogonal", nn.init.orthogonal_),
        ("zeros", lambda weight, generator: nn.init.zeros_(weight)),
    ],
)
@pytest.mark.parametrize("make", [lambda: nn.Linear(30, 20), lambda: nn.Conv2d(4, 6, 3)])
def test_is_torchs_own_where_torch_has_it(law, theirs, make):
    module, other = make(), make()
    initialise(module, law, seed=3) if law != "zeros" else initialise(module, law)
    theirs(other.weight, generator=_random.generator(3, "weight"))
    torch.testing.assert_close(module.weight, other.weight, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", LAYERS)
def test_rows_or_columns_are_orthogonal(kind):
    make, name, *_ = LAYERS[kind]
    module = make()
    initialise(module, "orthogonal", gain=1.5)
    for block in blocks_of(module, name):
        matrix = block.values.flatten(1).double()
        wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        wanted = 2.25 * torch.eye(len(wide), dtype=torch.float64)
        torch.testing.assert_close(wide @ wide.T, wanted, rtol=0, atol=1e-4)


def test_zeros_and_constants():
    module = nn.Sequential(nn.Linear(3, 4), nn.Conv1d(2, 2, 3))
    initialise(module, "constant", value=0.3)
    assert module[0].weight.unique().tolist() == pytest.approx([0.3])
    initialise(module, "zeros")
    assert not any(value.any() for value in module.parameters())


class Everything(nn.Module):
    """Layers that a law is about, and much that it is not."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 8, padding_idx=2)
        self.places = nn.Parameter(torch.randn(5, 8))
        self.attention = nn.MultiheadAttention(8, 2, add_bias_kv=True)
        self.norm = nn.LayerNorm(8)
        self.norm.weight.data.fill_(1.7)
        self.slope = nn.PReLU()
        self.memory = nn.LSTM(8, 6, num_layers=2, bidirectional=True, proj_size=3)
        self.picture = nn.ModuleList([nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)])
        self.head = nn.Linear(8, 9)
        self.head.weight = self.words.weight
        self.frozen = nn.Linear(2, 2).requires_grad_(False)


UNTOUCHED = ("places", "attention.bias_k", "attention.bias_v", "norm", "slope", "picture.1")


@pytest.mark.parametrize("law", [*LAWS, "zeros", "constant", "orthogonal"])
def test_only_what_it_says_is_touched(law):
    module = Everything()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    generators = torch.get_rng_state()
    written = initialise(module, law)
    after = module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed - {"head.weight"} <= {*written}
    everything = {name for name, _ in module.named_parameters()}
    assert {*written} == {name for name in everything if not name.startswith(UNTOUCHED)}
    assert torch.equal(generators, torch.get_rng_state())
    assert not module.words.weight[2].any()
    assert module.head.weight is module.words.weight
    for name in written:
        if name.rpartition(".")[2].startswith(("bias", "in_proj_bias")):
            assert not after[name].any(), name


@pytest.mark.parametrize("law", [*LAWS, "orthogonal"])
def test_draws_depend_on_seed_and_name_alone(law):
    first, second, third = (nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)) for _ in range(3))
    longer = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3), nn.Linear(3, 3)).double()
    initialise(first, law, seed=1)
    torch.rand(7)
    initialise(second, law, seed=1)
    initialise(third, law, seed=2)
    initialise(longer, law, seed=1)
    assert torch.equal(first[1].weight, second[1].weight)
    assert not torch.equal(first[1].weight, third[1].weight)
    assert not torch.equal(first[0].weight.flatten()[:15], first[1].weight.flatten())
    assert longer[1].weight.shape == first[1].weight.shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_half_and_double_precision_are_taken(dtype):
    module = nn.Linear(64, 64).to(dtype)
    initialise(module, "orthogonal")
    assert module.weight.dtype == dtype
    product = module.weight.double() @ module.weight.double().T
    tolerance = 1e-12 if dtype is torch.float64 else 0.02
    torch.testing.assert_close(
        product.detach(), torch.eye(64, dtype=torch.float64), rtol=0, atol=tolerance
    )


def test_what_can_not_be_written_is_refused():
    with pytest.raises(BadValue, match="one with linear, convolution"):
        initialise(nn.Sequential(nn.ReLU()), "zeros")
    with pytest.raises(BadValue, match="Run the model once on a batch"):
        initialise(nn.Sequential(nn.LazyLinear(3)), "zeros")
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    with pytest.raises(BadValue, match=r"^0\.weight must be a parameter of its own"):
        initialise(nn.Sequential(normed), "zeros")
    with pytest.raises(BadValue, match=r"^weight must be a parameter of its own"):
        initialise(normed, "zeros")


def test_names_and_options_are_checked():
    module = nn.Linear(2, 2)
    with pytest.raises(BadValue, match="Did you mean kaiming-normal"):
        initialise(module, "kaming-normal")
    with pytest.raises(BadValue, match="option of orthogonal"):
        initialise(module, "orthogonal", deviation=2)
    with pytest.raises(BadValue, match="inputs must be given for lsuv"):
        initialise(module, "lsuv")
    for law, options in (
        ("normal", {"deviation": -1.0}),
        ("xavier-normal", {"gain": 0.0}),
        ("orthogonal", {"gain": -1.0}),
        ("orthogonal", {"gain": math.nan}),
        ("xavier-uniform", {"gain": math.inf}),
        ("normal", {"deviation": math.nan}),
        ("constant", {"value": math.inf}),
        ("kaiming-normal", {"fan": 3}),
        ("kaiming-normal", {"fan": "up"}),
        ("kaiming-uniform", {"activation": "softmax"}),
    ):
        with pytest.raises(BadValue, match="must be"):
            initialise(module, law, **options)


def test_your_own_law_is_taken(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def ones(model):\n    model.weight.data.fill_(1)\n    return ('weight',)\n"
    )
    module = nn.Linear(2, 2)
    assert initialise(module, f"{tmp_path}/mine.py:ones") == ("weight",)
    assert module.weight.unique().tolist() == [1]


def test_every_entry_is_tested_here_or_has_a_file():
    others = {"zeros", "constant", "orthogonal", "lsuv", "zero-residual", "output-bias"}
    assert {*CATALOGUE.names()} == {*LAWS} | others
