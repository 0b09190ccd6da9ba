"""How far are the maps of each method to be trusted, on real networks?

ResNet-18 with ImageNet's weights on photographs that scikit-image brings in its wheel, and LeNet on
fashion-mnist (three seeds, each with a twin trained on shuffled labels): `explain.judge` over every
method of the catalogue, beside two that look at the picture alone, and the attack on the highest
pixels by the second derivative. `netwright data get resnet18` brings the weights, `pip install
scikit-image` the photographs.

    python benchmarks/explain_trust.py                      # ~6 minutes
    python benchmarks/explain_trust.py --only photographs   # or clothes
    python benchmarks/explain_trust.py --quick              # few pictures, nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import importlib.util
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright._statistics import Interval
from netwright.data.decode import decode
from netwright.data.open import open_data
from netwright.explain import TopAttack, fragility, gradient, integrated_gradients, smoothgrad
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.trials.judgement import Judgement
from netwright.workflow.pretrained import pretrained

PHOTOGRAPHS = (
    "astronaut.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
    "hubble_deep_field.jpg", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
SEEDS = 3
ATTACKED = ("gradient", "saliency", "grad-cam")


def edges(model: nn.Module, inputs: Tensor, *, target: object) -> Tensor:
    """Where neighbouring pixels differ: never looks at the model."""
    across = inputs.diff(dim=3, prepend=inputs[..., :1]).abs()
    down = inputs.diff(dim=2, prepend=inputs[..., :1, :]).abs()
    return (across + down).sum(1)


def gradient_times_input(model: nn.Module, inputs: Tensor, *, target: object) -> Tensor:
    """Share of each number where the model is linear; 0 is its reference."""
    return inputs * gradient(model, inputs, target=target)  # type: ignore[arg-type]


def short_way(model: nn.Module, inputs: Tensor, *, target: object) -> Tensor:
    """Integrated gradients by 10 points instead of 50."""
    return integrated_gradients(model, inputs, target=target, steps=10)  # type: ignore[arg-type]


def little_noise(model: nn.Module, inputs: Tensor, *, target: object) -> Tensor:
    """SmoothGrad by 10 samples instead of 50."""
    return smoothgrad(model, inputs, target=target, samples=10)  # type: ignore[arg-type]


OWN = (edges, gradient_times_input, short_way, little_noise)
LONG = ("integrated-gradients", "smoothgrad")  # taken in a shorter form, see above


def photographs(quick: bool) -> Iterator[tuple[str, int, nn.Module, Tensor, None]]:
    """ResNet-18 and what it is shown."""
    place = importlib.util.find_spec("skimage")
    if place is None or place.origin is None:
        raise SystemExit("pip install scikit-image, for its photographs")
    folder = Path(place.origin).parent / "data"
    known = pretrained("resnet18")
    names = PHOTOGRAPHS[:2] if quick else PHOTOGRAPHS
    shown = torch.cat([known.preprocess(decode(folder / name, channels=3)[None]) for name in names])
    yield "resnet18, photographs", 0, known.model, shown, None


def clothes(quick: bool) -> Iterator[tuple[str, int, nn.Module, Tensor, nn.Module]]:
    """LeNet and its twin."""
    data = open_data("fashion-mnist")
    parts = {}
    for split, count in (("train", 600 if quick else 2000), ("test", 1000)):
        index = data.splits[split]
        places = index[torch.randperm(len(index), generator=torch.Generator().manual_seed(0))]
        parts[split] = (
            data.samples.take(places[:count]), data.target.values[places[:count]]
        )  # fmt: skip
    for seed in range(1 if quick else SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            run, twin = (
                nw.fit(
                    parts, model="lenet", epochs=1 if quick else epochs, seed=seed, doctor=False,
                    root=folder, console=Console(file=io.StringIO()), changes=["augment=[]", *own],
                )
                for epochs, own in (
                    (6, []),
                    (12, ["data.shuffle_labels=true", "training.restore_best=false"]),
                )
            )  # fmt: skip
            print(seed, run.metrics, twin.metrics, flush=True)
            draw = torch.Generator().manual_seed(seed)
            some = torch.randperm(1000, generator=draw)[: 8 if quick else 32]
            yield (
                "lenet, fashion-mnist", seed, run.model, run.preprocess(parts["test"][0][some]),
                twin.model,
            )  # fmt: skip


STUDIES = {"clothes": clothes, "photographs": photographs}


def judged(found: Judgement, case: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """A row for each method and figure."""
    for row in found.rows:
        for field in fields(row):
            own = getattr(row, field.name)
            if isinstance(own, Interval):
                yield figure(case, row.method, field.name, own, found.count) | {"fault": row.fault}
    for one in found.left_out:
        print("not judged:", one.method, one.reason)


def attacked(
    model: nn.Module, inputs: Tensor, case: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    """Overlap of the highest pixels after the attack."""
    for method in ATTACKED:
        if method in CATALOGUE:
            worst = fragility(model, inputs, method=method, attack=TopAttack(steps=6))
            value, low, high = bootstrap(lambda x: sum(x) / len(x), worst.overlap.tolist())
            own = Interval(value=value, low=low, high=high)
            yield figure(case, method, "overlap, attacked", own, len(inputs)) | {"fault": ""}


def figure(
    case: Mapping[str, object], method: str, name: str, own: Interval, n: int
) -> dict[str, object]:
    shown = {end: f"{getattr(own, end):.3f}" for end in ("value", "low", "high")}
    return {**case, "method": method, "figure": name, **shown, "n": n}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few pictures, nothing is written")
    parser.add_argument("--only", choices=sorted(STUDIES), help="one of the two")
    parser.add_argument("--seconds", type=float, default=120.0, help="at most for a method")
    given = parser.parse_args()
    torch.set_num_threads(1)
    named = [
        entry.name
        for entry in CATALOGUE
        if entry.facts.get("gives") == "map" and entry.name not in LONG
    ]
    rows: list[dict[str, object]] = []
    for study in (given.only,) if given.only else STUDIES:
        for name, seed, model, inputs, twin in STUDIES[study](given.quick):
            found = nw.explain.judge(
                model, inputs, methods=[*named, *OWN], twin=twin, count=len(inputs), steps=10,
                seconds=given.seconds,
            )  # fmt: skip
            print(name, seed, found.table(), sep="\n", flush=True)
            case = {"network": name, "seed": seed}
            rows += [*judged(found, case), *attacked(model, inputs, case)]
    if not given.quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(write_rows("explain_trust", [row | around for row in rows]))


if __name__ == "__main__":
    main()
