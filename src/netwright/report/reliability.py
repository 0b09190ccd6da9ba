"""How far a model's confidence goes: accuracy when it may abstain, and its calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from netwright.report.charts import Curve, line_chart
from netwright.report.contents import Contents
from netwright.report.numbers import figure, interval_of, split_in_words

__all__ = ["calibration_rows", "coverage_charts", "notes"]


def coverage_charts(contents: Contents) -> Iterator[dict[str, str]]:
    """Accuracy of the answered over the share that is answered, for the split that counts most."""
    judged = contents.judged or {}
    selective = judged.get("selective")
    if not isinstance(selective, Mapping) or len(selective.get("coverage", ())) < 2:
        return
    accuracy = [1 - risk for risk in selective["risk"]]
    name = split_in_words(judged.get("split"))
    area = selective["area"]
    title = f"Accuracy when it may abstain, {name}"
    below = f"share answered; area under the risk {figure(area['value'])}"
    curve = Curve(name="accuracy", x=selective["coverage"], y=accuracy)
    interval = interval_of(area)
    svg = line_chart([curve], x_label=f"{below} ({interval})" if interval else below, title=title)
    yield {"title": title, "svg": svg}


def notes(contents: Contents) -> list[str]:
    """What the figures say of each other."""
    return [str(note) for note in (contents.judged or {}).get("notes") or []]


def calibration_rows(contents: Contents) -> list[tuple[str, str]]:
    """Name and value of what was fitted, and of how it does on examples it has not seen."""
    found = contents.calibration
    if not found:
        return []
    rows = [("Fitted on", f"{split_in_words(found.get('split'))}, {found.get('n')} examples")]
    if found.get("temperature") is not None:
        rows.append(("Temperature", figure(found["temperature"])))
    abstention = found.get("abstention")
    if abstention:
        promise = (
            f"at most {figure(abstention['risk'], name='error rate')} wrong with probability "
            f"{figure(1 - abstention['delta'])}"
        )
        rows.append(
            ("Answers from a confidence of", f"{figure(abstention['threshold'])}: {promise}")
        )
    for split, holds in (found.get("judged") or {}).items():
        rows += _holds(holds, split=split_in_words(split))
    return rows + [("Note", str(note)) for note in found.get("notes") or []]


def _holds(holds: Mapping[str, Any], *, split: str) -> Iterator[tuple[str, str]]:
    for name, before in (holds.get("before") or {}).items():
        after = holds["after"][name]
        yield (
            f"{name.replace('_', ' ')}, {split}",
            f"{figure(before)} before, {figure(after)} after",
        )
    sets = holds.get("sets")
    if sets:
        share = f"{figure(sets['coverage']['value'], name='coverage')}"
        interval = interval_of(sets["coverage"], name="coverage")
        asked = figure(sets["asked"], name="coverage")
        yield (
            f"Sets hold the truth, {split}",
            f"{share} (95 % interval {interval}), {asked} asked; mean size {figure(sets['size'])}",
        )
    answered = holds.get("answered")
    if answered and answered["wrong"]:
        wrong = answered["wrong"]
        yield (
            f"Answered, {split}",
            f"{figure(answered['share'], name='coverage')}, of which "
            f"{figure(wrong['value'], name='error rate')} are wrong (95 % interval "
            f"{interval_of(wrong, name='error rate')})",
        )
