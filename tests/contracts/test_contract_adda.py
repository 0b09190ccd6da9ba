"""Adversarial discriminative domain adaptation: two stages, the second on a copy of the encoder."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import Listed, batch, same_bits, seed_as_the_loop_does, train
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained


class Adda(Method):
    def __init__(self, nets):
        super().__init__()
        self.source, self.target, self.classes, self.domains = nets

    def stages(self):
        return (
            Stage(name="learn", source="labelled", epochs=2),
            Stage(name="adapt", source="domains", epochs=1, begin=self.copy_encoder),
        )

    def copy_encoder(self):
        self.target.load_state_dict(self.source.state_dict())

    def phases(self, stage):
        if stage.name == "learn":
            return (Phase(name="learn", optimizers=("main",), loss=self.learn),)
        return (
            Phase(name="judge", optimizers=("domains",), loss=self.judge),
            Phase(name="adapt", optimizers=("target",), loss=self.adapt),
        )

    def parameter_groups(self, stage):
        if stage.name == "learn":
            return {"main": [trained(self.source, self.classes)]}
        return {"domains": [trained(self.domains)], "target": [trained(self.target)]}

    def learn(self, batch):
        logits = self.classes(self.source(batch.inputs))
        return Loss(total=F.cross_entropy(logits, batch.targets, reduction="sum"), count=len(batch))

    def judge(self, streams):
        with torch.no_grad():
            known, new = (
                self.source(streams["source"].inputs),
                self.target(streams["target"].inputs),
            )
        total = bce(self.domains(known), 1.0, "sum") + bce(self.domains(new), 0.0, "sum")
        return Loss(total=total, count=len(known))

    def adapt(self, streams):
        new = self.target(streams["target"].inputs)
        return Loss(total=bce(self.domains(new), 1.0, "sum"), count=len(new))

    def predict(self, inputs):
        return Prediction(outputs=self.classes(self.target(inputs)).argmax(1))


def bce(answers, wanted, reduction):
    return F.binary_cross_entropy_with_logits(
        answers, torch.full_like(answers, wanted), reduction=reduction
    )


def networks():
    torch.manual_seed(1)

    def encoder():
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1))

    return nn.ModuleList([encoder(), encoder(), nn.Linear(16, 3), nn.Linear(16, 1)])


def sources():
    torch.manual_seed(2)
    labelled = [batch(torch.randn(8, 4), torch.randint(3, (8,))) for _ in range(15)]
    both = [
        {"source": batch(torch.randn(8, 4)), "target": batch(torch.randn(8, 4) + 0.5)}
        for _ in range(30)
    ]
    return {"labelled": Listed(labelled), "domains": Listed(both)}


def by_hand():
    source, _, classes, domains = networks()
    data = sources()
    seed_as_the_loop_does()
    kwargs = {"lr": 1e-2, "fused": True}
    optimizer = torch.optim.Adam([*source.parameters(), *classes.parameters()], **kwargs)
    for _ in range(2):
        for one in data["labelled"].batches:
            optimizer.zero_grad()
            F.cross_entropy(classes(source(one.inputs)), one.targets).backward()
            optimizer.step()
    target = copy.deepcopy(source)
    optimizer_d = torch.optim.Adam(domains.parameters(), **kwargs)
    optimizer_t = torch.optim.Adam(target.parameters(), **kwargs)
    for one in data["domains"].batches:
        known, new = source(one["source"].inputs), target(one["target"].inputs)
        loss = bce(domains(known.detach()), 1.0, "mean")
        loss = loss + bce(domains(new.detach()), 0.0, "mean")
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()
        optimizer_t.zero_grad()
        bce(domains(target(one["target"].inputs)), 1.0, "mean").backward()
        optimizer_t.step()
    return nn.ModuleList([source, target, classes, domains])


OPTIMIZER = {"name": "adam", "learning_rate": 1e-2}


def test_adda_is_the_loop_written_by_hand():
    ours = train(Adda(networks()), sources(), optimizer=OPTIMIZER)
    assert same_bits(
        nn.ModuleList([ours.source, ours.target, ours.classes, ours.domains]), by_hand()
    )


def test_a_stage_that_does_not_begin_would_show():
    class Forgetful(Adda):
        def copy_encoder(self):
            pass

    ours = train(Forgetful(networks()), sources(), optimizer=OPTIMIZER)
    assert not same_bits(
        nn.ModuleList([ours.source, ours.target, ours.classes, ours.domains]), by_hand()
    )
