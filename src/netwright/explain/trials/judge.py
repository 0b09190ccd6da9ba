"""Which explanations of a model to trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool
from torch import Tensor, nn

from netwright._errors import NetwrightError, must_be
from netwright._statistics import Interval, bootstrap_weighted, resample_counts
from netwright.explain.catalogue import CATALOGUE
from netwright.explain.random_map import random_map
from netwright.explain.trials.judgement import Judged, Judgement, LeftOut
from netwright.explain.trials.method import Method, named_method
from netwright.explain.trials.trial import Data, Figures, Measured, Trial

__all__ = ["judge"]

_ALIKE = 0.71  # its square is a half: so much of the order of the pixels is the same
RULE = (
    "Below the line is what is no better than a random map (the interval above random reaches 0) "
    f"or does not react (alike to {_ALIKE} or more with half of the layers drawn anew, or for the "
    "twin); above it, the order is that of insertion less deletion. Intervals: 95 %, pictures "
    "drawn anew."
)


def judge(
    model: nn.Module,
    data: Data,
    *,
    methods: Sequence[Method] | None = None,
    twin: nn.Module | None = None,
    masks: Bool[Tensor, "n h w"] | None = None,
    count: int = 8,
    steps: int = 16,
    draws: int = 2,
    seconds: float = 120.0,
    seed: int = 0,
    batch_size: int = 32,
) -> Judgement:
    """Try every method on the same pictures, and rank what they give for this model.

    A method is below the line when its maps do no better than a random map in insertion and
    deletion, or when they stay alike though nothing is left of what told the classes apart,
    whatever else they score. The others are ranked by the area of insertion less that of deletion.
    Fragility and invariance to a shift are told beside, as they say when a map is to be doubted,
    not which is the better one.

    Args:
        model: any, in any mode; it is left as it was.
        data: pictures (n, c, h, w) or rows (n, d) as the model takes them, or a pair of them and
            the classes that are explained, see `explain.Target`; alone, the predicted classes are.
        methods: names of the catalogue or functions; None for all that give maps. What is not
            defined for the model is named with the reason. The random map and the plain gradient
            are always among them.
        twin: of the model, trained on shuffled labels, for `explain.label_randomisation`.
        masks: what is to be found on each picture of `data`, for the pointing game and overlap.
        count: so many pictures, two or more, drawn from the data; all where there are fewer.
        steps: of insertion and deletion.
        draws: random perturbations of each picture.
        seconds: a method that would take longer, by its time for one picture, is left out.
        seed: of all that is drawn.
        batch_size: pictures at a time.

    Raises:
        BadType: data that are no real numbers.
        BadValue: fewer than two pictures, masks that do not fit, or two functions of one name.
    """
    trial = Trial.of(
        model,
        data,
        masks=masks,
        twin=twin,
        count=count,
        steps=steps,
        draws=draws,
        seed=seed,
        batch_size=batch_size,
    )
    control = partial(random_map, seed=seed)
    found = {_RANDOM: trial.measured(_RANDOM, control, spent=trial.time_of(control))}
    left_out = []
    for name, function in _functions(methods).items():
        try:
            spent = trial.time_of(function)
            needed = trial.time_of_all(spent)
            if needed > seconds and name != _PLAIN:
                reason = f"would take {needed:.0f} s; allow it by seconds={needed * 1.2:.0f}."
                left_out.append(LeftOut(method=name, reason=reason))
            else:
                found[name] = trial.measured(name, function, spent=spent)
        except (NetwrightError, RuntimeError) as refusal:
            left_out.append(LeftOut(method=name, reason=f"{refusal}".partition("\n")[0]))
    rows = _ranked(found, seed=seed)
    return Judgement(rows=rows, left_out=tuple(left_out), count=len(trial.inputs), rule=RULE)


def _functions(methods: Sequence[Method] | None) -> dict[str, Callable[..., Tensor]]:
    """The methods by name, the plain gradient first; the random map is apart."""
    wanted: Sequence[Method] = (
        [entry.name for entry in CATALOGUE if entry.facts.get("gives") == "map"]
        if methods is None
        else methods
    )
    named: dict[str, Callable[..., Tensor]] = {}
    for name, function in map(named_method, (_PLAIN, *wanted)):
        if named.setdefault(name, function) is not function:
            fix = "Two functions of this name; give each its own, by def or __name__."
            raise must_be("methods", "told apart by their names", name, fix)
    return {name: function for name, function in named.items() if name != _RANDOM}


_RANDOM, _PLAIN = "random-map", "saliency"


def _ranked(found: Mapping[str, Measured], *, seed: int) -> tuple[Judged, ...]:
    """The rows in order: above the line by their gap, then the others by theirs."""
    rows = {name: _row(name, own, found, seed=seed) for name, own in found.items()}
    order = sorted(found, key=lambda name: -found[name].gap.mean())
    above = [name for name in order if not rows[name].fault]
    ranks = _ranks([found[name].gap for name in above], seed=seed)
    for name, rank in zip(above, ranks, strict=True):
        rows[name] = replace(rows[name], rank=rank)
    return tuple(rows[name] for name in (*above, *(name for name in order if name not in above)))


def _row(name: str, own: Measured, found: Mapping[str, Measured], *, seed: int) -> Judged:
    above_random = _interval(own.gap - found[_RANDOM].gap, seed)
    others = {kind: _interval(values, seed) for kind, values in own.others.items()}
    plain = found.get(_PLAIN)
    return Judged(
        method=name,
        rank=None,
        fault=_fault(name, above_random, others),
        insertion=_interval(own.insertion, seed),
        deletion=_interval(own.deletion, seed),
        above_random=above_random,
        above_gradient=_interval(own.gap - plain.gap, seed) if plain else None,
        randomised=others["randomised"],
        labels=others.get("labels"),
        overlap=others.get("overlap"),
        shift=others["shift"],
        completeness=others.get("completeness"),
        pointing=others.get("pointing"),
        within=others.get("within"),
        seconds=own.seconds,
    )


def _fault(name: str, above_random: Interval, others: Mapping[str, Interval]) -> str:
    if name == _RANDOM:
        return "the control, which knows nothing"
    if others["randomised"].value >= _ALIKE:
        return f"alike ({others['randomised'].value:.2f}) when half of the layers are drawn anew"
    if "labels" in others and others["labels"].value >= _ALIKE:
        return f"alike ({others['labels'].value:.2f}) for a twin that learned shuffled labels"
    if above_random.low <= 0:
        return "no better than a random map"
    return ""


def _ranks(gaps: Sequence[Figures], *, seed: int) -> list[Interval]:
    """The rank of each, and between what it lies when the pictures are drawn anew."""
    if not gaps:
        return []
    table = np.stack(gaps)
    drawn = np.concatenate(
        [
            (-(table @ counts)).argsort(0).argsort(0) + 1
            for counts in resample_counts(table.shape[1], n_resamples=1000, seed=seed)
        ],
        axis=1,
    )
    low, high = np.quantile(drawn, (0.025, 0.975), axis=1, method="nearest")
    return [
        Interval(value=place, low=float(low[row]), high=float(high[row]))
        for row, place in enumerate(range(1, len(gaps) + 1))
    ]


def _interval(values: Figures, seed: int) -> Interval:
    return bootstrap_weighted(
        lambda counts: np.asarray(values @ counts / counts.sum(0)), len(values), seed=seed
    )
