"""netwright explain."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netwright.cli.judging import (
    JUDGE,
    PICTURES,
    SECONDS,
    TWIN,
    judge_aloud,
    refuse_beside_judging,
    refuse_without_judging,
    tell_judgement,
)
from netwright.cli.training import TRUST

if TYPE_CHECKING:
    from netwright.workflow.explaining.reasons import Reasons

__all__ = ["add_to"]

_FEW, _MANY = 8, 60  # examples on a picture, and on a page
_TOLD = 12  # on the terminal


def add_to(app: typer.Typer) -> None:
    """Declare the command."""
    app.command()(explain)


def explain(
    network: str = typer.Argument(
        ..., metavar="RUN", help="A run, weights of `netwright data` (resnet18), or my.py:net."
    ),
    data: list[str] = typer.Argument(
        None,
        metavar="[IMAGE]...",
        help="Pictures or folders of them, or a table; without any the run's own test examples.",
    ),
    method: list[str] = typer.Option(
        [], "--method", help="A name of `netwright find explanation`, or my.py:mine; repeatable."
    ),
    every: bool = typer.Option(
        False, "--all", help="Every method that is defined for the network."
    ),
    wished: str | None = typer.Option(
        None, "--class", help="Name or number of what is explained, or 'true'; else the answer."
    ),
    layer: str | None = typer.Option(None, help="For methods that look at one: 'layer4.1.conv2'."),
    changes: list[str] = typer.Option(
        [], "--set", metavar="METHOD.OPTION=VALUE", help="An option of a method."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", help="A .png, .jpg or .webp picture, or a .html page."
    ),
    count: int | None = typer.Option(None, min=1, help="Examples at most, taken evenly."),
    split: str | None = typer.Option(None, help="Of a data set: train, val, test or all."),
    size: int | None = typer.Option(None, min=1, help="Side of the pictures that my.py:net takes."),
    channels: int = typer.Option(3, min=1, max=3, help="1 for a my.py:net that takes grey ones."),
    figures: bool = typer.Option(
        True, "--figures/--no-figures", help="Test how far each map is to be trusted; takes longer."
    ),
    judging: bool = JUDGE,
    twin: str | None = TWIN,
    seconds: float | None = SECONDS,
    as_json: bool = typer.Option(False, "--json", help="Print plain data."),
    trust: bool = TRUST,
    root: Path = typer.Option(Path("runs"), "--root", help="Folder of all runs."),
) -> None:
    """Show where in a picture, or in which columns of a row, an answer comes from.

    Several methods stand side by side; a folder of pictures becomes one page.
    """
    options = _options(changes)

    from netwright.workflow.explaining.examples import read_examples
    from netwright.workflow.explaining.explainable import explainable
    from netwright.workflow.explaining.pictured import is_pictured, pictured, write_image
    from netwright.workflow.explaining.reasons import explain_examples
    from netwright.workflow.explaining.wishes import wishes
    from netwright.workflow.explaining.written import place_for

    opened = partial(explainable, trust=trust, root=root)
    refuse_without_judging({"--twin": twin, "--seconds": seconds} if not judging else {})
    if judging:
        beside = {"--all": every, "--class": wished, "--layer": layer, "--set": changes}
        refuse_beside_judging(beside, output)
        of = opened(network, image_size=size, channels=channels)
        few = read_examples(of, data or [], count=count or PICTURES, split=split)
        other, given = None if twin is None else opened(twin), count is not None
        found = judge_aloud(of, few, methods=method, twin=other, every=given, seconds=seconds)
        tell_judgement(found, output=output, as_json=as_json)
        return
    place = place_for(output, data or [], network=network)
    if is_pictured(method):
        of = opened(network, image_size=size, channels=channels)
        own = {**options.get(method[0], {}), **({} if layer is None else {"layer": layer})}
        image = pictured(
            of, method[0], places=data or [], count=count or _FEW, wished=wished, options=own
        )
        write_image(image, place)
        typer.echo(json.dumps({"file": str(place)}) if as_json else f"written: {place}")
        return
    asked = wishes(method, every=every, layer=layer, changes=options, figures=figures)
    of = opened(network, image_size=size, channels=channels)
    most = count or (_MANY if place.suffix == ".html" else _FEW)
    examples = read_examples(of, data or [], count=most, split=split)
    reasons = explain_examples(of, examples, wishes=asked, wished_class=wished)
    _finish(reasons, place, as_json=as_json)


def _finish(reasons: Reasons, place: Path, *, as_json: bool) -> None:
    from netwright.workflow.explaining.drawn import as_data
    from netwright.workflow.explaining.written import write

    write(reasons, place)
    if as_json:
        typer.echo(json.dumps(as_data(reasons) | {"file": str(place)}))
    else:
        _tell(reasons, place)


def _tell(reasons: Reasons, place: Path) -> None:
    for one in reasons.items[:_TOLD]:
        typer.echo(f"{one.example.label}: {one.said}")
        for method in one.maps:
            if one.lines.get(method):
                typer.echo(f"  {method}: {'; '.join(one.lines[method])}")
    if len(reasons.items) > _TOLD:
        typer.echo(f"… and {len(reasons.items) - _TOLD} more")
    if reasons.meaning:
        typer.echo(
            "deletion: less is better; insertion: more is better; the file says what it means"
        )
    for refusal in reasons.refused:
        typer.echo(f"left out: {refusal.method}: {refusal.reason}")
    for skipped in reasons.examples.skipped:
        typer.echo(f"warning: {skipped.what} was left out: {skipped.why}", err=True)
    if reasons.examples.left_out:
        typer.echo(f"{reasons.examples.left_out} more examples are there: --count N shows more")
    typer.echo(f"written: {place}")


def _options(changes: list[str]) -> dict[str, dict[str, Any]]:
    """Method → option → value."""
    if not changes:
        return {}
    from netwright._errors import must_be
    from netwright.runs.recipe import parse_assignment

    found: dict[str, dict[str, Any]] = {}
    for change in changes:
        path, value = parse_assignment(change)
        name = ".".join(path[:-1])  # of one's own: mine.py:method
        if not name:
            fix = "For example: --set occlusion.window=16"
            raise must_be("--set", "an option of a method", change, fix)
        found.setdefault(name, {})[path[-1]] = value
    return found
