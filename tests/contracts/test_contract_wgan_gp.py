"""WGAN with gradient penalty: the critic takes several fresh batches a step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction, trained


class WganGp(Method):
    def __init__(self, generator, critic, *, critic_batches=5):
        super().__init__()
        self.generator, self.critic = generator, critic
        self.critic_batches = critic_batches

    def phases(self, stage):
        return (
            Phase(
                name="critic",
                optimizers=("critic",),
                loss=self.criticise,
                batches=self.critic_batches,
            ),
            Phase(name="generator", optimizers=("generator",), loss=self.generate),
        )

    def parameter_groups(self, stage):
        return {"generator": [trained(self.generator)], "critic": [trained(self.critic)]}

    def criticise(self, batch):
        real, n = batch.inputs, len(batch)
        fake = self.generator(torch.randn(n, 4)).detach()
        between = torch.lerp(fake, real, torch.rand(n, 1)).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        penalty = (slope.norm(dim=1) - 1).square().sum()
        total = self.critic(fake).sum() - self.critic(real).sum() + 10 * penalty
        return Loss(total=total, count=n)

    def generate(self, batch):
        fake = self.generator(torch.randn(len(batch), 4))
        return Loss(total=-self.critic(fake).sum(), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.generator(inputs))


def networks():
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1))
    return generator, critic


def batches():
    torch.manual_seed(2)
    # of size 8, a power of two: the sum over n and the mean then round alike
    return [batch(torch.randn(8, 2) * 0.5 + 2) for _ in range(50)]


def by_hand(steps):
    generator, critic = networks()
    data = batches()
    seed_as_the_loop_does()
    kwargs = {"lr": 1e-3, "betas": (0.0, 0.9), "fused": True}
    optimizer_g = torch.optim.Adam(generator.parameters(), **kwargs)
    optimizer_c = torch.optim.Adam(critic.parameters(), **kwargs)
    stream = iter([one for _ in range(3) for one in data])
    for _ in range(steps):
        for _ in range(5):
            real = next(stream).inputs
            fake = generator(torch.randn(8, 4)).detach()
            between = torch.lerp(fake, real, torch.rand(8, 1)).requires_grad_()
            (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            penalty = (slope.norm(dim=1) - 1).square().mean()
            optimizer_c.zero_grad()
            (critic(fake).mean() - critic(real).mean() + 10 * penalty).backward()
            optimizer_c.step()
        optimizer_g.zero_grad()
        (-critic(generator(torch.randn(8, 4))).mean()).backward()
        optimizer_g.step()
    return nn.ModuleList([generator, critic])


@pytest.mark.parametrize(("critic_batches", "equal"), [(5, True), (4, False)])
def test_wgan_gp_is_the_loop_written_by_hand(critic_batches, equal):
    method = WganGp(*networks(), critic_batches=critic_batches)
    optimizer = {"name": "adam", "learning_rate": 1e-3, "betas": (0.0, 0.9)}
    ours = train(method, batches(), optimizer=optimizer, epochs=3)
    assert same_bits(nn.ModuleList([ours.generator, ours.critic]), by_hand(30)) is equal
