"""Methods of one's own whose answers are lists: boxes and texts."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader

from netwright.methods.base import Loss, Method, ParameterGroup, Phase, Stage
from netwright.metrics.base import Prediction
from netwright.metrics.bleu import Bleu
from netwright.metrics.masks import MeanIoU
from netwright.metrics.voc import VocAveragePrecision

CORNERS = torch.tensor([0.0, 0.0, 5.0, 5.0])


class Finder(Method):
    """Learns one box a picture; answers as torchvision's detectors do."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(8, 4)

    def parameter_groups(self, stage):
        return {"main": [ParameterGroup(parameters=dict(self.net.named_parameters()))]}

    def stages(self):
        return (Stage(),)

    def phases(self, stage):
        return (Phase(name="main", optimizers=("main",), loss=self.cost),)

    def cost(self, batch):
        wanted = torch.stack([one["boxes"][0] for one in batch.targets])
        return Loss(total=(self.net(batch.inputs) - wanted).square().sum(), count=len(batch))

    def predict(self, inputs):
        found = self.net(inputs)
        one, label = found.new_ones(1), found.new_zeros(1).long()
        return Prediction(
            outputs=[{"boxes": row[None], "scores": one, "labels": label} for row in found]
        )

    def metrics(self):
        return {"voc": VocAveragePrecision(iou=0.3)}


class Speaker(Finder):
    """Says the same whatever it is given."""

    def cost(self, batch):
        return Loss(total=self.net(batch.inputs).square().sum(), count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=["the cat sat on"] * len(inputs))

    def metrics(self):
        return {"bleu": Bleu()}


class Cutter(Speaker):
    """Calls every pixel of each picture one class or another."""

    def predict(self, inputs):
        return Prediction(outputs=(self.net(inputs) > 0).long()[:, :, None].expand(-1, -1, 4))

    def metrics(self):
        return {"iou": MeanIoU(num_classes=2)}


class Silent(Speaker):
    """Has nothing to be judged by."""

    def metrics(self):
        return {}


def objects_loader():
    """24 pictures of 8 numbers, each with the same box."""
    return loader({"boxes": CORNERS[None], "labels": torch.zeros(1, dtype=torch.int64)})


def loader(target):
    """24 examples with the same target, which stay a list unless they are tensors."""
    inputs = torch.randn(24, 8, generator=torch.Generator().manual_seed(0))

    def collate(rows):
        stacked = torch.stack(rows)
        if target is None:
            return stacked
        many = [target] * len(rows)
        return stacked, torch.stack(many) if isinstance(target, torch.Tensor) else many

    return DataLoader(list(inputs), batch_size=6, collate_fn=collate)
