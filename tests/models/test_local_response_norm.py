from __future__ import annotations

import torch

from netwright.models.layers.local_response_norm import local_response_norm


def test_value_and_gradient_are_the_papers_sum():
    maps = torch.randn(2, 7, 3, 3, dtype=torch.float64).mul(20).requires_grad_()
    for channels, alpha, beta, k in ((5, 1e-4, 0.75, 2.0), (3, 0.01, 0.5, 1.0)):
        rows = []
        for c in range(7):
            near = maps[:, max(c - channels // 2, 0) : c + channels // 2 + 1]
            rows.append(maps[:, c] / (k + alpha * near.square().sum(1)) ** beta)
        expected = torch.stack(rows, dim=1)
        layer = local_response_norm(channels=channels, alpha=alpha, beta=beta, k=k)
        torch.testing.assert_close(layer(maps), expected)
        (ours,) = torch.autograd.grad(layer(maps).sin().sum(), maps)
        (reference,) = torch.autograd.grad(expected.sin().sum(), maps)
        torch.testing.assert_close(ours, reference)
