"""What is an ensemble's squared error made of, by the number of its members?

Networks learn the progression of diabetes from examples drawn anew from one half of the set. The
members of a draw learn from the same examples and differ by their seed, or each has a draw of its
own. The parts add up to the error that was measured: Ueda and Nakano 1996.

    python benchmarks/ensemble_error.py        # 4 minutes of one core
"""

from __future__ import annotations

import io
import tempfile

import numpy as np
import torch
from rich.console import Console
from sklearn.datasets import load_diabetes

from _rows import surroundings, write_rows
from netwright.evaluate.decomposition import bias_variance_covariance
from netwright.workflow.fit import fit
from netwright.workflow.run import Run

DRAWS, MEMBERS, LEARNED = 10, 10, 150
CHANGES = [
    "model={name: mlp, hidden: [64, 64]}",
    "optimizer={name: adamw, learning_rate: 0.003, weight_decay: 0.0}",
    "training.epochs=60",
    "training.batch_size=32",
    "training.restore_best=false",
    "training.snapshot_every=0",
]


def predictions(x: np.ndarray, y: np.ndarray, *, test: np.ndarray, seed: int) -> torch.Tensor:
    """Of one network for the test examples."""
    with tempfile.TemporaryDirectory() as root:
        run = fit(
            {"train": (x, y)},
            changes=CHANGES,
            seed=seed,
            doctor=False,
            root=root,
            console=Console(file=io.StringIO()),
        )
        return run.predict(torch.from_numpy(test)).outputs.flatten()


def main() -> None:
    torch.set_num_threads(1)
    Run.report = lambda run: run.folder.name  # type: ignore[method-assign]
    x, y = (part.astype(np.float32) for part in load_diabetes(return_X_y=True))
    order = np.random.default_rng(0).permutation(len(x))
    pool, held_out = order[: len(x) // 2], order[len(x) // 2 :]
    truth, rows = torch.from_numpy(y[held_out]), []
    for design, own in (("their seeds", False), ("their seeds and examples", True)):
        answers = []
        for draw in range(DRAWS):
            drawn = np.random.default_rng(draw + 1)
            shared = drawn.choice(pool, LEARNED)
            each = []
            for member in range(MEMBERS):
                chosen = drawn.choice(pool, LEARNED) if own else shared
                seed = 1000 * draw + member
                each.append(predictions(x[chosen], y[chosen], test=x[held_out], seed=seed))
            answers.append(torch.stack(each))
        for count in (1, 2, 5, 10):
            rows.append(row(torch.stack(answers)[:, :count], truth, differ_by=design))
            print(rows[-1], flush=True)
    write_rows("ensemble_error", rows)


def row(stacked: torch.Tensor, truth: torch.Tensor, *, differ_by: str) -> dict[str, object]:
    """The split of one ensemble's error over the draws."""
    split = bias_variance_covariance(stacked, truth)
    return {
        "data": "diabetes",
        "differ_by": differ_by,
        "members": split.members,
        "error": f"{split.error:.0f}",
        "squared_bias": f"{split.squared_bias:.0f}",
        "variance": f"{split.variance:.0f}",
        "covariance": f"{split.covariance:.0f}",
        "sum": f"{split.total:.0f}",
        "gap": f"{abs(split.total - split.error):.0e}",
        "draws": DRAWS,
        "n": len(truth),
        **surroundings("torch", "netwright", "scikit-learn"),
    }


if __name__ == "__main__":
    main()
