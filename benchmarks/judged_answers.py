"""What do the metrics say of real answers, and of a rival that does not look?

The metrics judge here what is no method of ours yet: Otsu's threshold on microscope pictures, and
what hangs together in it as cells; letters foretold from the two before them; verses put into
another language word by word; classes by scikit-learn. Three cuts of each set. What is shown is
that a metric tells such an answer from a trivial one, not that the answers are good.

    python benchmarks/judged_answers.py          # about a minute on one core
    python benchmarks/judged_answers.py Dice     # those whose row holds the word; written too
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.naive_bayes import GaussianNB
from torch import Tensor

from _rows import surroundings, write_rows
from netwright.data.depot import get
from netwright.metrics.base import Metric, Prediction
from netwright.metrics.catalogue import CATALOGUE
from netwright.metrics.chosen import create

SEEDS = 3
Judged = tuple[Prediction, Prediction, object, int]
"""Answers, those of the rival, the truth, and how many examples."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One row of the results.

    Attributes:
        row: name in docs/coverage.toml.
        data: where the truth is from.
        metric: name and options.
        answered: how the answers were made.
        rival: how those of the rival were.
        cut: seed → answers and truth.
    """

    row: str
    data: str
    metric: tuple[str, dict[str, object]]
    answered: str
    rival: str
    cut: Callable[[int], Judged]


# --- cells ----------------------------------------------------------------------------------------


@cache
def cells() -> list[tuple[np.ndarray, np.ndarray]]:
    """Grey pictures and the number of the cell at each pixel, 0 where there is none."""
    root = get("cells")
    pairs = []
    for mask in sorted((root / "masks").rglob("*.png")):
        picture = root / "images" / mask.relative_to(root / "masks")
        grey = np.asarray(Image.open(picture).convert("L"), dtype=np.float64)
        pairs.append((grey[:350, :350], np.asarray(Image.open(mask)).astype(np.int64)[:350, :350]))
    return pairs


def otsu(grey: np.ndarray) -> np.ndarray:
    """True on the brighter or the darker side of Otsu's threshold: on that which has less."""
    counts = np.bincount(grey.astype(int).ravel(), minlength=256).astype(float)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = (sums[-1] * below / below[-1] - sums) ** 2 / (below * (below[-1] - below))
    bright = grey > np.nanargmax(apart)
    return bright if bright.mean() < 0.5 else ~bright


@cache
def threshold_cells() -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and answer of every picture, as numbers of cells."""
    found = []
    for grey, truth in cells():
        inside = ndimage.binary_opening(otsu(ndimage.gaussian_filter(grey, 1)), iterations=2)
        found.append((truth, ndimage.label(inside)[0]))
    return found


def some(seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every third picture: the cuts share none."""
    return threshold_cells()[seed::SEEDS]


def stacked(pictures: list[np.ndarray]) -> Tensor:
    """One tensor, smaller pictures filled up with what does not count."""
    full = [np.pad(p, [(0, 350 - side) for side in p.shape], constant_values=-1) for p in pictures]
    return torch.from_numpy(np.stack(full))


def cut_masks(seed: int) -> Judged:
    pairs = some(seed)
    truth = stacked([np.minimum(mask, 1) for mask, _ in pairs])
    answer = stacked([np.minimum(cells_, 1) for _, cells_ in pairs])
    return answers(answer), answers(torch.zeros_like(answer)), truth, len(pairs)


def cut_segments(seed: int) -> Judged:
    pairs = some(seed)

    def planes(numbers: Tensor) -> Tensor:
        return torch.stack([numbers.clamp(max=1), numbers.clamp(min=0)], dim=1)

    truth, answer = (planes(stacked(list(side))) for side in zip(*pairs, strict=True))
    return answers(answer), answers(torch.zeros_like(answer)), truth, len(pairs)


def cut_boxes(seed: int) -> Judged:
    pairs = some(seed)
    truth = [objects(mask) for mask, _ in pairs]
    whole = [objects(np.ones_like(mask)) for mask, _ in pairs]
    return (
        answers([objects(answer) for _, answer in pairs]),
        answers(whole),
        truth,
        len(pairs),
    )


def objects(numbers: np.ndarray) -> dict[str, Tensor]:
    """The box of each number; the larger, the surer."""
    slices = [one for one in ndimage.find_objects(numbers) if one is not None]
    boxes = [[x.start, y.start, x.stop, y.stop] for y, x in slices]
    tensor = torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)
    areas = (tensor[:, 2] - tensor[:, 0]) * (tensor[:, 3] - tensor[:, 1])
    labels = torch.zeros(len(boxes), dtype=torch.long)
    return {"boxes": tensor, "labels": labels, "scores": areas / numbers.size}


# --- texts ----------------------------------------------------------------------------------------


def cut_letters(seed: int) -> Judged:
    """Letters by how often they follow the two before them, of one book from another's."""
    books = ("austen-emma.txt", "carroll-alice.txt", "melville-moby_dick.txt")
    learned, held = (
        (get("gutenberg") / books[(seed + step) % 3]).read_text(encoding="utf-8") for step in (0, 1)
    )
    letters = {letter: place for place, letter in enumerate(sorted({*learned, *held}))}
    text, other = (
        torch.tensor([letters[letter] for letter in part[:200_000]]) for part in (learned, held)
    )
    size = len(letters)
    alone = text.bincount(minlength=size) + 1.0
    pairs, triples = torch.zeros(size, size), torch.zeros(size**2, size)
    seen = torch.tensor(1.0)
    pairs.index_put_((text[:-1], text[1:]), seen, accumulate=True)
    triples.index_put_((text[:-2] * size + text[1:-1], text[2:]), seen, accumulate=True)
    one = alone / alone.sum()
    two = (pairs + 2 * one) / (pairs.sum(1, keepdim=True) + 2)
    other = other[:60_000].reshape(60, 1000)
    before, last, wanted = other[:, :-2], other[:, 1:-1], other[:, 2:]
    counts = triples[before * size + last]
    three = (counts + 4 * two[last]) / (counts.sum(2, keepdim=True) + 4)
    return (
        Prediction(outputs=None, probabilities=three),
        Prediction(outputs=None, probabilities=one.expand_as(three)),
        wanted,
        len(wanted),
    )


def cut_verses(seed: int) -> Judged:
    """Each English word as the Portuguese one it stands beside most; the rival leaves it."""
    lines = (get("bible") / "en-pt.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.lower().split("\t")[1:3] for line in lines if line.count("\t") == 2]
    drawn = np.random.default_rng(seed).permutation(len(pairs))
    together: dict[str, Counter[str]] = defaultdict(Counter)
    often: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for place in drawn[:8000]:
        english, other = (set(text.split()) for text in pairs[place])
        often[0].update(english)
        often[1].update(other)
        for word in english:
            together[word].update(other)
    dictionary = {
        word: max(beside, key=lambda o: beside[o] / (often[0][word] + often[1][o]))
        for word, beside in together.items()
    }
    held = [pairs[place] for place in drawn[8000:8500]]
    put = [" ".join(dictionary.get(word, word) for word in english.split()) for english, _ in held]
    return (
        answers(put),
        answers([english for english, _ in held]),
        [other for _, other in held],
        len(held),
    )


# --- classes --------------------------------------------------------------------------------------


def cut_classes(load: Callable[..., object]) -> Callable[[int], Judged]:
    """Naive Bayes on half of a set; the rival knows how often each class occurs."""

    def cut(seed: int) -> Judged:
        inputs, targets = load(return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(targets))
        learn, held = np.array_split(order, 2)
        made = GaussianNB(var_smoothing=1e-2).fit(inputs[learn], targets[learn])
        shares = torch.from_numpy(made.predict_proba(inputs[held]))
        prior = torch.from_numpy(made.class_prior_).expand_as(shares)
        truth = torch.from_numpy(targets[held]).long()
        return shared(shares), shared(prior), truth, len(held)

    return cut


def shared(shares: Tensor) -> Prediction:
    return Prediction(outputs=shares.argmax(1), probabilities=shares)


def answers(outputs: object) -> Prediction:
    return Prediction(outputs=outputs)


# --- rows -----------------------------------------------------------------------------------------

_BAYES = "naive Bayes of scikit-learn on half of the set"
_OTSU = "Otsu's threshold, opened twice; what hangs together is a cell"


def questions() -> Iterator[Question]:
    """Every metric whose rows ask for answers."""
    masks = {"ignore_index": -1}
    for row, metric, options, cut in (
        ("pixel accuracy", "pixel_accuracy", masks, cut_masks),
        ("IoU of masks", "mean_iou", masks, cut_masks),
        ("IoU of masks", "class_iou", masks, cut_masks),
        ("Dice", "class_dice", masks, cut_masks),
        ("panoptic quality", "panoptic_quality", {**masks, "stuff": (0,)}, cut_segments),
    ):
        yield Question(
            row=row,
            data="cells",
            metric=(metric, options),
            answered=_OTSU,
            rival="background everywhere",
            cut=cut,
        )
    for metric, options in (
        ("box_average_precision", {"ious": (0.5,), "most": 500}),
        ("voc_average_precision", {}),
    ):
        yield Question(
            row="mAP of rankings and boxes",
            data="cells",
            metric=(metric, options),
            answered=_OTSU,
            rival="one box around the picture",
            cut=cut_boxes,
        )
    yield Question(
        row="perplexity",
        data="gutenberg",
        metric=("perplexity", {}),
        answered="a letter by the two before it, counted in another book",
        rival="how often letters occur",
        cut=cut_letters,
    )
    yield Question(
        row="BLEU",
        data="bible",
        metric=("bleu", {}),
        answered="word by word, by the word that each stands beside most",
        rival="the English itself",
        cut=cut_verses,
    )
    for row, metric, load, rival in (
        ("top-N error", "top_3_error", load_digits, "the three commonest classes"),
        ("ROC curve", "roc_auc", load_breast_cancer, "one score for all"),
        ("precision-recall curve", "average_precision", load_breast_cancer, "one score for all"),
    ):
        yield Question(
            row=row,
            data="digits" if load is load_digits else "breast-cancer",
            metric=(metric, {}),
            answered=_BAYES,
            rival=rival,
            cut=cut_classes(load),
        )


KINDS = {"masks", "objects", "things and stuff", "tokens", "texts", "classes"}


def judged(metric: tuple[str, dict[str, object]], prediction: Prediction, truth: object) -> float:
    """The figure of some answers."""
    name, options = metric
    plain = "top_error" if name.startswith("top_") else name
    kind = next(one for one in CATALOGUE.entry(plain).facts["judges"] if one in KINDS)
    shares = prediction.probabilities
    count = 2 if shares is None else shares.shape[-1]
    made: Metric = create(name, kind=kind, names=tuple(map(str, range(count))), **options)
    made.update(prediction, truth)
    return made.compute()


def measured(question: Question) -> dict[str, object]:
    """One row of figures, in the form of techniques.csv."""
    start, ours, rivals, count = time.process_time(), [], [], 0
    for seed in range(SEEDS):
        prediction, rival, truth, n = question.cut(seed)
        ours.append(judged(question.metric, prediction, truth))
        rivals.append(judged(question.metric, rival, truth))
        count += n
    name, options = question.metric
    lower = name in {"perplexity", "top_3_error"}
    gains = [b - a if lower else a - b for a, b in zip(ours, rivals, strict=True)]
    told = f" {options}" if options else ""
    return {
        "row": question.row,
        "data": question.data,
        "metric": name,
        "better": "lower" if lower else "higher",
        **_spread("", ours),
        "rival": question.rival,
        **_spread("rival_", rivals),
        "seeds": SEEDS,
        "n": count,
        "wins": sum(gain > 0 for gain in gains),
        "passes": "yes" if min(gains) > 0 else "no",
        "cpu_seconds": f"{time.process_time() - start:.1f}",
        "setting": f"{question.answered}{told}",
    }


def _spread(prefix: str, figures: list[float]) -> dict[str, str]:
    told = (statistics.mean(figures), min(figures), max(figures))
    named = zip(("mean", "low", "high"), told, strict=True)
    return {f"{prefix}{name}": "nan" if math.isnan(one) else f"{one:.4g}" for name, one in named}


def main() -> None:
    """Measure what holds the word, and write it down."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("word", nargs="?", default="")
    word = asked.parse_args().word.lower()
    rows = [measured(one) for one in questions() if word in one.row.lower()]
    made_with = surroundings("torch", "netwright", "torchvision", "timm", "scikit-learn")
    for row in rows:
        print(
            f"{row['row']:<28}{row['metric']:<24}{row['mean']:>8} [{row['low']}, {row['high']}]  "
            f"rival {row['rival_mean']}  {row['passes']}  {row['cpu_seconds']} s"
        )
    write_rows("techniques", [row | made_with for row in rows])


if __name__ == "__main__":
    main()
