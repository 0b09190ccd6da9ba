"""CycleGAN: two streams, and an image pool that is part of the method's state."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction, trained


class Pool:
    """Half of the time an older picture is given back for a new one."""

    def __init__(self, size):
        self.size, self.kept = size, []

    def query(self, pictures):
        answer = []
        for new in pictures:
            picture = new
            if len(self.kept) < self.size:
                self.kept.append(picture)
            elif self.size and random.random() < 0.5:
                place = random.randrange(self.size)
                picture, self.kept[place] = self.kept[place], picture
            answer.append(picture)
        return torch.stack(answer)

    def state_dict(self):
        return {"kept": list(self.kept)}

    def load_state_dict(self, state):
        self.kept = list(state["kept"])


class CycleGan(Method):
    def __init__(self, nets, *, pool=4):
        super().__init__()
        self.to_b, self.to_a, self.judge_a, self.judge_b = nets
        self.pool_a, self.pool_b = Pool(pool), Pool(pool)
        self.register_stateful("pool_a", self.pool_a)
        self.register_stateful("pool_b", self.pool_b)

    def phases(self, stage):
        return (
            Phase(name="translate", optimizers=("translators",), loss=self.translate),
            Phase(name="judge", optimizers=("judges",), loss=self.judge, accumulates=False),
        )

    def parameter_groups(self, stage):
        return {
            "translators": [trained(self.to_b, self.to_a)],
            "judges": [trained(self.judge_a, self.judge_b)],
        }

    def translate(self, streams):
        a, b = streams["a"].inputs, streams["b"].inputs
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        self.fakes = fake_a.detach(), fake_b.detach()
        fooled = squares(self.judge_b(fake_b), 1.0) + squares(self.judge_a(fake_a), 1.0)
        cycle = apart(self.to_a(fake_b), a) + apart(self.to_b(fake_a), b)
        return Loss(total=(fooled + 10 * cycle) * len(a), count=len(a))

    def judge(self, streams):
        a, b = streams["a"].inputs, streams["b"].inputs
        fake_a, fake_b = self.pool_a.query(self.fakes[0]), self.pool_b.query(self.fakes[1])
        real = squares(self.judge_a(a), 1.0) + squares(self.judge_b(b), 1.0)
        fake = squares(self.judge_a(fake_a), 0.0) + squares(self.judge_b(fake_b), 0.0)
        return Loss(total=(real + fake) * len(a), count=len(a))

    def predict(self, inputs):
        return Prediction(outputs=self.to_b(inputs))


def squares(scores, target):
    return (scores - target).square().mean()


def apart(one, other):
    return F.l1_loss(one, other)


def networks():
    torch.manual_seed(1)

    def translator():
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.InstanceNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 1)
        )

    def judge():
        return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(6, 1, 1))

    return nn.ModuleList([translator(), translator(), judge(), judge()])


def batches():
    torch.manual_seed(2)
    return [
        {"a": batch(torch.randn(2, 3, 8, 8)), "b": batch(torch.randn(2, 3, 8, 8) + 1)}
        for _ in range(10)
    ]


def by_hand(*, pool_size=4):
    nets = networks().to(memory_format=torch.channels_last)
    to_b, to_a, judge_a, judge_b = nets
    data = batches()
    seed_as_the_loop_does()
    kwargs = {"lr": 2e-3, "betas": (0.5, 0.999), "fused": True}
    optimizer_t = torch.optim.Adam([*to_b.parameters(), *to_a.parameters()], **kwargs)
    optimizer_j = torch.optim.Adam([*judge_a.parameters(), *judge_b.parameters()], **kwargs)
    pool_a, pool_b = Pool(pool_size), Pool(pool_size)
    for _ in range(3):
        for one in data:
            a, b = one["a"].inputs, one["b"].inputs
            fake_b, fake_a = to_b(a), to_a(b)
            loss = squares(judge_b(fake_b), 1.0) + squares(judge_a(fake_a), 1.0)
            loss = loss + 10 * (apart(to_a(fake_b), a) + apart(to_b(fake_a), b))
            optimizer_t.zero_grad()
            loss.backward()
            optimizer_t.step()
            old_a, old_b = pool_a.query(fake_a.detach()), pool_b.query(fake_b.detach())
            real = squares(judge_a(a), 1.0) + squares(judge_b(b), 1.0)
            fake = squares(judge_a(old_a), 0.0) + squares(judge_b(old_b), 0.0)
            optimizer_j.zero_grad()
            (real + fake).backward()
            optimizer_j.step()
    return nets


@pytest.mark.parametrize(("pool", "equal"), [(4, True), (0, False), (3, False)])
def test_cycle_gan_is_the_loop_written_by_hand(pool, equal):
    optimizer = {"name": "adam", "learning_rate": 2e-3, "betas": (0.5, 0.999)}
    ours = train(CycleGan(networks(), pool=pool), batches(), optimizer=optimizer, epochs=3)
    nets = nn.ModuleList([ours.to_b, ours.to_a, ours.judge_a, ours.judge_b])
    assert same_bits(nets, by_hand()) is equal
