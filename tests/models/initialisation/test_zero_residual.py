import pytest
import torch
import torchvision
from torch import nn

from netwright._errors import BadValue
from netwright.models import create
from netwright.models.initialisation.zero_residual import zero_residual
from netwright.models.layers.residual_block import BasicBlock

# network → how many blocks add a branch to a shortcut, by the papers' tables, and how the names of
# what ends a branch end
NETWORKS = {
    "resnet18": (8, ("bn2.weight", "bn2.bias")),
    "mobilenet_v2": (10, ("conv.3.weight", "conv.3.bias")),
    "efficientnet_b0": (9, ("block.3.1.weight", "block.3.1.bias")),
    "convnext_tiny": (18, ("layer_scale",)),
    "swin_t": (24, ("proj.weight", "proj.bias", "mlp.3.weight", "mlp.3.bias")),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_finds_what_ends_every_branch_of_a_known_network(name):
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None)
    for value in model.parameters():
        nn.init.normal_(value)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    generators = torch.get_rng_state()
    found = zero_residual(model, inputs=torch.randn(2, 3, 64, 64, generator=torch.Generator()))
    count, endings = NETWORKS[name]
    assert len(found) == count * (1 if name == "convnext_tiny" else 2)
    assert all(one.endswith(endings) for one in found)
    for key, value in model.state_dict().items():
        assert torch.equal(value, torch.zeros_like(value) if key in found else before[key]), key
    assert torch.equal(generators, torch.get_rng_state())
    assert model.training
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda: BasicBlock(6, 6), lambda block, inputs: inputs.relu()),
        (
            lambda: BasicBlock(6, 8, stride=2),
            lambda block, inputs: block.shortcut(inputs).relu(),
        ),
        (
            lambda: torchvision.models.resnet.Bottleneck(8, 2),
            lambda block, inputs: inputs.relu(),
        ),
    ],
)
def test_a_block_hands_on_its_shortcut_value_and_gradient(make, kept):
    torch.manual_seed(1)
    block = make()
    for value in block.parameters():
        nn.init.normal_(value)
    channels = 8 if isinstance(block, torchvision.models.resnet.Bottleneck) else 6
    inputs = torch.randn(3, channels, 8, 8, requires_grad=True)
    zero_residual(block, inputs=inputs.detach())
    wanted = kept(block, inputs)
    torch.testing.assert_close(block(inputs), wanted, rtol=0, atol=0)
    upstream = torch.randn_like(wanted)
    (ours,) = torch.autograd.grad((block(inputs) * upstream).sum(), inputs)
    (theirs,) = torch.autograd.grad((kept(block, inputs) * upstream).sum(), inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_zeroed_branch_still_learns():
    block = BasicBlock(4, 4)
    inputs = torch.randn(5, 4, 6, 6)
    zero_residual(block, inputs=inputs)
    block(inputs).square().sum().backward()
    assert block.norm2.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("first", [True, False])
def test_transformers_with_tokens(first):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(11, 8)
            self.places = nn.Parameter(torch.randn(5, 8))
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=first)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, tokens):
            return self.layers(self.words(tokens) + self.places)

    model = Reader().requires_grad_(False)
    tokens = torch.randint(11, (3, 5))
    found = zero_residual(model, inputs=tokens)
    assert len(found) == 8
    assert all(".out_proj." in one or ".linear2." in one for one in found)
    assert not any(value.requires_grad for value in model.parameters())
    if first:
        torch.testing.assert_close(model(tokens), model.words(tokens) + model.places)


def test_the_small_resnets_own_choice_is_found_again():
    model = create("small-resnet", num_classes=3, in_channels=1)
    found = zero_residual(model, inputs=torch.randn(2, 1, 16, 16))
    scales = [one for one in found if one.endswith("weight")]
    assert scales == [f"stages.{place}.0.norm2.weight" for place in range(3)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: torchvision.models.squeezenet1_1(num_classes=3),
        lambda: torchvision.models.DenseNet(8, (2, 2), 8, num_classes=3),
        lambda: nn.Linear(3, 2),
    ],
)
def test_networks_without_residual_branches_are_refused(make):
    model = make()
    inputs = torch.randn(2, 3) if isinstance(model, nn.Linear) else torch.randn(2, 3, 64, 64)
    with pytest.raises(BadValue, match="residual branches"):
        zero_residual(model, inputs=inputs)


def test_a_branch_that_ends_in_relu_is_left_alone():
    """Behind a zero, ReLU would never open again."""

    class Shut(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, inputs):
            return inputs + self.layer(inputs).relu()

    with pytest.raises(BadValue, match="residual branches"):
        zero_residual(Shut(), inputs=torch.randn(2, 4))


@pytest.mark.parametrize("lengths", [(1, 1), (2, 2), (2, 3)])
def test_a_sum_of_two_paths_has_no_shortcut(lengths):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.paths = nn.ModuleList(
                nn.Sequential(*(nn.Linear(4, 4) for _ in range(length))) for length in lengths
            )

        def forward(self, inputs):
            return self.paths[0](inputs) + self.paths[1](inputs)

    with pytest.raises(BadValue, match="residual branches"):
        zero_residual(Both(), inputs=torch.randn(2, 4))
