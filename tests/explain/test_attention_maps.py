"""Attention maps of every way that attention is written."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision import models

from netwright import explain
from netwright._errors import BadValue
from netwright.explain.attention_maps import seen_attention

HEADS, WIDTH, TOKENS = 2, 8, 5


def weights_written_out(model, x, mask=None):
    """softmax(q kᵀ / √d) of each head, number by number."""
    parts = [part(x).unflatten(2, (HEADS, -1)) for part in (model.query, model.key)]
    products = torch.einsum("nqhd,nkhd->nhqk", *parts) / (WIDTH // HEADS) ** 0.5
    if mask is not None:
        products = products + mask
    exponentials = (products - products.amax(3, keepdim=True)).exp()
    return (exponentials / exponentials.sum(3, keepdim=True)).detach()


class Attends(nn.Module):
    """One attention, put together by a function of queries, keys and values."""

    def __init__(self, form):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.dropout, self.form = nn.Dropout(0.5), form

    def forward(self, x):
        parts = [
            part(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        return self.form(self, *parts)


ROOT = (WIDTH // HEADS) ** 0.5


def fused(_, q, k, v):
    return F.scaled_dot_product_attention(q, k, v)


def by_hand(_, q, k, v):
    return (q @ k.transpose(-2, -1) / ROOT).softmax(-1) @ v


def with_dropout(model, q, k, v):
    weights = F.softmax(torch.matmul(q, k.mT) / ROOT, dim=3).to(v.dtype)
    return torch.matmul(model.dropout(weights), v)


def flattened(_, q, k, v):
    q, k, v = (part.flatten(0, 1) for part in (q, k, v))
    return torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)) / ROOT, 2), v)


def summed(_, q, k, v):
    weights = torch.einsum("nhqd,nhkd->nhqk", q, k).div(ROOT).softmax(dim=-1)
    return torch.einsum("nhqk,nhkd->nhqd", weights, v)


def turned(_, q, k, v):
    weights = (q @ k.mT / ROOT).softmax(-1)
    return (v.mT @ weights.permute(0, 1, 3, 2)).mT


@pytest.mark.parametrize("form", [fused, by_hand, with_dropout, flattened, summed, turned])
def test_the_written_out_weights_whatever_the_form(form):
    model, x = Attends(form).train(), torch.randn(3, TOKENS, WIDTH)
    found = explain.attention_maps(model, x)
    assert list(found) == ["model"]
    assert torch.allclose(found["model"], weights_written_out(model, x), atol=1e-6)


CAUSAL = torch.full((TOKENS, TOKENS), -torch.inf).triu(1)
BIAS = torch.randn(TOKENS, TOKENS)


@pytest.mark.parametrize(
    ("settings", "mask"),
    [
        ({"is_causal": True}, CAUSAL),
        ({"attn_mask": BIAS}, BIAS),
        ({"attn_mask": CAUSAL == 0}, CAUSAL),
    ],
)
def test_masks_of_the_fused_form(settings, mask):
    def form(_, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, **settings)

    model, x = Attends(form), torch.randn(3, TOKENS, WIDTH)
    found = explain.attention_maps(model, x)["model"]
    assert torch.allclose(found, weights_written_out(model, x, mask), atol=1e-6)
    rows = found @ model.value(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
    assert torch.allclose(rows, model(x), atol=1e-6)


def test_a_scale_of_ones_own_keys_shared_between_heads_and_rows_without_keys():
    q, k = torch.randn(3, 4, TOKENS, 2), torch.randn(3, 2, TOKENS, 2)
    open_to = torch.ones(TOKENS, TOKENS, dtype=torch.bool).tril(-1)

    class Shared(nn.Module):
        def forward(self, x):
            return F.scaled_dot_product_attention(
                q, k, torch.eye(TOKENS).expand(3, 2, -1, -1), open_to, scale=3.0, enable_gqa=True
            )

    found = explain.attention_maps(Shared(), torch.zeros(3, 1))["model"]
    assert torch.allclose(found, Shared()(torch.zeros(3, 1)), atol=1e-6)
    assert found[:, :, 0].eq(0).all()


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_torchs_own_attention(batch_first, need_weights):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = nn.MultiheadAttention(WIDTH, HEADS, 0.5, batch_first=batch_first)

        def forward(self, x):
            return self.part(x, x, x, need_weights=need_weights)[0]

    model, x = Own(), torch.randn(3, TOKENS, WIDTH)
    theirs = model.eval().part(x, x, x, average_attn_weights=False)[1]
    found = explain.attention_maps(model, x)
    assert list(found) == ["part"]
    assert torch.allclose(found["part"], theirs, atol=1e-6)


def test_encoder_layers_that_would_run_fused():
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 16, batch_first=True)
    model, x = nn.TransformerEncoder(layer, 2).eval(), torch.randn(3, TOKENS, WIDTH)
    found = explain.attention_maps(model, x)
    assert list(found) == ["layers.0.self_attn", "layers.1.self_attn"]
    between = model.layers[0](x)
    theirs = model.layers[1].self_attn(between, between, between, average_attn_weights=False)[1]
    assert torch.allclose(found["layers.1.self_attn"], theirs, atol=1e-6)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # nested tensors are a prototype
        assert torch.allclose(seen_attention(model, x, after=())[0], model(x), atol=1e-6)


def test_the_models_output_is_what_it_was():
    model, x = Attends(with_dropout).eval(), torch.randn(3, TOKENS, WIDTH)
    assert torch.equal(seen_attention(model, x, after=())[0], model(x))
    vision = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16
    ).eval()
    pictures = torch.randn(2, 3, 32, 32)
    output, found = seen_attention(vision, pictures, after=())
    assert torch.equal(output, vision(pictures))
    assert [tuple(maps.shape) for maps in found.values()] == [(2, 2, 17, 17)] * 2


def test_windows_come_before_the_heads():
    found = explain.attention_maps(models.swin_t(), torch.randn(2, 3, 64, 64))
    assert len(found) == 12
    assert found["features.1.0.attn"].shape == (2, 9, 3, 49, 49)
    assert found["features.7.1.attn"].shape == (2, 24, 49, 49)
    assert all(torch.allclose(maps.sum(-1), torch.ones(())) for maps in found.values())


def test_a_module_that_attends_again_is_counted():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = Attends(by_hand)

        def forward(self, x):
            return self.part(self.part(x).transpose(1, 2).flatten(2))

    model, x = Twice(), torch.randn(3, TOKENS, WIDTH)
    found = explain.attention_maps(torch.compile(model, backend="eager"), x)
    assert list(found) == ["part", "part:2"]
    between = model.part(x).transpose(1, 2).flatten(2)
    assert torch.allclose(found["part:2"], weights_written_out(model.part, between), atol=1e-6)


def test_other_softmaxes_are_no_attention_and_a_model_without_is_refused():
    class Plain(nn.Module):
        def forward(self, x):
            other = x.softmax(1) @ torch.randn(WIDTH, 2)  # over the tokens, not the last axis
            shares = x.mean(1).softmax(1) @ torch.randn(WIDTH, 2)  # of classes, not of tokens
            return other, shares, x.softmax(2)

    with pytest.raises(BadValue, match="model must be one with attention, got model='Plain'"):
        explain.attention_maps(Plain(), torch.randn(3, TOKENS, WIDTH))


def test_the_model_is_left_as_it_was_after_an_exception_too():
    model = Attends(by_hand).train()
    state = copy.deepcopy(model.state_dict())
    explain.attention_maps(model, torch.randn(3, TOKENS, WIDTH))
    with pytest.raises(RuntimeError):
        explain.attention_maps(model, torch.randn(3, TOKENS, WIDTH + 1))
    assert model.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_parts_may_be_given_by_name():
    def form(_, q, k, v):
        return F.scaled_dot_product_attention(query=q, key=k, value=v)

    model, x = Attends(form), torch.randn(3, TOKENS, WIDTH)
    found = explain.attention_maps(model, x)["model"]
    assert torch.allclose(found, weights_written_out(model, x), atol=1e-6)
