"""One whole process of another trainer: reads arrays, learns, prints its test accuracy as JSON.

    python benchmarks/_accuracy.py lightning DATA.npz --epochs 10 --seed 0 --batch-size 64

The network is our small-resnet for all. Lightning gets the optimiser, the rate and the one-cycle
schedule of our default recipe, as its documentation shows them; fastai its own `fit_one_cycle` with
its own Adam. Both validate after each epoch, as they do by default, and log and draw as they do by
default. Neither is given fewer conveniences than it has, nor more than it asks for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from netwright.models.classifiers.small_resnet import SmallResNet

RATE, DECAY = 0.005, 0.05  # of our default recipe
MOVED = 0.08  # share of a picture's side, likewise


class Moved(Dataset[tuple[Tensor, Tensor]]):
    """Pictures moved by whole pixels at random, one at a time, as torchvision does it."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        from torchvision.transforms import v2

        side = inputs.shape[-1]
        self._inputs, self._targets = inputs, targets
        fill = float(inputs.min())
        self._move = v2.RandomCrop(side, padding=max(1, round(MOVED * side)), fill=fill)

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        return self._move(self._inputs[place]), self._targets[place]


def read(path: str, *, moved: bool) -> tuple[dict[str, Any], tuple[int, ...], int]:
    """The splits, normalised by the training split's mean and deviation, as everybody does."""
    arrays = np.load(path)
    inputs = {name: torch.tensor(arrays[f"{name}_x"]).float() for name in ("train", "val", "test")}
    targets = {name: torch.tensor(arrays[f"{name}_y"]) for name in inputs}
    mean, std = inputs["train"].mean(), inputs["train"].std()
    scaled = {name: (values - mean) / std for name, values in inputs.items()}
    sets = {name: TensorDataset(scaled[name], targets[name]) for name in scaled}
    if moved:
        sets["train"] = Moved(scaled["train"], targets["train"])
    return sets, tuple(inputs["train"].shape[1:]), int(targets["train"].max()) + 1


def network(shape: tuple[int, ...], classes: int) -> nn.Module:
    return SmallResNet(classes, in_channels=shape[0], image_size=shape[1:])


def lightning(asked: argparse.Namespace) -> float:
    import lightning as L

    L.seed_everything(asked.seed, verbose=False)
    sets, shape, classes = read(asked.data, moved=asked.moved)

    class Learner(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = network(shape, classes)

        def _loss(self, batch: tuple[Tensor, Tensor], *, split: str) -> Tensor:
            scores = self.network(batch[0])
            loss = F.cross_entropy(scores, batch[1])
            right = (scores.argmax(dim=1) == batch[1]).float().mean()
            whole = {"on_epoch": True, "on_step": split == "train", "prog_bar": True}
            self.log(f"{split}_loss", loss, **whole)
            if split != "train":
                self.log(f"{split}_accuracy", right, **whole)
            return loss

        def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
            return self._loss(batch, split="train")

        def validation_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
            self._loss(batch, split="val")

        def test_step(self, batch: tuple[Tensor, Tensor], number: int) -> None:
            self._loss(batch, split="test")

        def configure_optimizers(self) -> Any:
            options = {"lr": RATE, "weight_decay": DECAY, "fused": True}
            optimizer = torch.optim.AdamW(self.parameters(), **options)
            steps = int(self.trainer.estimated_stepping_batches)
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
            scheduler = {"scheduler": schedule, "interval": "step"}
            return {"optimizer": optimizer, "lr_scheduler": scheduler}

    loaders = {
        name: DataLoader(one, batch_size=asked.batch_size, shuffle=name == "train")
        for name, one in sets.items()
    }
    with tempfile.TemporaryDirectory() as root:
        trainer = L.Trainer(
            max_epochs=asked.epochs,
            accelerator="cpu",
            default_root_dir=root,
            logger=L.pytorch.loggers.CSVLogger(root),
        )
        learner = Learner()
        trainer.fit(learner, loaders["train"], loaders["val"])
        return float(trainer.test(learner, loaders["test"], verbose=False)[0]["test_accuracy"])


def fastai(asked: argparse.Namespace) -> float:
    import fastai.callback.schedule  # noqa: F401 - brings fit_one_cycle
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader as FastaiLoader
    from fastai.learner import Learner
    from fastai.losses import CrossEntropyLossFlat
    from fastai.metrics import accuracy
    from fastai.torch_core import set_seed

    set_seed(asked.seed)
    sets, shape, classes = read(asked.data, moved=asked.moved)
    loaders = DataLoaders.from_dsets(
        sets["train"], sets["val"], bs=asked.batch_size, num_workers=0, device="cpu"
    )
    with tempfile.TemporaryDirectory() as root:
        learner = Learner(
            loaders,
            network(shape, classes),
            loss_func=CrossEntropyLossFlat(),
            metrics=accuracy,
            path=root,
        )
        learner.fit_one_cycle(asked.epochs, lr_max=asked.rate)
        test = FastaiLoader(sets["test"], bs=asked.batch_size, device="cpu")
        return float(learner.validate(dl=test)[1])


TRAINERS = {"lightning": lightning, "fastai": fastai}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("trainer", choices=TRAINERS)
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--moved", action="store_true", help="pictures moved at random")
    parser.add_argument("--rate", type=float, default=0.001, help="of fastai; 0.001 is its own")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    reached = TRAINERS[asked.trainer](asked)
    print(json.dumps({"accuracy": reached}))


if __name__ == "__main__":
    main()
