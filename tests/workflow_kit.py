"""What the workflow's tests share: data of every form, made in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from netwright.runs.events import events
from netwright.workflow.run import Run

TINY = [
    "model={name: mlp, hidden: [8]}",
    "training.epochs=2",
    "training.batch_size=16",
    "optimizer={name: adamw, learning_rate: 0.01}",
]


def blobs(count: int = 60, *, classes: int = 3, features: int = 4) -> tuple[Any, Any]:
    """Points around a centre for each class."""
    generator = np.random.default_rng(0)
    y = np.arange(count) % classes
    x = generator.normal(size=(count, features)) + 3 * np.eye(classes, features)[y]
    return x.astype(np.float32), y


def pictures(folder: Path, *, each: int = 8, side: int = 8, classes: str = "abc") -> Path:
    """Grey pictures in class folders, each class of a brightness of its own."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = generator.integers(0, 60, (side, side)) + 60 * place
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def table(path: Path, *, rows: int = 60) -> Path:
    """A number, a word, a gap now and then, and two classes that the number tells apart."""
    generator = np.random.default_rng(0)
    lines = ["height,colour,kind"]
    for row in range(rows):
        kind = row % 2
        height = "" if row % 9 == 0 else f"{generator.normal() + 4 * kind:.3f}"
        lines.append(f"{height},{('red', 'blue', '')[row % 3]},{('cat', 'dog')[kind]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def weights(run: Run) -> bytes:
    return (run.folder.path / "model.safetensors").read_bytes()


def log_without_clock(run: Run) -> list[dict[str, Any]]:
    found = events(run.folder.path)
    return [{key: value for key, value in event.items() if key != "clock"} for event in found]


def judged(run: Run) -> dict[str, int]:
    """Split → how many examples were judged."""
    return {
        split: run.folder.read_json(f"evaluation/{split}.json")["n"]
        for split in ("val", "test")
        if run.folder.has(f"evaluation/{split}.json")
    }


class Pairs(torch.utils.data.Dataset):
    """A map-style data set over arrays."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = torch.as_tensor(x), torch.as_tensor(y)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, place: int) -> Any:
        return self.x[place], int(self.y[place])
