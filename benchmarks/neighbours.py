"""Nearest neighbours of features: do they show the same thing, and when does an index pay?

CIFAR-10 through ResNet-18 with ImageNet's weights (64×64, what goes into its last layer): the share
of the 10 nearest training pictures that are of the query's class, by cosine and by Euclidean
distance, beside those of the pixels and chance (0.1). Then processor milliseconds a query over the
number of pictures: ours (exact), scikit-learn's brute force on the same doubles, and the index with
the recall it measured, with what linking costs and after how many queries it is paid for.

`netwright data get cifar10 resnet18` brings what it reads; the extra `neighbours` the index.

    python benchmarks/neighbours.py           # ~2 minutes
    python benchmarks/neighbours.py --quick   # few pictures; nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.nn import functional as F

import netwright as nw
from _rows import bootstrap, surroundings, write_rows
from netwright.data import depot
from netwright.data.sources.idx import read_idx
from netwright.workflow.pretrained import pretrained

COUNT = 10


def pictures(split: str, n: int) -> tuple[Tensor, Tensor]:
    folder = depot.get("cifar10")
    raw = torch.from_numpy(read_idx(folder / f"{split}-images-idx4-ubyte.gz")[:n].copy())
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")[:n].astype("int64")
    channels_first = raw.permute(0, 3, 1, 2) if raw.shape[-1] == 3 else raw
    return channels_first.float() / 255, torch.from_numpy(labels)


def features(shown: Tensor) -> Tensor:
    net = pretrained("resnet18")

    def batches() -> Iterator[Tensor]:
        for part in shown.split(64):
            large = F.interpolate(part, (64, 64), mode="bilinear")
            yield (large - net.preprocess.mean) / net.preprocess.deviation

    return nw.explain.layer_features(net.model, batches())


def agreement(known: Tensor, labels: Tensor, asked: Tensor, truth: Tensor, metric: str) -> dict:
    found = nw.explain.nearest(known, asked, count=COUNT, metric=metric)
    same = (labels[found.index] == truth[:, None]).double().mean(1).tolist()
    mean, low, high = bootstrap(statistics.fmean, same, resamples=1000)
    return {"value": f"{mean:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}"}


def milliseconds(search: Callable[[], object], queries: int, *, rounds: int = 5) -> list[float]:
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        search()
        taken.append(1000 * (time.process_time() - begin) / queries)
    return taken


def speeds(known: Tensor, asked: Tensor) -> Iterator[dict]:
    begin = time.process_time()
    index = nw.explain.ApproximateNeighbours(known, metric="euclidean")
    linking = time.process_time() - begin
    found = index.nearest(asked, count=COUNT)
    brute = NearestNeighbors(n_neighbors=COUNT, algorithm="brute").fit(known.double().numpy())
    doubles = asked.double().numpy()
    exact = statistics.median(
        milliseconds(
            lambda: nw.explain.nearest(known, asked, count=COUNT, metric="euclidean"), len(asked)
        )
    )
    theirs = statistics.median(milliseconds(lambda: brute.kneighbors(doubles), len(asked)))
    searched = statistics.median(
        milliseconds(lambda: index._searched(asked, COUNT, found.effort), len(asked))
    )
    figures = {
        "exact, ms a query": exact,
        "scikit-learn, ms a query": theirs,
        "index, ms a query": searched,
        "index, recall measured": found.recall.value,
        "index, effort": float(found.effort),
        "linking, s": linking,
        "queries until the index pays": (
            1000 * linking / (exact - searched) if exact > searched else float("inf")
        ),
    }
    for what, value in figures.items():
        yield {"figure": what, "rows": len(known), "value": f"{value:.4g}", "low": "", "high": ""}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few pictures; nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    (shown, labels), (asked, truth) = (
        pictures("train", 1000 if quick else 16000),
        pictures("t10k", 50 if quick else 500),
    )
    known, queries = features(shown), features(asked)
    rows = []
    for kind, (own, theirs) in {
        "features": (known, queries),
        "pixels": (shown.flatten(1), asked.flatten(1)),
    }.items():
        for metric in ("cosine", "euclidean"):
            told = agreement(own, labels, theirs, truth, metric)
            rows.append(
                {"figure": f"same class among 10, {kind}, {metric}", "rows": len(own), **told}
            )
    for n in (1000,) if quick else (1000, 4000, 16000):
        rows += speeds(known[:n], queries)
    for row in rows:
        print(" ".join(f"{value!s:>40}" for value in row.values()))
    if not quick:
        around = surroundings("torch", "torchvision", "netwright", "scikit-learn", "faiss-cpu")
        print(write_rows("neighbours", [row | around for row in rows]))


if __name__ == "__main__":
    main()
