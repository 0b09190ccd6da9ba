"""Generative adversarial networks: two optimisers, two phases, one batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction, trained


class Gan(Method):
    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator

    def phases(self, stage):
        return (
            Phase(name="discriminator", optimizers=("discriminator",), loss=self.discriminate),
            Phase(name="generator", optimizers=("generator",), loss=self.generate),
        )

    def parameter_groups(self, stage):
        return {
            "generator": [trained(self.generator)],
            "discriminator": [trained(self.discriminator)],
        }

    def sample(self, n):
        return self.generator(torch.randn(n, 4))

    def discriminate(self, batch):
        real = self.discriminator(batch.inputs)
        fake = self.discriminator(self.sample(len(batch)).detach())
        return Loss(total=bce(real, 1.0) + bce(fake, 0.0), count=len(batch))

    def generate(self, batch):
        return Loss(total=bce(self.discriminator(self.sample(len(batch))), 1.0), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.generator(inputs))


def bce(logits, target, reduction="sum"):
    return F.binary_cross_entropy_with_logits(
        logits, torch.full_like(logits, target), reduction=reduction
    )


def networks():
    torch.manual_seed(1)
    generator = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    discriminator = nn.Sequential(
        nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.Linear(16, 1)
    )
    return generator, discriminator


def batches():
    torch.manual_seed(2)
    return [batch(torch.randn(8, 2) * 0.5 + 2) for _ in range(10)]


OPTIMIZER = {"name": "adam", "learning_rate": 2e-3, "betas": (0.5, 0.999)}


def by_hand(*, detached=True):
    generator, discriminator = networks()
    data = batches()
    seed_as_the_loop_does()
    kwargs = {"lr": 2e-3, "betas": (0.5, 0.999), "fused": True}
    optimizer_g = torch.optim.Adam(generator.parameters(), **kwargs)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), **kwargs)
    for _ in range(3):
        for one in data:
            n = len(one)
            optimizer_d.zero_grad()
            real = bce(discriminator(one.inputs), 1.0, "mean")
            fake = generator(torch.randn(n, 4))
            fake = bce(discriminator(fake.detach()), 0.0, "mean")
            (real + fake).backward()
            optimizer_d.step()
            if detached:
                optimizer_g.zero_grad()
            bce(discriminator(generator(torch.randn(n, 4))), 1.0, "mean").backward()
            optimizer_g.step()
    return nn.ModuleList([generator, discriminator])


def test_gan_is_the_loop_written_by_hand():
    ours = train(Gan(*networks()), batches(), optimizer=OPTIMIZER, epochs=3)
    assert same_bits(nn.ModuleList([ours.generator, ours.discriminator]), by_hand())


def test_gradients_left_over_from_a_phase_would_show():
    ours = train(Gan(*networks()), batches(), optimizer=OPTIMIZER, epochs=3)
    wrong = by_hand(detached=False)
    assert not same_bits(nn.ModuleList([ours.generator, ours.discriminator]), wrong)
