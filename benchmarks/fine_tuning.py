"""Does each technique of fine-tuning beat learning from scratch, and what does it add?

A small residual network learns the digits 0 to 4 (scikit-learn's, 8 pixels a side), then 5 to 9
from two labels of each: from scratch, fine-tuned whole, with the lowest two of five blocks frozen,
with rates that fall by 0.7 from block to block, and with blocks that join one after the other. Five
seeds, which draw labels and weights; as many passes for all; judged on all other pictures.

Rows go where `techniques.py` writes its own: the rival is learning from scratch.

    python benchmarks/fine_tuning.py             # about a minute of one core
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import time
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from _rows import surroundings, write_rows
from netwright.data.open import open_data
from netwright.models.catalogue import create
from netwright.runs.recipe import Recipe
from netwright.train.loop import Loop
from netwright.workflow.build import make_optimizers, schedule_of, settings_of
from netwright.workflow.session import Given, open_session
from techniques import _spread, gains, verdict

SEEDS, LABELS, PASSES = 5, 2, 40
WAYS: Mapping[str, Mapping[str, object]] = {
    "fine-tuned whole": {},
    "fine-tuning with freezing": {"freeze": 2},
    "layer-wise rates": {"layer_decay": 0.7},
    "gradual unfreezing": {"unfreeze": 1, "unfreeze_epochs": 5},
}


def learned(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    seed: int,
    epochs: int,
    method: Mapping[str, object],
    rate: float,
) -> None:
    """Train in place."""
    asked = {
        "data": {"name": "given"},
        "device": "cpu",
        "seed": seed,
        "augment": [],
        "preprocess": {"name": "none"},
        "method": {"unit": "classes", **method},
        "optimizer": {"name": "adamw", "learning_rate": rate},
        "training": {"epochs": epochs, "batch_size": 10, "precision": "fp32"},
    }
    given = Given(data={"train": (x, y), "test": (x, y)}, model=model)
    session = open_session(Recipe.parse(asked), given)
    Loop(
        session.method,
        {"train": session.prepared.train_source(session.recipe)},
        make_optimizer=make_optimizers(session.recipe, session.method),
        settings=settings_of(session.recipe),
        schedule=schedule_of(session.recipe),
    ).run()


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers."""
    with torch.no_grad():
        return float((model.eval()(x).argmax(dim=1) == y).float().mean())


def network(seed: int) -> nn.Module:
    """As it begins."""
    torch.manual_seed(seed)
    return create("small-resnet", num_classes=5, in_channels=1, image_size=8)


def main() -> None:
    """See above."""
    torch.set_num_threads(1)
    data = open_data("digits")
    x = data.samples.take(torch.arange(len(data.samples))).float()
    x, y = x / x.max(), data.target.values
    old = y < 5
    found: dict[str, list[float]] = {name: [] for name in ("scratch", *WAYS)}
    begin = time.process_time()
    new, classes = x[~old], y[~old] - 5
    for seed in range(SEEDS):
        known = network(seed)
        plain = {"name": "supervised"}
        learned(known, x[old], y[old], seed=seed, epochs=4, method=plain, rate=5e-3)
        draw = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(new), generator=draw)
        chosen = torch.cat([order[classes[order] == k][:LABELS] for k in range(5)])
        rest = torch.ones(len(new), dtype=torch.bool).index_fill_(0, chosen, value=False)
        for way, reached in found.items():
            model = network(seed + 100)
            method, epochs = plain, PASSES
            if way != "scratch":
                model.load_state_dict(known.state_dict())
                torch.manual_seed(seed)
                model.head = nn.Linear(model.head.in_features, 5)
                method = {"name": "fine-tuning", **WAYS[way]}
                epochs -= 4 * 5 if way == "gradual unfreezing" else 0
            rate = 5e-3 if way == "scratch" else 2e-3
            learned(
                model,
                new[chosen],
                classes[chosen],
                seed=seed,
                epochs=epochs,
                method=method,
                rate=rate,
            )
            reached.append(accuracy(model, new[rest], classes[rest]))
            print(seed, way, f"{reached[-1]:.4f}", flush=True)
    around = surroundings("torch", "netwright", "torchvision", "timm", "scikit-learn")
    rows = []
    for way in list(WAYS)[1:]:
        rows.append(
            {
                "row": way,
                "data": "digits 5 to 9 after 0 to 4, 10 labels",
                "metric": "accuracy",
                "better": "higher",
                **_spread("", found[way]),
                "rival": "from scratch",
                **_spread("rival_", found["scratch"]),
                "seeds": SEEDS,
                "n": int(rest.sum()),
                **verdict(gains(found[way], found["scratch"], lower=False)),
                "cpu_seconds": f"{time.process_time() - begin:.1f}",
                "setting": f"method={dict(WAYS[way])} of fine-tuning, {PASSES} passes; plain "
                f"fine-tuning {sum(found['fine-tuned whole']) / SEEDS:.4g}",
                **around,
            }
        )
        print(rows[-1])
    write_rows("techniques", rows)


if __name__ == "__main__":
    main()
