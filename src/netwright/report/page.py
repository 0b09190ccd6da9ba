"""A run as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from netwright.report.contents import Contents
from netwright.report.curves import learning_charts, prediction_charts
from netwright.report.findings import finding_cards
from netwright.report.headline import fact_tiles, verdict
from netwright.report.members import members_table
from netwright.report.numbers import count, figure, split_in_words
from netwright.report.pictures import Album
from netwright.report.prototypes import typical
from netwright.report.rankings import ranking_charts
from netwright.report.reliability import calibration_rows, coverage_charts, notes
from netwright.report.tables import class_table, confusion, environment_rows, metric_rows
from netwright.runs.beginning import began_with
from netwright.runs.store import RunFolder

__all__ = ["render", "template", "write_report"]

ERRORS, SAMPLES, SKIPPED = 48, 40, 50  # shown at most
ERROR_BYTES, SAMPLE_BYTES = 1_200_000, 600_000  # of pictures; the page stays below 3 MB
RECIPE_CHARACTERS = 60_000


def write_report(folder: RunFolder) -> Path:
    """Write `report.html` into the run.

    Raises:
        DamagedRun: the folder can't be written. What can't be read is said on the page instead.
    """
    return folder.write_text("report.html", render(folder))


def render(folder: RunFolder) -> str:
    """The page of a run, whatever there is of it.

    Args:
        folder: of a run that has ended, is under way, or was cut short; only read.
    """
    contents = Contents(folder)
    page = {
        "name": folder.name,
        "verdict": verdict(contents),
        "tiles": fact_tiles(contents),
        "splits": [split_in_words(name) for name in contents.evaluations],
        "metrics": metric_rows(contents),
        "members": members_table(contents),
        "learning": learning_charts(contents),
        "confusions": [found for one in contents.by_task() if (found := confusion(one))],
        "clouds": [chart for one in contents.by_task() for chart in _clouds(one)],
        "notes": notes(contents),
        "calibration": calibration_rows(contents),
        "errors": _errors(contents),
        "typical": typical(contents),
        "data": _data(contents),
        "findings": finding_cards(contents),
        "recipe": _shortened(contents.recipe),
        "environment": environment_rows(contents.environment),
        "damaged": contents.damaged,
    }
    return str(template("page.html.j2").render(page=page))


def _clouds(contents: Contents) -> Iterator[dict[str, str]]:
    """The charts of the answers; of one of several tasks under its name."""
    makers = (prediction_charts, ranking_charts, coverage_charts)
    for chart in (chart for make in makers for chart in make(contents)):
        of = "" if contents.task is None else f"{contents.task}: "
        yield chart | {"title": of + chart["title"]}


def template(name: str) -> Any:
    """A page of this room, with its style at hand."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    places = PackageLoader("netwright.report", ".")
    environment = Environment(
        loader=places,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = (files("netwright.report") / "page.css").read_text("utf-8")
    return environment.get_template(name)


def _errors(contents: Contents) -> dict[str, Any]:
    """The worst errors: cards with pictures, or rows where there are none."""
    album = Album(contents.folder, budget=ERROR_BYTES)
    listed = [
        {
            "picture": album.add(error.get("file")),
            "maps": _maps(album, error),
            "label": str(error.get("label") or f"example {error.get('index', '?')}"),
            "target": figure(error.get("target")),
            "prediction": figure(error.get("prediction")),
            "confidence": _confidence(error),
        }
        for error in contents.errors[:ERRORS]
    ]
    is_sure = any(error["confidence"] for error in listed)
    return {
        "title": "Most confident errors" if is_sure or not listed else "Largest errors",
        "is_sure": is_sure,
        "pictured": [error for error in listed if error["picture"]],
        "rows": [error for error in listed if not error["picture"]],
        "left_out": max(0, len(contents.errors) - ERRORS),
    }


def _maps(album: Album, error: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the answer came from, and what spoke for the truth."""
    named = error.get("maps") or {}
    of = {"predicted": error.get("prediction"), "true": error.get("target")}
    added = [(figure(of.get(role)), album.add(named.get(role))) for role in ("predicted", "true")]
    return [{"of": name, "picture": picture} for name, picture in added if picture]


def _confidence(error: dict[str, Any]) -> str | None:
    sure = error.get("confidence")
    return f"{100 * sure:.1f} %" if isinstance(sure, (int, float)) else None


def _data(contents: Contents) -> dict[str, Any]:
    data, album = contents.data, Album(contents.folder, budget=SAMPLE_BYTES)
    target = data.get("target") or {}
    skipped = data.get("skipped") or []
    samples = (
        {"picture": album.add(sample.get("file")), "target": figure(sample.get("target"))}
        for sample in contents.samples[:SAMPLES]
    )
    facts = [
        ("Name", data.get("name")),
        ("Input", data.get("input_kind")),
        ("Shape", " × ".join(map(str, data.get("input_shape") or [])) or None),
        ("Target", target.get("kind")),
        ("Licence", data.get("licence") or None),
        ("Origin", data.get("origin") or None),
        ("Fingerprint", data.get("fingerprint")),
        ("Weights at the start", began_with(contents.beginning) if contents.beginning else None),
        *_sample_size(data.get("sample_size") or {}),
    ]
    return {
        "is_known": bool(data),
        "facts": [(name, str(value)) for name, value in facts if value is not None],
        "table": class_table(contents),
        "samples": [sample for sample in samples if sample["picture"]],
        "skipped": skipped[:SKIPPED],
        "skipped_count": len(skipped),
    }


def _sample_size(size: dict[str, Any]) -> list[tuple[str, str]]:
    """How many examples a weight had, and how little a bound over all networks makes of it."""
    if not size:
        return []
    each = figure(size["examples_per_parameter"])
    told = f"{each} ({count(size['examples'])} for {count(size['parameters'])})"
    rows = [("Examples a weight", told)]
    if "pac_gap" in size:
        gap = size["pac_gap"]
        says = "above 1, so it says nothing here" if gap >= 1 else "it holds for any of them"
        sure = figure(100 * size["confidence"])
        bound = (
            f"with {sure} % certainty new errors exceed training errors by at most {figure(gap)}, "
            f"for any network of that many {size['bits']}-bit weights: {says}"
        )
        rows.append(("PAC bound", bound))
    return rows


def _shortened(recipe: str | None) -> str | None:
    if recipe is None or len(recipe) <= RECIPE_CHARACTERS:
        return recipe
    return f"{recipe[:RECIPE_CHARACTERS]}\n… the rest is in recipe.yaml"
