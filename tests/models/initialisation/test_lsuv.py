import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.models.classifiers.mlp import MLP
from netwright.models.initialisation.catalogue import initialise
from netwright.models.initialisation.lsuv import lsuv


def pictures(count=64):
    return torch.randn(count, 2, 12, 12, generator=torch.Generator().manual_seed(1)) * 7 + 3


def net():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3),
        nn.ELU(inplace=True),
        nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * 20 * 20, 30),
        nn.Tanh(),
        nn.Linear(30, 5),
    )


def outputs(model, inputs):
    found = {}
    layers = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    for name, module in model.named_modules():
        if isinstance(module, layers):
            module.register_forward_hook(
                lambda _, __, out, name=name: found.update({name: out.double()})
            )
    with torch.no_grad():
        model.eval()(inputs)
    return found


def test_every_layer_gives_unit_variance():
    model = net()
    lsuv(model, inputs=pictures())
    found = outputs(model, pictures())
    assert len(found) == 4
    for name, out in found.items():
        assert out.var(correction=0).item() == pytest.approx(1, abs=1e-4), name


def test_weights_stay_orthogonal_up_to_a_factor():
    model = MLP(4, in_channels=20, hidden=(20, 20), activation="tanh")
    orthogonal = MLP(4, in_channels=20, hidden=(20, 20), activation="tanh")
    written = lsuv(model, inputs=torch.randn(50, 20) * 3, seed=5)
    assert written == initialise(orthogonal, "orthogonal", seed=5)
    for ours, theirs in zip(model.parameters(), orthogonal.parameters(), strict=True):
        if ours.ndim > 1:
            ratio = ours / theirs
            torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio))
        else:
            assert not ours.any()


def test_thirty_layers_that_no_other_law_is_made_for():
    model = MLP(4, in_channels=30, hidden=(30,) * 30, activation="sigmoid")
    inputs = torch.randn(300, 30)
    lsuv(model, inputs=inputs)
    found = outputs(model, inputs)
    assert all(out.var(correction=0).item() == pytest.approx(1, abs=1e-3) for out in found.values())


def test_a_shared_layer_is_scaled_once_and_nothing_else_moves():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.BatchNorm1d(6), nn.Dropout(0.5))
    model[4].eval()
    before = {name: value.clone() for name, value in model[3].state_dict().items()}
    generators = torch.get_rng_state()
    inputs = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * 5
    lsuv(model, inputs=inputs)
    assert shared(inputs).var(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert all(torch.equal(before[name], value) for name, value in model[3].state_dict().items())
    assert torch.equal(generators, torch.get_rng_state())
    assert (model.training, model[3].training, model[4].training) == (True, True, False)
    assert not shared._forward_hooks


def test_a_batch_that_does_not_vary_is_refused():
    with pytest.raises(BadValue, match="the output of linear1 varies"):
        lsuv(MLP(3, in_channels=4), inputs=torch.zeros(10, 4))
