"""netwright explain RUN --judge: which maps to trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from netwright.workflow.explaining.examples import Examples
    from netwright.workflow.explaining.explainable import Explainable

__all__ = ["JUDGE", "PICTURES", "SECONDS", "TWIN", "judge_aloud", "refuse_beside_judging"]
__all__ += ["refuse_without_judging", "tell_judgement"]

JUDGE = typer.Option(
    False, "--judge", help="Rank the methods by how far their maps are to be trusted here."
)
TWIN = typer.Option(None, metavar="RUN", help="Run with data.shuffle_labels, to judge against.")
SECONDS = typer.Option(None, min=0, help="That the maps of one method may take with --judge.")
PICTURES = 6  # that methods are judged by where nobody says otherwise


def refuse_beside_judging(options: Mapping[str, Any], output: Path | None) -> None:
    """Refuse what has no meaning for a table of methods.

    Raises:
        BadValue: an option that was given, or an output that is no .json.
    """
    from netwright._errors import must_be

    for name, value in options.items():
        if value:
            raise must_be(name, "left out with --judge", value)
    if output is not None and output.suffix.lower() != ".json":
        raise must_be("--output", "a .json file with --judge", str(output))
    if output is not None and not output.parent.is_dir():
        raise must_be("--output", "a file in a folder that is there", str(output))


def refuse_without_judging(options: Mapping[str, Any]) -> None:
    """Refuse what has a meaning for a table of methods only.

    Raises:
        BadValue: an option that was given.
    """
    from netwright._errors import must_be

    for name, value in options.items():
        if value is not None:
            raise must_be(name, "given with --judge", value)


def judge_aloud(
    of: Explainable, examples: Examples, *, twin: Explainable | None, **how: Any
) -> dict[str, Any]:
    """Judge, say beforehand where it takes long, and give the table with plain data.

    Args:
        of: the network.
        examples: read for it.
        twin: trained on shuffled labels.
        how: see `workflow.explaining.judged`.
    """
    from netwright.workflow.explaining.judged import judged

    found = judged(of, examples, twin=twin, say=lambda line: typer.echo(line, err=True), **how)
    for skipped in examples.skipped:
        typer.echo(f"warning: {skipped.what} was left out: {skipped.why}", err=True)
    told = found.to_json() | {"network": of.name, "twin": None if twin is None else twin.name}
    return {"table": found.table(), "data": told}


def tell_judgement(found: Mapping[str, Any], *, output: Path | None, as_json: bool) -> None:
    """Print the table or plain data, and write it where that was asked for.

    Args:
        found: of `judge_aloud`.
        output: a .json file.
        as_json: print plain data.
    """
    from netwright.runs.files import encode, replacing

    if output is not None:
        with replacing(output) as temporary:
            temporary.write_text(encode(found["data"], readable=True) + "\n", encoding="utf8")
    typer.echo(json.dumps(found["data"]) if as_json else found["table"])
    if output is not None and not as_json:
        typer.echo(f"written: {output}")
