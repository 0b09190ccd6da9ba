"""Which curves a run has, from loss to gradient norm, and the cloud of a regression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netwright.report.charts import Curve, line_chart, scatter_chart
from netwright.report.contents import Contents
from netwright.report.numbers import split_in_words

__all__ = ["learning_charts", "prediction_charts"]

Event = Mapping[str, Any]

MOST_CHARTS = 4  # of one kind; more tell less
MOST_CURVES = 4  # of a chart, which has so many colours
NAMED_CLASSES = ("binary", "classes", "ordinal", "multi-label")


def learning_charts(contents: Contents) -> list[dict[str, str]]:
    """What was measured while learning, as {title, svg}: loss, metrics, how the steps went."""
    return [*_losses(contents), *_metrics(contents), *_steps(contents)]


def _losses(contents: Contents) -> Iterator[dict[str, str]]:
    steps = contents.of("step")
    validation = _validation_loss(contents)
    losses = [*_by_phase(steps, lambda event: event.get("loss")), *validation]
    if losses:
        yield _chart("Loss", losses, log_scale=True, mark=_best(contents, "step"))
    terms = _of_mappings(steps, "terms")
    if len(terms) > 1:
        for title, curves in _terms_apart(terms):
            drawn = curves[:MOST_CURVES]
            of = f", {len(drawn)} of {len(curves)}" if len(drawn) < len(curves) else ""
            yield _chart(title + of, drawn)


def _terms_apart(terms: Sequence[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    """Those that are losses, then what is told of each as kind/term, which has another scale."""
    names = {curve.name for curve in terms}
    kinds: dict[str, list[Curve]] = {"Terms of the loss": []}
    for curve in terms:
        kind, _, of = curve.name.partition("/")
        is_told = of in names
        title = kind.replace("_", " ").capitalize() if is_told else "Terms of the loss"
        kinds.setdefault(title, []).append(replace(curve, name=of) if is_told else curve)
    yield from kinds.items()


def _steps(contents: Contents) -> Iterator[dict[str, str]]:
    steps = contents.of("step")
    rates = _of_mappings(steps, "learning_rate") or _by_phase(
        steps, lambda event: event.get("learning_rate")
    )
    if rates:
        calm = [Curve(name=c.name, x=c.x, y=c.y) for c in rates]
        yield _chart("Learning rate", calm[:MOST_CURVES])
    norms = _by_phase(steps, lambda event: event.get("gradient_norm"))
    if norms:
        yield _chart("Gradient norm", norms[:MOST_CURVES], log_scale=True)


def _metrics(contents: Contents) -> Iterator[dict[str, str]]:
    """Each validation metric over the epochs."""
    validations = [e for e in contents.of("validation") if isinstance(e.get("metrics"), Mapping)]
    names = dict.fromkeys(name for event in validations for name in event["metrics"])
    several = bool(contents.stages)  # each counts its epochs from 1
    for name in _worth_a_chart([name for name in names if name != "loss"]):
        points = [
            (
                contents.epochs_at(event["step"]) if several else event.get("epoch", place),
                event["metrics"][name],
            )
            for place, event in enumerate(validations)
            if name in event["metrics"]
        ]
        curve = _curve("validation", points, is_noisy=False)
        title = f"Validation: {name.replace('_', ' ')}"
        yield _chart(title, [curve], x_label="epoch", mark=_best(contents, "epoch"))


def _worth_a_chart(names: Sequence[str]) -> list[str]:
    """What the run is selected by, then losses, which tell overfitting first, then the rest."""
    rest = sorted(names[1:], key=lambda name: "loss" not in name)
    return [*names[:1], *rest][:MOST_CHARTS]


def prediction_charts(contents: Contents) -> Iterator[dict[str, str]]:
    """Predicted against true numbers, a cloud for each target column."""
    kind = (contents.data.get("target") or {}).get("kind")
    for split, evaluation in contents.evaluations.items():
        if kind in NAMED_CLASSES or evaluation.get("confusion"):
            return
        judged = contents.arrays(split)
        if "outputs" not in judged or "targets" not in judged:
            continue
        true = judged["targets"].reshape(len(judged["targets"]), -1)
        predicted = judged["outputs"].reshape(len(judged["outputs"]), -1)
        if true.shape != predicted.shape or not len(true):
            continue
        names = evaluation.get("names") or (contents.data.get("target") or {}).get("names") or []
        for column in range(min(true.shape[1], MOST_CHARTS)):
            name = str(names[column]) if column < len(names) else f"target {column + 1}"
            title = f"{name}, predicted and true, {split_in_words(split)}"
            svg = scatter_chart(
                true[:, column].astype(float), predicted[:, column].astype(float), title=title
            )
            yield {"title": title, "svg": svg}
        return


def _chart(
    title: str,
    curves: Sequence[Curve],
    *,
    x_label: str = "step",
    log_scale: bool = False,
    mark: tuple[float, str] | None = None,
) -> dict[str, str]:
    svg = line_chart(curves, x_label=x_label, log_scale=log_scale, mark=mark, title=title)
    return {"title": title, "svg": svg}


def _by_phase(steps: Sequence[Event], value: Callable[[Event], Any]) -> list[Curve]:
    """A curve for each phase, where there is something to draw."""
    points: dict[str, list[tuple[int, Any]]] = {}
    for event in steps:
        measured = value(event)
        if isinstance(measured, (int, float)):
            points.setdefault(str(event.get("phase", "main")), []).append((event["step"], measured))
    alone = len(points) == 1
    return [_curve("training" if alone else name, found) for name, found in points.items()][
        :MOST_CURVES
    ]


def _of_mappings(steps: Sequence[Event], field: str) -> list[Curve]:
    """A curve for each name in a field that holds a mapping of numbers."""
    points: dict[str, list[tuple[int, Any]]] = {}
    for event in steps:
        measured = event.get(field)
        if isinstance(measured, Mapping):
            for name, value in measured.items():
                points.setdefault(str(name), []).append((event["step"], value))
    return [_curve(name, found) for name, found in points.items()]


def _validation_loss(contents: Contents) -> list[Curve]:
    points = [
        (event["step"], event["metrics"]["loss"])
        for event in contents.of("validation")
        if isinstance(event.get("metrics"), Mapping) and "loss" in event["metrics"]
    ]
    return [_curve("validation", points, is_noisy=False)] if points else []


def _curve(name: str, points: Sequence[tuple[Any, Any]], *, is_noisy: bool = True) -> Curve:
    x, y = zip(*points, strict=True)
    return Curve(name=name, x=x, y=y, is_noisy=is_noisy)


def _best(contents: Contents, unit: str) -> tuple[float, str] | None:
    best = (contents.ended or {}).get("best")
    if not isinstance(best, Mapping):
        return None
    place = best.get(unit)
    if unit == "epoch" and "step" in best and contents.stages:
        place = contents.epochs_at(best["step"] - 1)
    return (place, "best") if isinstance(place, (int, float)) else None
