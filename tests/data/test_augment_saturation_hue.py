import pytest
import torch

from netwright._errors import BadData
from netwright.data.augment.draws import Draws
from netwright.data.augment.saturation_hue import recolour, saturation_hue

PICTURES = torch.rand(12, 3, 9, 11)
HUES = torch.linspace(-0.5, 0.5, 12)


def test_it_is_torchvisions_hue_then_saturation():
    from torchvision.transforms.v2.functional import adjust_hue, adjust_saturation

    pale = PICTURES * 0.3 + 0.35  # so that nothing is cut off
    factors = torch.linspace(0.5, 1.5, 12)
    got = recolour(pale, saturation=factors, hue=HUES)
    for place in range(12):
        expected = adjust_saturation(
            adjust_hue(pale[place], HUES[place].item()), factors[place].item()
        )
        torch.testing.assert_close(got[place], expected, rtol=0, atol=1e-5)


def test_a_third_of_the_circle_exchanges_the_primaries():
    third = torch.full((12,), 1 / 3)
    turned = recolour(PICTURES, saturation=torch.ones(12), hue=third)
    torch.testing.assert_close(turned, PICTURES.roll(1, 1), rtol=0, atol=1e-5)


def test_the_range_of_the_numbers_does_not_matter():
    as_bytes = (PICTURES * 255).round()
    saturation = torch.full((12,), 0.7)
    small = recolour(as_bytes / 255, saturation=saturation, hue=HUES)
    large = recolour(as_bytes, saturation=saturation, hue=HUES)
    torch.testing.assert_close(large, small * 255, rtol=0, atol=1e-2)
    rounded = recolour(as_bytes.to(torch.uint8), saturation=saturation, hue=HUES)
    assert rounded.dtype == torch.uint8
    assert (rounded.float() - large.clamp(0, 255)).abs().max() <= 0.5001


def test_greys_stay():
    grey = PICTURES[:, :1]
    draws = Draws(index=torch.arange(12), seed=0, epoch=0)
    assert torch.equal(saturation_hue(grey, draws), grey)
    alike = grey.expand(12, 3, 9, 11).contiguous()
    torch.testing.assert_close(saturation_hue(alike, draws), alike, rtol=0, atol=1e-4)
    with pytest.raises(BadData, match="1 or 3 channels"):
        saturation_hue(torch.rand(12, 4, 9, 11), draws)


def test_gradients_are_finite_where_colours_tie():
    pictures = torch.full((1, 3, 2, 2), 0.5, requires_grad=True)
    recolour(pictures, saturation=torch.tensor([1.2]), hue=torch.tensor([0.1])).sum().backward()
    assert pictures.grad.isfinite().all()
