"""Do promises hold on real data: sets, temperature, abstention, costs, folds?

    python benchmarks/reliability.py
    python benchmarks/reliability.py costs folds

Small networks, trained once a seed; what they did not learn from is divided at random into what is
calibrated on and what judges it, many times: coverage is promised as a mean over such divisions.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from _rows import surroundings, write_rows
from netwright.data.open import open_data
from netwright.evaluate.abstention import confidence, guaranteed_abstention, risk_coverage
from netwright.evaluate.calibration import Calibration, reliability
from netwright.evaluate.conformal import CLASS_SCORES, fit_conformal
from netwright.evaluate.costs import Costs, cost_metrics
from netwright.evaluate.temperature import fit_temperature, with_temperature
from netwright.metrics.base import Prediction
from netwright.workflow.cross_validation import cross_validate
from netwright.workflow.fit import fit
from netwright.workflow.run import Run

SEEDS, DIVISIONS = 3, 100
MLP = "model={name: mlp, hidden: [64]}"
SETTINGS = {
    "digits": (MLP, "training.epochs=20", "split.test=0.4"),
    "wine": ("training.epochs=40", "split.test=0.5"),
    "breast-cancer": ("training.epochs=40", "split.test=0.4", "split.val=0.2"),
    "diabetes, worst third": ("training.epochs=30", "split.test=0.5", "split.val=0.2"),
    "diabetes": ("training.epochs=30", "split.test=0.5"),
    "diabetes, quantiles": ("data.kind=quantiles", "training.epochs=30", "split.test=0.5"),
    "fashion-mnist": (MLP, "augment=[]", "training.epochs=15", "split.test=0.6"),
}
DEAR = {"breast-cancer": 10.0, "diabetes, worst third": 5.0}  # the first class missed is 1

Row = dict[str, object]


def trained(name: str, seed: int) -> Run:
    """A run of one of the sets; of the large one, 10,000 examples."""
    data: object = name.partition(",")[0]
    if name == "fashion-mnist":
        whole = open_data("fashion-mnist")
        chosen = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))[:10_000]
        data = (whole.samples.take(chosen), whole.target.values[chosen])
    if name == "diabetes, worst third":
        data = worst_third()
    return fit(data, changes=SETTINGS[name], seed=seed, root="runs")


def worst_third() -> tuple[Tensor, list[str]]:
    """Whose diabetes went on more than that of two thirds of the patients."""
    from sklearn.datasets import load_diabetes

    inputs, measured = map(torch.from_numpy, load_diabetes(return_X_y=True))
    ill = measured > measured.quantile(2 / 3)
    return inputs.float(), ["worst" if one else "milder" for one in ill.tolist()]


def held_out(run: Run, split: str = "test") -> tuple[Prediction, Tensor]:
    """What it answers for a split."""
    tensors = run.folder.read_tensors(f"evaluation/{split}.safetensors")
    probabilities = tensors.get("probabilities")
    return Prediction(outputs=tensors["outputs"], probabilities=probabilities), tensors["targets"]


def taken(prediction: Prediction, rows: Tensor) -> Prediction:
    """Some of the answers."""
    law = prediction.probabilities
    return Prediction(
        outputs=prediction.outputs[rows], probabilities=None if law is None else law[rows]
    )


def divisions(count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Halves, anew each time."""
    for seed in range(DIVISIONS):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        yield order[: count // 2], order[count // 2 :]


def promises(name: str) -> Iterator[Row]:
    """Coverage and size of sets or intervals; calibration before and after the temperature."""
    found: dict[tuple[str, str], list[float]] = {}
    counts = 0
    for seed in range(SEEDS):
        run = trained(name, seed)
        kind = run.state["target"]["kind"]
        prediction, targets = held_out(run)
        scores: Sequence[str] = CLASS_SCORES if prediction.probabilities is not None else ("lac",)
        counts = len(targets) // 2
        for own, other in divisions(len(targets)):
            known, truth = taken(prediction, own), targets[own]
            for score in scores:
                conformal = fit_conformal(known, truth, kind=kind, alpha=0.1, score=score)
                made = Calibration(
                    split="calibration",
                    n=len(own),
                    conformal=conformal,
                    temperature=fit_temperature(known, truth, kind=kind)
                    if prediction.probabilities is not None
                    else None,
                )
                holds = reliability(
                    taken(prediction, other), targets[other], kind=kind, calibration=made
                )
                told = (f"sets, {conformal.score}", "coverage")
                found.setdefault(told, []).append(holds["sets"]["coverage"]["value"])
                found.setdefault((told[0], "mean size"), []).append(holds["sets"]["size"])
                for when in ("before", "after") if "before" in holds and score == "lac" else ():
                    for figure, value in holds[when].items():
                        found.setdefault((f"{when} temperature", figure), []).append(value)
    yield from (row(name, *told, values, n=counts) for told, values in found.items())


def row(data: str, what: str, figure: str, values: Sequence[float], *, n: int) -> Row:
    """Mean and standard deviation over seeds and divisions."""
    return {
        "data": data,
        "what": what,
        "figure": figure,
        "mean": f"{statistics.mean(values):.4g}",
        "sd": f"{statistics.stdev(values):.3g}" if len(values) > 1 else "",
        "times": len(values),
        "n": n,
    }


def abstention(name: str, *, risk: float) -> Iterator[Row]:
    """How many are answered with a promise, and how often it is broken."""
    areas, wrong, answered, errors, broken = [], [], [], [], []
    for seed in range(SEEDS):
        prediction, targets = held_out(trained(name, seed))
        mistaken = prediction.outputs != targets
        sure = confidence(prediction)
        areas.append(risk_coverage(sure, mistaken, n_resamples=1).area.value)
        wrong.append(float(mistaken.double().mean()))
        for own, other in divisions(len(targets)):
            made = guaranteed_abstention(sure[own], mistaken[own], risk=risk)
            kept = sure[other] >= made.threshold
            answered.append(float(kept.double().mean()))
            errors.append(float(mistaken[other][kept].double().mean()))
            broken.append(float(errors[-1] > risk))
    what = f"at most {risk:.0%} wrong"
    count = len(targets) // 2
    for figure, values in (
        ("error without abstaining", wrong),
        ("area under risk over coverage", areas),
        ("answered", answered),
        ("wrong of the answered", errors),
        ("divisions with more wrong", broken),
    ):
        yield row(name, what, figure, values, n=count)


def costs() -> Iterator[Row]:
    """A missed illness costs several false alarms; with a temperature of the validation split too.

    Beside it what it costs to take everybody for ill, which asks for no network.
    """
    for data, dear in DEAR.items():
        found: dict[tuple[str, str], list[float]] = {}
        count = 0
        for seed in range(5):
            run = trained(data, seed)
            (well, ill), kind = run.state["target"]["names"], run.state["target"]["kind"]
            table = {well: {well: 0.0, ill: 1.0}, ill: {well: dear, ill: 0.0}}
            prediction, targets = held_out(run)
            temperature = fit_temperature(*held_out(run, "val"), kind=kind)
            calm = with_temperature(prediction, temperature, kind=kind)
            count = len(targets)
            told = f"costs {dear:g} to 1"
            for what, given in ((told, prediction), (f"{told}, calibrated", calm)):
                for name, metric in cost_metrics(Costs.of(table, names=(well, ill))).items():
                    metric.update(given, targets)
                    found.setdefault((what, name), []).append(metric.compute())
            alarms = float((targets == 0).double().mean())
            found.setdefault((told, "cost of all alarms"), []).append(alarms)
        for (what, name), values in found.items():
            yield row(data, what, name, values, n=count)


def folds() -> Iterator[Row]:
    """Cross-validations beside each other, each with its interval."""
    for name, metric, options in (
        ("wine", "accuracy", {"folds": 5, "repeats": 3}),
        ("diabetes", "root_mean_squared_error", {"folds": 5, "repeats": 2}),
    ):
        changes = SETTINGS[name][:-1] if name in SETTINGS else ("training.epochs=20",)
        found = cross_validate(name, changes=changes, root="runs", **options)
        one = found.figures[metric]
        what = ", ".join(f"{key} {value}" for key, value in options.items())
        values = [value for value in one.values if value is not None]
        yield row(name, what, metric, values, n=one.pooled.n if one.pooled else 0)
        for ends, kind in ((one.pooled, "together"), (one.corrected, "corrected")):
            if ends is not None:
                for end in ("low", "high"):
                    value = getattr(ends, end)
                    yield row(name, what, f"{metric}, {kind}, {end}", [value], n=len(values))


def promised() -> Iterator[Row]:
    """Of every set that has no costs."""
    for name in SETTINGS:
        if name not in DEAR:
            yield from promises(name)


def abstained() -> Iterator[Row]:
    """Of a small set and a larger one."""
    yield from abstention("digits", risk=0.05)
    yield from abstention("fashion-mnist", risk=0.1)


PARTS = {"promises": promised, "abstention": abstained, "costs": costs, "folds": folds}


if __name__ == "__main__":
    asked = sys.argv[1:] or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        began = time.process_time()
        rows = [one for part in asked for one in PARTS[part]()]
    around = surroundings("torch", "netwright")
    write_rows("reliability", [{**one, **around} for one in rows])
    print(f"{len(rows)} rows, {time.process_time() - began:.0f} s of one core")
