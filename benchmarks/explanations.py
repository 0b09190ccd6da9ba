"""Do maps show what lies where the evidence must be, and how far are they to be trusted?

Every method of the catalogue that gives maps, on two kinds of pictures of which is known where
something lies (`_explained.py` says what they are and what was trained): the lungs of chest X-rays,
and cells under the microscope. Three networks each; every picture is explained by one of them, for
the class it predicts. Beside them what every map has to beat: random numbers, a blob in the middle
that looks at nothing, and the mean of all the other masks.

Lungs are no ground truth of what a network looks at: it may go by the borders, by a letter, by the
heart. A map that shows that would be right and score badly, so deletion and insertion stand beside.

    python benchmarks/explanations.py           # ~12 minutes
    python benchmarks/explanations.py --quick   # a few pictures, nothing is written
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from _explained import STUDIES, Study
from _rows import bootstrap, surroundings, write_rows
from netwright._errors import BadValue
from netwright.explain import deletion, insertion, label_randomisation, mask_overlap, pointing_game
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.inside.maps import over_colours

Method = Callable[..., Tensor]

SEEDS = 3
SLOW = 0.15  # seconds a picture: what takes longer is asked for FEW pictures
FEW = 30  # for slow methods, for curves and for the twin
AT_ONCE = 15
STEPS = 10
FRAME = 0.1  # of a side: what counts as border
BETTER = {
    "pointing": "higher",
    "energy": "higher",
    "precision_recall": "higher",
    "border": "lower",
    "deletion": "lower",
    "insertion": "higher",
    "twin": "lower",
}


def centre(model: nn.Module, inputs: Tensor, *, target: object = None) -> Tensor:
    """A blob in the middle, whatever the picture is."""
    height, width = inputs.shape[-2:]
    rows, columns = torch.linspace(-2, 2, height), torch.linspace(-2, 2, width)
    blob = (-(rows[:, None] ** 2 + columns**2) / 2).exp()
    return blob.expand(len(inputs), -1, -1)


def contestants() -> dict[str, Method]:
    """By name; the two that look at nothing come first."""
    methods = {entry.name: entry.load() for entry in CATALOGUE if entry.facts.get("gives") == "map"}
    return {"random-map": methods.pop("random-map"), "centre": centre, **methods}


def judged(study: Study, *, few: int) -> list[dict[str, object]]:
    """A row for every method and measure."""
    found: dict[str, dict[str, list[float]]] = {}
    costs: dict[str, float] = {}
    for name, method in contestants().items():
        try:
            costs[name], maps, of = explained(study, method, few=few)
        except BadValue as refusal:  # attention, in networks without
            print(f"{name:>22} {refusal}", flush=True)
            continue
        found[name] = scores(study, maps, of) | curves(study, maps, of, few=few)
        if name not in ("random-map", "centre"):
            found[name]["twin"] = likeness_to_twin(study, method, few=few // SEEDS)
        shown = ", ".join(f"{key} {statistics.mean(own):.3f}" for key, own in found[name].items())
        print(f"{name:>22} {1000 * costs[name]:6.0f} ms  n {len(of):3}  {shown}", flush=True)
    everything = torch.arange(len(study.masks))
    found["mean-mask"] = scores(study, mean_of_others(study.masks), everything)
    costs["mean-mask"] = 0.0
    return [
        row(name, measure, own, found=found) | {"milliseconds": f"{1000 * costs[name]:.1f}"}
        for name, measures in found.items()
        for measure, own in measures.items()
    ]


def explained(study: Study, method: Method, *, few: int) -> tuple[float, Tensor, Tensor]:
    """Processor seconds a picture, the maps, and which pictures they are of."""
    begin = time.process_time()
    method(study.nets[0], study.pictures[:2])
    seconds = (time.process_time() - begin) / 2
    count = len(study.pictures)
    of = torch.arange(count) if seconds <= SLOW else spread(count, few)
    begin = time.process_time()
    maps = torch.empty(len(of), *study.masks.shape[1:])
    for number, net in enumerate(study.nets):
        own = (of % len(study.nets) == number).nonzero()[:, 0]
        for places in own.split(AT_ONCE):
            maps[places] = over_colours(method(net, study.pictures[of[places]]))
    return (time.process_time() - begin) / len(of), maps, of


def spread(count: int, few: int) -> Tensor:
    """`few` pictures from all over the set, as many of each network."""
    blocks = max(1, min(few, count) // SEEDS)
    starts = torch.linspace(0, count // SEEDS - 1, blocks).long() * SEEDS
    return (starts[:, None] + torch.arange(SEEDS)).flatten()


def scores(study: Study, maps: Tensor, of: Tensor) -> dict[str, list[float]]:
    """Beside the masks, picture by picture."""
    masks = study.masks[of]
    overlap = mask_overlap(maps, masks)
    positive = maps.clamp_min(0)
    mass = positive.sum((1, 2))
    even = mass == 0
    positive[even], mass[even] = 1.0, float(positive[0].numel())
    return {
        "pointing": pointing_game(maps, masks, tolerance=0).hits.tolist(),
        "energy": overlap.energy.tolist(),
        "precision_recall": overlap.precision_recall.tolist(),
        "border": ((positive * frame(maps)).sum((1, 2)) / mass).tolist(),
    }


def frame(maps: Tensor) -> Tensor:
    """Ones within a tenth of a side of the border."""
    ring = torch.ones(maps.shape[1:])
    wide = round(FRAME * ring.shape[0])
    ring[wide:-wide, wide:-wide] = 0
    return ring


def mean_of_others(masks: Tensor) -> Tensor:
    """For each picture the mean of all masks but its own."""
    values = masks.float()
    return (values.sum(0) - values) / (len(values) - 1)


def curves(study: Study, maps: Tensor, of: Tensor, *, few: int) -> dict[str, list[float]]:
    """Areas under the probability of the predicted class while pixels go and come."""
    places = spread(len(study.pictures), few)
    at = torch.isin(of, places).nonzero()[:, 0]
    areas: dict[str, Tensor] = {name: torch.empty(len(at)) for name in ("deletion", "insertion")}
    for number, net in enumerate(study.nets):
        mine = (of[at] % len(study.nets) == number).nonzero()[:, 0]
        asked = {"maps": maps[at[mine]], "steps": STEPS}
        pictures = study.pictures[of[at[mine]]]
        areas["deletion"][mine] = deletion(net, pictures, **asked).areas
        areas["insertion"][mine] = insertion(net, pictures, **asked).areas
    return {name: own.tolist() for name, own in areas.items()}


def likeness_to_twin(study: Study, method: Method, *, few: int) -> list[float]:
    """Rank correlation with the maps of the network that learned shuffled labels."""
    pictures = study.pictures[spread(len(study.pictures), few * SEEDS)[::SEEDS]]
    found = label_randomisation(study.nets[0], pictures, twin=study.twin, method=method)
    return found.highest.tolist()


def row(
    name: str, measure: str, own: Sequence[float], *, found: dict[str, dict[str, list[float]]]
) -> dict[str, object]:
    """The mean with its interval, and its lead over what looks at nothing, picture by picture."""
    value, low, high = bootstrap(statistics.fmean, own, resamples=1000)
    made: dict[str, object] = {
        "method": name,
        "measure": measure,
        "better": BETTER[measure],
        "n": len(own),
        "value": f"{value:.4f}",
        "low": f"{low:.4f}",
        "high": f"{high:.4f}",
    }
    for rival in ("random-map", "centre"):
        lead = ("", "", "")
        theirs = found[rival].get(measure)
        if theirs is not None and rival != name:
            lead = leading(own, theirs, sign=1 if BETTER[measure] == "higher" else -1)
        key = f"over_{rival.partition('-')[0]}"
        made |= {key: lead[0], f"{key}_low": lead[1], f"{key}_high": lead[2]}
    return made


def leading(own: Sequence[float], theirs: Sequence[float], *, sign: int) -> tuple[str, str, str]:
    """By how much better, on the same pictures."""
    count = len(theirs)
    places = range(count) if len(own) == count else spread(count, len(own)).tolist()
    pairs = list(zip(own, [theirs[place] for place in places], strict=True))
    found = bootstrap(
        lambda drawn: sign * statistics.fmean(a - b for a, b in drawn), pairs, resamples=1000
    )
    return tuple(f"{value:.4f}" for value in found)


def about(study: Study) -> dict[str, object]:
    """How right the explained networks are, and what the twin learned."""
    values, lows, highs = zip(*study.accuracies, strict=True)
    return {
        "nets": len(study.nets),
        "accuracy": f"{statistics.fmean(values):.4f}",
        "accuracy_low": f"{min(lows):.4f}",
        "accuracy_high": f"{max(highs):.4f}",
        "n_test": study.n_test,
        "twin_loss": f"{study.twin_loss:.3f}",
        "marked": f"{study.masks.float().mean():.4f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few pictures, nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = []
    for name, make in STUDIES.items():
        study = make(seeds=SEEDS, quick=quick)
        print(name, about(study), flush=True)
        found = judged(study, few=6 if quick else FEW)
        rows += [{"study": name, **one, **about(study)} for one in found]
    if not quick:
        around = surroundings("torch", "torchvision", "netwright")
        print(write_rows("explanations", [one | around for one in rows]))


if __name__ == "__main__":
    main()
