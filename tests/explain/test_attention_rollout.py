"""Attention roll-out against loops over every token."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from netwright import explain
from netwright._errors import BadValue


def transformer(**settings):
    network = models.VisionTransformer(
        image_size=24, patch_size=8, num_layers=3, num_heads=2, hidden_dim=8, mlp_dim=16,
        num_classes=5, **settings,
    )  # fmt: skip
    for value in network.parameters():
        nn.init.normal_(value, std=0.5)
    return network.eval()


def rolled_written_out(layers):
    """What the class token draws from each token of the first layer."""
    heads, count = layers[0].shape[0], layers[0].shape[1]
    shares = [float(token == 0) for token in range(count)]
    for weights in reversed(layers):
        rows = [
            [
                0.5 * sum(float(weights[h, q, k]) for h in range(heads)) / heads + 0.5 * (q == k)
                for k in range(count)
            ]
            for q in range(count)
        ]
        rows = [[value / sum(row) for value in row] for row in rows]
        shares = [sum(shares[q] * rows[q][k] for q in range(count)) for k in range(count)]
    return shares


def test_the_product_written_out_from_the_class_token():
    network, pictures = transformer(), torch.randn(2, 3, 24, 24)
    found = explain.attention_rollout(network, pictures, size=(3, 3))
    layers = list(explain.attention_maps(network, pictures).values())
    for i in range(2):
        shares = rolled_written_out([layer[i] for layer in layers])
        assert torch.allclose(found[i].flatten(), torch.tensor(shares[1:]), atol=1e-6)
        assert found[i].sum().item() == pytest.approx(1 - shares[0], abs=1e-5)
    assert found.std() > 1e-4
    assert explain.attention_rollout(network, pictures).shape == (2, 24, 24)


def test_a_batch_is_its_pictures_one_by_one_and_classes_make_no_difference():
    network, pictures = transformer(), torch.randn(3, 3, 24, 24)
    together = explain.attention_rollout(network, pictures)
    alone = [explain.attention_rollout(network, picture[None], target=4) for picture in pictures]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)
    with pytest.raises(BadValue, match="from 0 to 4"):
        explain.attention_rollout(network, pictures, target=5)


class Averaging(nn.Module):
    """No class token: all tokens are averaged."""

    def __init__(self, stride=4):
        super().__init__()
        self.embed = nn.Conv2d(3, 8, stride, stride=stride)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        return self.head((x + self.attend(x, x, x)[0]).mean(1))


def test_without_a_class_token_all_tokens_are_averaged():
    network, pictures = Averaging(), torch.randn(2, 3, 8, 12)
    weights = explain.attention_maps(network, pictures)["attend"].mean(1)
    expected = (0.5 * weights + 0.5 * torch.eye(6)).mean(1).unflatten(1, (2, 3))
    found = explain.attention_rollout(network, pictures, size=(2, 3))
    assert torch.allclose(found, expected, atol=1e-6)


class Words(nn.Module):
    """Tokens that are no places of the picture."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(24, 2, batch_first=True)

    def forward(self, x):
        return self.attend(x.mean(1), x.mean(1), x.mean(1))[0].mean(1)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (models.swin_t, r"same tokens, got model='features\.1\.0\.attn with \(1, 4, 3, 49, 49\)'"),
        (models.resnet18, "one with attention"),
        (Words, "whose tokens are a picture's, got model='23 tokens'"),
    ],
)
def test_what_has_no_roll_out_is_refused(network, words):
    side = (23, 24) if network is Words else (32, 32)
    with pytest.raises(BadValue, match=words):
        explain.attention_rollout(network(), torch.randn(1, 3, *side))
