"""How few of MNIST's test digits does a single small network of capsules read wrong?

All 60,000 training pictures, moved by up to 2 pixels as in the paper, no other augmentation; the
weights of the last step, chosen by nobody; one network. The rival is the same first convolution
and the same number of maps of a second one, with a linear layer and cross-entropy in place of
squashing, routing, margin loss and reconstruction, trained alike.

    python benchmarks/capsules.py                  # capsules: about 12 minutes of one core
    python benchmarks/capsules.py convolutions     # the rival: about 5
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

import netwright as nw
from _rows import surroundings, write_rows
from netwright._statistics import wilson
from netwright.data.open import open_data

EPOCHS = 12
CHANNELS, MAPS, DIMENSIONS = 64, 8, 8
CHANGES = [
    "split.val=0",
    "preprocess={name: none}",
    "augment=[{name: shift, fraction: 0.072, fill: 0.0}]",
    "optimizer={name: adamw, learning_rate: 0.005, weight_decay: 0.0}",
    "schedule={name: one-cycle}",
    f"training.epochs={EPOCHS}",
    "training.batch_size=128",
    "training.precision=bf16",
    "training.restore_best=false",
    "training.snapshot_every=5",
]
CONTESTANTS = {
    "capsules": [
        f"model={{name: capsnet, channels: {CHANNELS}, maps: {MAPS}, dimensions: {DIMENSIONS}}}",
        "method={name: capsules}",
    ],
    "convolutions": [f"model={{name: '{Path(__file__).resolve()}:Convolutions'}}"],
}


class Convolutions(nn.Sequential):
    """The convolutions of the network of capsules, and a linear layer."""

    def __init__(self, num_classes: int, *, in_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, CHANNELS, 9),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, MAPS * DIMENSIONS, 9, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(num_classes),
        )
        self(torch.zeros(1, in_channels, 28, 28))


def trained(contestant: str, *, root: str, seed: int = 0) -> tuple[nw.Run, float]:
    """The run, and the processor seconds it took."""
    begun = time.process_time()
    run = nw.fit(
        "mnist",
        seed=seed,
        changes=[*CHANGES, *CONTESTANTS[contestant]],
        doctor=False,
        root=root,
        console=Console(file=io.StringIO()),
    )
    return run, time.process_time() - begun


def answers(run: nw.Run) -> tuple[Tensor, Tensor, Tensor]:
    """Answers, probabilities and truth of the 10,000 test digits."""
    data = open_data("mnist")
    index = data.splits["test"]
    parts = [run.predict(data.samples.take(places)) for places in index.split(500)]
    found = torch.cat([part.probabilities for part in parts])
    return torch.cat([part.outputs for part in parts]), found, data.target.values[index]


def main() -> None:
    torch.set_num_threads(1)
    contestant = sys.argv[1] if len(sys.argv) > 1 else "capsules"
    with tempfile.TemporaryDirectory() as root:
        run, seconds = trained(contestant, root=root)
        said, law, truth = answers(run)
    wrong = wilson(float((said != truth).sum()), len(truth))
    surprise = -law.gather(1, truth[:, None]).log().mean()
    count = sum(parameter.numel() for parameter in run.model.parameters())
    row = {
        "data": "mnist",
        "contestant": contestant,
        "seed": 0,
        "error_percent": f"{100 * wrong.value:.2f}",
        "error_low": f"{100 * wrong.low:.2f}",
        "error_high": f"{100 * wrong.high:.2f}",
        "log_loss": f"{float(surprise):.4f}",
        "parameters": count,
        "parameters_with_decoder": sum(one.numel() for one in run.method.parameters()),
        "epochs": EPOCHS,
        "core_minutes": f"{seconds / 60:.1f}",
        "settings": "; ".join([*CHANGES, *CONTESTANTS[contestant]]).replace(
            str(Path(__file__).resolve()), "benchmarks/capsules.py"
        ),
        **surroundings("torch", "netwright"),
    }
    print(row, flush=True)
    write_rows("capsules", [row])


if __name__ == "__main__":
    main()
