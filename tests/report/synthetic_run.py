"""Runs that nobody trained, for the tests of the report and for looking at it.

`python tests/report/synthetic_run.py FOLDER` writes one of each kind with its page.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from netwright.runs.environment import environment
from netwright.runs.records import Cause, Ended, Finding
from netwright.runs.store import Recorder, RunFolder

RECIPE = """\
data: {name: digits, split: {test: 0.2, val: 0.1, seed: 0}}
model: {name: lenet, num_classes: 10, in_channels: 1}
optimizer: {name: adamw, learning_rate: 0.002, weight_decay: 0.01}
schedule: {name: cosine, warmup: 0.05}
epochs: 30
batch_size: 64
seed: 0
"""
FINDINGS = (
    Finding(
        symptom="loss-spike",
        severity="warning",
        where="loss",
        step=300,
        measurements={"ratio": 3.17, "samples": [17, 203]},
        causes=(
            Cause(name="learning rate too high", probability=0.71, reason="a tenth of it is calm"),
            Cause(name="bad sample", probability=0.2, reason="the batch holds an outlier"),
        ),
        repairs=("roll-back", "clip-gradients"),
        message="The loss rose to 3.2 times its level within 5 steps.",
    ),
    Finding(symptom="dead-units", severity="note", where=("features.3", 12), step=40),
)


def classification(
    root: Path, *, names: tuple[str, ...] = tuple("0123456789"), epochs: int = 30, steps: int = 20
) -> RunFolder:
    """A whole run on pictures."""
    random = np.random.default_rng(0)
    run = RunFolder.create(root, "digits")
    run.write_text("recipe.yaml", RECIPE)
    run.write_json("environment.json", environment())
    _learn(run, random, epochs=epochs, steps=steps)
    k = len(names)
    confusion = (random.random((k, k)) < 0.08).astype(int) * random.integers(1, 4, (k, k))
    np.fill_diagonal(confusion, 35 - confusion.sum(axis=1).clip(max=30))
    for split in ("test", "val"):
        _evaluate(run, split, names=list(names), confusion=confusion.tolist())
    _data(run, names)
    _pictures(run, random, names)
    return run


def _learn(run: RunFolder, random: np.random.Generator, *, epochs: int, steps: int) -> None:
    total = epochs * steps
    with Recorder(run, 1) as recorder:
        recorder.begin(step=0)
        recorder.record("stage", step=0, name="main")
        for step in range(total):
            level = 2.3 * np.exp(-5 * step / total) + 0.04
            recorder.record(
                "step",
                step=step,
                phase="main",
                loss=float(level * np.exp(0.3 * random.normal())),
                terms={},
                gradient_norm=float(0.2 + level * random.random()),
                learning_rate=0.001 * (1 + np.cos(np.pi * step / total)),
                clock={"seconds": 0.01},
            )
            if step % steps == steps - 1:
                epoch = step // steps
                accuracy = 1 - 0.85 * np.exp(-5 * epoch / epochs) + 0.005 * random.normal()
                metrics = {"accuracy": float(min(accuracy, 1)), "loss": float(level * 1.2)}
                recorder.record("validation", step=step, epoch=epoch, metrics=metrics)
                clock = {"seconds": 0.6, "examples_per_second": 2150.0}
                recorder.record("epoch", step=step, epoch=epoch, loss=float(level), clock=clock)
        for finding in FINDINGS:
            recorder.record("finding", **finding.to_json())
        recorder.record(
            "ended",
            **Ended(reason="finished", step=total - 1).to_json(),
            epochs=epochs,
            best={"epoch": epochs - 3, "step": total - 2 * steps - 1, "accuracy": 0.98},
            clock={"seconds": 18.6},
        )


def _evaluate(run: RunFolder, split: str, **fields: object) -> None:
    metrics = {
        "accuracy": {"value": 0.9806, "low": 0.9603, "high": 0.9906, "n": 360},
        "balanced_accuracy": {"value": 0.9798, "low": 0.9585, "high": 0.9911, "n": 360},
        "log_loss": {"value": 0.0712, "low": 0.041, "high": 0.113, "n": 360},
    }
    about = {"split": split, "n": 360, "metrics": metrics, "per_class": {}, "confused_pairs": []}
    run.write_json(f"evaluation/{split}.json", {**about, **fields})


def _data(run: RunFolder, names: tuple[str, ...]) -> None:
    sizes = {"train": 125, "val": 18, "test": 36}
    run.write_json(
        "data.json",
        {
            "name": "digits",
            "input_kind": "image",
            "input_shape": [1, 8, 8],
            "target": {"kind": "classes", "names": list(names)},
            "splits": {
                split: {
                    "n": n * len(names),
                    "classes": {name: n - place for place, name in enumerate(names)}
                    if len(names) < 12
                    else dict.fromkeys(names, n),
                }
                for split, n in sizes.items()
            },
            "skipped": [{"what": "broken.png", "why": "it ends in the middle"}],
            "licence": "CC BY 4.0",
            "origin": "UCI, see https://archive.ics.uci.edu/dataset/80",
            "fingerprint": "4c1a7e90",
        },
    )


def _pictures(run: RunFolder, random: np.random.Generator, names: tuple[str, ...]) -> None:
    errors, samples = [], []
    for place in range(17):
        run.write_bytes(f"pictures/error-{place}.png", _png(random, side=8))
        errors.append(
            {
                "file": f"pictures/error-{place}.png",
                "label": f"row {100 + place}",
                "index": 100 + place,
                "target": names[place % len(names)],
                "prediction": names[(place + 3) % len(names)],
                "confidence": 0.99 - place / 40,
            }
        )
    for place in range(20):
        run.write_bytes(f"pictures/sample-{place}.png", _png(random, side=8))
        name = names[place % len(names)]
        samples.append({"file": f"pictures/sample-{place}.png", "label": name, "target": name})
    run.write_json("pictures/errors.json", errors)
    run.write_json("pictures/samples.json", samples)


def _png(random: np.random.Generator, *, side: int) -> bytes:
    rows, columns = np.mgrid[:side, :side]
    centre = random.uniform(side / 3, side / 1.5, 2)
    blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / side)
    written = BytesIO()
    pixels = 255 * blob + 20 * random.random((side, side))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(written, "PNG")
    return written.getvalue()


def regression(root: Path) -> RunFolder:
    """A run on numbers, without a test split."""
    random = np.random.default_rng(1)
    run = RunFolder.create(root, "diabetes")
    run.write_text("recipe.yaml", RECIPE)
    _learn(run, random, epochs=6, steps=15)
    metrics = {"mean_squared_error": {"value": 2870.0, "low": 2401.0, "high": 3390.0, "n": 88}}
    _evaluate(run, "val", metrics=metrics, n=88, confusion=None, names=["progression"])
    target = {"kind": "real", "names": ["progression"]}
    splits = {"train": {"n": 353, "classes": {}}, "val": {"n": 88, "classes": {}}}
    run.write_json("data.json", {"name": "diabetes", "target": target, "splits": splits})
    true = torch.from_numpy(random.uniform(30, 340, 88)).float()
    guess = 0.6 * true + 60 + 40 * torch.from_numpy(random.normal(size=88)).float()
    tensors = {"outputs": guess, "targets": true, "index": torch.arange(88)}
    run.write_tensors("evaluation/val.safetensors", tensors)
    errors = [
        {"label": f"row {i}", "index": i, "target": 91.0, "prediction": 250.2, "confidence": None}
        for i in range(12)
    ]
    run.write_json("pictures/errors.json", errors)
    return run


if __name__ == "__main__":
    from netwright.report.page import write_report

    for make in (classification, regression):
        write_report(make(Path(sys.argv[1])))
    many = tuple(f"class {place}" for place in range(120))
    write_report(classification(Path(sys.argv[1]), names=many))
    write_report(RunFolder.create(sys.argv[1], "empty"))
