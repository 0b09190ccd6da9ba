"""The first lines of a report: what came out, how sure that is, how and when the run ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright.report.contents import Contents
from netwright.report.numbers import count, duration, figure, interval_of, split_in_words

__all__ = ["fact_tiles", "verdict"]


def verdict(contents: Contents) -> dict[str, Any]:
    """The headline: what came out, on what, and how the run ended.

    Returns:
        {value, metric, interval, split, n, state, is_whole}.
    """
    judged = contents.judged
    said: dict[str, Any] = {"state": _state(contents), "is_whole": contents.ended is not None}
    if judged and judged.get("metrics"):
        metric, found = next(iter(judged["metrics"].items()))
        return said | {
            "metric": metric.replace("_", " "),
            "value": figure(found.get("value"), name=metric),
            "interval": interval_of(found, name=metric),
            "split": split_in_words(judged.get("split")),
            "n": count(found.get("n") or judged.get("n") or 0),
        }
    validations = contents.of("validation")
    if validations and validations[-1].get("metrics"):
        metric, value = next(iter(validations[-1]["metrics"].items()))
        return said | {
            "metric": metric.replace("_", " "),
            "value": figure(value, name=metric),
            "interval": None,
            "split": f"validation, after epoch {validations[-1].get('epoch', '?')}",
            "n": None,
        }
    return said


def _state(contents: Contents) -> str:
    ended, step = contents.ended, contents.last_step
    if ended is not None and _is_of_runs(contents):
        return f"{len(contents.members['members'])} trained networks answer together."
    if ended is not None:
        return f"Ended at step {count(ended['step'])}: {ended.get('reason', 'no reason recorded')}."
    if step is None:
        return "Nothing is recorded yet."
    return (
        f"No end is recorded: the run is under way, or it was killed. "
        f"What follows is what was known at step {count(step)}."
    )


def fact_tiles(contents: Contents) -> list[tuple[str, str]]:
    """The few figures that say how large and how long the run was."""
    if _is_of_runs(contents):
        return [("members", count(len(contents.members["members"])))]
    epochs = contents.of("epoch")
    seconds = [e["clock"]["seconds"] for e in epochs if "seconds" in e.get("clock", {})]
    speeds = [
        e["clock"]["examples_per_second"]
        for e in epochs
        if "examples_per_second" in e.get("clock", {})
    ]
    total = (contents.ended or {}).get("clock", {}).get("seconds", sum(seconds) or None)
    best = (contents.ended or {}).get("best")
    rows = [
        ("stages", ", ".join(dict.fromkeys(str(e["stage"]) for e in contents.stages)) or None),
        ("epochs", count(len(epochs)) if epochs else None),
        ("steps", None if contents.last_step is None else count(contents.last_step + 1)),
        ("time", duration(total) if total is not None else None),
        ("an epoch", duration(_median(seconds)) if seconds else None),
        ("examples a second", count(_median(speeds)) if speeds else None),
        ("best at", _best(best, contents)),
        ("weights at 0", _share((contents.ended or {}).get("zeros"))),
        ("attempts", count(contents.attempts) if contents.attempts > 1 else None),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _is_of_runs(contents: Contents) -> bool:
    """Whether it is an ensemble that took no steps itself."""
    return bool(contents.members.get("members")) and not contents.of("epoch")


def _best(best: Any, contents: Contents) -> str | None:
    if not isinstance(best, Mapping) or best.get("score", 0) is None:  # nothing to choose by
        return None
    if "epoch" in best:
        stage = contents.stage_at(best["step"] - 1) if "step" in best else None
        return f"epoch {best['epoch']}{'' if stage is None else f' of stage {stage}'}"
    return f"step {count(best['step'])}" if "step" in best else None


def _share(value: Any) -> str | None:
    return f"{100 * value:.1f} %" if isinstance(value, (int, float)) else None


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
