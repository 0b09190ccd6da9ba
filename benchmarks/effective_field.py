"""How much of its receptive field does a unit use, before and after training?

ResNet-18 with ImageNet's weights beside the same network freshly initialised (three seeds): the
gradient of the middle unit of each stage, mean over 8 random inputs of 3×224×224, a Gaussian fitted
along each axis. `netwright data get resnet18` brings the weights.

    python benchmarks/effective_field.py           # ~1 minute
    python benchmarks/effective_field.py --quick   # two inputs, nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
from collections.abc import Iterator

import torch
from torch import nn

import netwright as nw
from _rows import surroundings, write_rows
from netwright.models.graph import effective_receptive_field
from netwright.workflow.pretrained import pretrained

LAYERS = ("layer1", "layer2", "layer3", "layer4")
NAME = "torchvision:resnet18"


def networks() -> Iterator[tuple[str, nn.Module]]:
    """Each with the word it is known by."""
    yield "ImageNet's weights", pretrained("resnet18").model
    for seed in range(3):
        torch.manual_seed(seed)
        yield "fresh", nw.create(NAME, num_classes=1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two inputs, nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    inputs = torch.randn(2 if quick else 8, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    theory = nw.describe(nw.create(NAME, num_classes=10), (3, 224, 224)).collapsed(1)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for word, net in networks():
        measured = effective_receptive_field(net, inputs, layers=LAYERS)
        for layer, field in measured.items():
            found.setdefault((word, layer), []).extend(
                (axis.sigma, axis.fit) for axis in field.axes
            )
    rows = []
    for (word, layer), axes in found.items():
        sigmas = [sigma for sigma, _ in axes]
        rows.append(
            {
                "weights": word,
                "layer": layer,
                "theory": str(theory.layer(layer).receptive_field[0].size),
                "effective": f"{4 * statistics.mean(sigmas):.0f}",
                "sigma": f"{statistics.mean(sigmas):.1f}",
                "sd": f"{statistics.stdev(sigmas):.1f}",
                "fit": f"{statistics.mean(fit for _, fit in axes):.3f}",
                "n": str(len(inputs)),
            }
        )
        print(" ".join(f"{value:>18}" for value in rows[-1].values()))
    if not quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(write_rows("effective_field", [row | around for row in rows]))


if __name__ == "__main__":
    main()
