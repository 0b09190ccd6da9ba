"""Are maximising pictures of a real network of their class, and what does each prior change?

    python benchmarks/activation_maximisation.py [--steps 64] [--seeds 3]

Pictures of a few classes are found on ResNet-18 (`netwright data get resnet18 resnet50`), without
priors, with the prior on frequencies and with all three. A row says of one picture: the probability
that the network gives its class, and that another network gives which the picture was not made for
(ResNet-50); the same for the start, and for a picture with the same energy at every frequency and
random phases; and the share of its energy above a quarter of the sampling rate.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from torch import Tensor

from _rows import surroundings, write_rows
from netwright import explain
from netwright.workflow.pretrained import Pretrained, pretrained

CLASSES = ("flamingo", "tiger", "monarch", "mushroom")
SETTINGS: dict[str, dict[str, float]] = {
    "no prior": {},
    "frequency": {"frequency_prior": 1.0},
    "all": {"l2": 1e-4, "jitter": 16, "frequency_prior": 1.0},
}


def fine(pictures: Tensor) -> list[float]:
    """Share of each picture's energy above a quarter of the sampling rate."""
    energy = torch.fft.rfft2(pictures).abs().square().sum(1)
    rows, columns = torch.fft.fftfreq(pictures.shape[-2]), torch.fft.rfftfreq(pictures.shape[-1])
    frequency = (rows[:, None].square() + columns.square()).sqrt()
    above = (energy * (frequency > 0.25)).sum((1, 2))
    return (above / (energy * (frequency > 0)).sum((1, 2))).tolist()


def shuffled(pictures: Tensor, *, seed: int) -> Tensor:
    """The same energy at every frequency, with the phases of noise."""
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(seed))
    phases = torch.fft.rfft2(noise)
    spectrum = torch.fft.rfft2(pictures).abs() * phases / phases.abs().clamp(min=1e-9)
    spectrum[..., 0, 0] = torch.fft.rfft2(pictures)[..., 0, 0]  # the mean colour stays
    return torch.fft.irfft2(spectrum, s=pictures.shape[-2:])


def sure(network: Pretrained, pictures: Tensor, classes: list[int]) -> list[float]:
    """The probability of each picture's class."""
    with torch.no_grad():
        shares = network.model(pictures).softmax(1)
    return [float(one[place]) for one, place in zip(shares, classes, strict=True)]


def measure(setting: str, *, seed: int, steps: int) -> list[dict[str, object]]:
    network, other = pretrained("resnet18"), pretrained("resnet50")
    classes = [network.class_names.index(name) for name in CLASSES]
    limits = explain.value_range(mean=MEAN, std=STD)
    options = {"target": classes, "limits": limits, "seed": seed, **SETTINGS[setting]}
    size = (len(classes), 3, 224, 224)
    start = explain.activation_maximisation(
        network.model, size, steps=1, **{**options, "step_size": 1e-9}
    )
    found = explain.activation_maximisation(network.model, size, steps=steps, **options)
    columns = {
        "probability": sure(network, found, classes),
        "start": sure(network, start, classes),
        "random phases": sure(network, shuffled(found, seed=seed), classes),
        "resnet50": sure(other, found, classes),
        "fine": fine(found),
    }
    return [
        {"class": name, "setting": setting, "seed": seed, "steps": steps}
        | {column: f"{values[place]:.6f}" for column, values in columns.items()}
        for place, name in enumerate(CLASSES)
    ]


MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    about = surroundings("torch", "torchvision", "netwright")
    for setting in SETTINGS:
        rows = [
            row
            for seed in range(arguments.seeds)
            for row in measure(setting, seed=seed, steps=arguments.steps)
        ]
        write_rows("activation_maximisation", [row | about for row in rows])
        for column in ("probability", "start", "random phases", "resnet50", "fine"):
            values = [float(str(row[column])) for row in rows]
            least, most = min(values), max(values)
            middle = statistics.median(values)
            print(f"{setting:<10} {column:<14} {middle:.4f} [{least:.4f}, {most:.4f}]", flush=True)


if __name__ == "__main__":
    main()
