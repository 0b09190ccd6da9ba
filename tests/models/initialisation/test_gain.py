import pytest
import torch
from scipy import integrate, stats
from torch import nn

from netwright._errors import BadValue
from netwright.models.initialisation.gain import gain


@pytest.mark.parametrize(
    ("name", "module"), [("elu", nn.ELU()), ("gelu", nn.GELU()), ("silu", nn.SiLU())]
)
def test_a_unit_normal_signal_keeps_its_size(name, module):
    def density(z):
        return module(torch.tensor(z, dtype=torch.float64)).item() ** 2 * stats.norm.pdf(z)

    square = integrate.quad(density, -12, 0)[0] + integrate.quad(density, 0, 12)[0]
    assert gain(name) ** 2 * square == pytest.approx(1, abs=1e-6)


def test_torchs_own_are_taken_where_it_has_them():
    assert gain("relu") == nn.init.calculate_gain("relu")
    assert gain("tanh") == pytest.approx(5 / 3)
    assert gain("linear") == gain("sigmoid") == 1
    assert gain("leaky-relu") == nn.init.calculate_gain("leaky_relu", 0.01)


def test_an_unknown_activation_is_named():
    with pytest.raises(BadValue, match="Did you mean gelu"):
        gain("glu")
