"""Do attention maps of a vision transformer lie where its answer comes from?

Three small vision transformers, trained on 4,000 pictures of fashion-mnist by its own recipe's
defaults; 200 test pictures each. A map is scored by insertion less deletion, and by the area under
precision over recall against the piece of clothing itself (the pixels that are not black), beside
random numbers, the mean attention of the last layer, and Grad-CAM of the same network.

    python benchmarks/attention.py            # ~5 minutes
    python benchmarks/attention.py --quick    # does it run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright import explain
from netwright.data.open import open_data

SEEDS = 3


def vision_transformer() -> nn.Module:
    """Patches of 4 pixels, four blocks of four heads; for one channel."""
    from torchvision.models import VisionTransformer

    model = VisionTransformer(
        image_size=28, patch_size=4, num_layers=4, num_heads=4, hidden_dim=64, mlp_dim=128,
        num_classes=10,
    )  # fmt: skip
    model.conv_proj = nn.Conv2d(1, 64, 4, 4)
    return model


def last_layer(model: nn.Module, inputs: Tensor, *, target: object) -> Tensor:
    """What the class token takes from each patch in the last block, mean over heads."""
    weights = list(explain.attention_maps(model, inputs).values())[-1].mean(1)[:, 0, 1:]
    return nn.functional.interpolate(weights.reshape(-1, 1, 7, 7), (28, 28), mode="bilinear")[:, 0]


METHODS: dict[str, Callable[..., Tensor]] = {
    "random": explain.random_map,
    "attention of the last layer": last_layer,
    "attention roll-out": explain.attention_rollout,
    "grad-cam": explain.grad_cam,
}


def networks(quick: bool) -> Iterator[tuple[int, float, nn.Module, Tensor, Tensor]]:
    """Each with its accuracy, what it is shown, and where the clothes are."""
    data = open_data("fashion-mnist")
    parts = {}
    for split, count in (("train", 300 if quick else 4000), ("test", 1000)):
        index = data.splits[split]
        places = index[torch.randperm(len(index), generator=torch.Generator().manual_seed(0))]
        parts[split] = (data.samples.take(places[:count]), data.target.values[places[:count]])
    for seed in range(1 if quick else SEEDS):
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as folder:
            run = nw.fit(
                parts, model=vision_transformer(), epochs=1 if quick else 12, seed=seed,
                doctor=False, root=folder, console=Console(file=io.StringIO()),
                changes=["augment=[]", "optimizer.learning_rate=0.001", "optimizer.name=adamw"],
            )  # fmt: skip
            raw = parts["test"][0][: 8 if quick else 200]
            yield seed, run.metrics["accuracy"], run.model, run.preprocess(raw), raw[:, 0] > 0


def scored(
    model: nn.Module, inputs: Tensor, clothes: Tensor, method: Callable[..., Tensor]
) -> dict[str, list[float]]:
    with torch.no_grad():
        target = model(inputs).argmax(1)
    maps = method(model, inputs, target=target)
    asked = {"maps": maps, "target": target, "steps": 14}
    gain = explain.insertion(model, inputs, **asked).areas
    loss = explain.deletion(model, inputs, **asked).areas
    return {
        "insertion - deletion": (gain - loss).tolist(),
        "precision over recall": explain.mask_overlap(maps, clothes).precision_recall.tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="does it run? writes nothing")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[tuple[str, str], list[float]] = {}
    accuracies = []
    for seed, accuracy, model, inputs, clothes in networks(given.quick):
        print(f"seed {seed}: accuracy {accuracy:.3f}", flush=True)
        accuracies.append(accuracy)
        for name, method in METHODS.items():
            for figure, values in scored(model, inputs, clothes, method).items():
                found.setdefault((name, figure), []).extend(values)
    rows = []
    for (name, figure), values in found.items():
        value, low, high = bootstrap(lambda x: sum(x) / len(x), values)
        rows.append(
            {
                "method": name, "figure": figure, "value": f"{value:.3f}", "low": f"{low:.3f}",
                "high": f"{high:.3f}", "n": len(values), "networks": len(accuracies),
                "accuracy": f"{sum(accuracies) / len(accuracies):.3f}",
            }
        )  # fmt: skip
        print(rows[-1])
    if not given.quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(Path(write_rows("attention", [row | around for row in rows])).name)


if __name__ == "__main__":
    main()
