"""Is batch norm per domain worth its statistics where pictures come from another camera?

A network learns the digits as they are, and is asked about them as another camera gives them:
behind a veil of light with a third of the contrast, or inverted. Its statistics for that camera
are taken from its training pictures, without labels; everything else stays as it is.

    python benchmarks/domain_norm.py              # five seeds, a minute on one core
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator

import torch
from rich.console import Console
from torch import Tensor

import netwright as nw
from _rows import surroundings, write_rows
from netwright.data.open import open_data
from netwright.models.layers.domain_batch_norm import in_domain, per_domain
from netwright.runs.recipe import Recipe
from netwright.workflow.prepare import divide_data

SEEDS = range(5)


CAMERAS: dict[str, Callable[[Tensor], Tensor]] = {
    "veiled": lambda pictures: 100 + pictures // 3,
    "inverted": lambda pictures: 255 - pictures,
}


def accuracies(seed: int, root: str) -> Iterator[tuple[str, float, float]]:
    """By camera: the network as it is, and with statistics of that camera."""
    quiet = Console(file=io.StringIO())
    run = nw.fit(
        "digits",
        model="convnet",
        epochs=10,
        learning_rate=0.005,
        seed=seed,
        changes=[f"split.seed={seed}", "augment=[]"],
        doctor=False,
        root=root,
        console=quiet,
    )
    data = open_data("digits")
    splits = divide_data(data, Recipe.parse({"data": {"name": "digits"}, "split": {"seed": seed}}))
    truth = data.target.values[splits["test"]]
    for camera, view in CAMERAS.items():
        train, test = (
            run.preprocess(view(data.samples.take(splits[split]))) for split in ("train", "test")
        )
        network = per_domain(run.model, domains=2)
        with torch.no_grad(), in_domain(network, 1):
            network.train()
            for batch in train.split(64) * 3:
                network(batch)
            adapted = network.eval()(test).argmax(1)
        with torch.no_grad():
            as_it_is = run.model(test).argmax(1)
        yield camera, right(as_it_is, truth), right(adapted, truth)


def right(answered: Tensor, truth: Tensor) -> float:
    """Share that is."""
    return float((answered == truth).double().mean())


def main() -> None:
    torch.set_num_threads(1)
    around = surroundings("torch", "netwright")
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for seed in SEEDS:
            for camera, before, after in accuracies(seed, root):
                figures = {"without": f"{before:.4f}", "per_domain": f"{after:.4f}"}
                rows.append({"data": "digits", "camera": camera, "seed": seed, **figures, **around})
                print(camera, seed, before, after, flush=True)
    print(write_rows("domain_norm", rows))


if __name__ == "__main__":
    main()
