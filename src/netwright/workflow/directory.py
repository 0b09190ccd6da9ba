"""Everything that has a name, in one list."""

from __future__ import annotations

from dataclasses import dataclass

from netwright._catalogue import Catalogue, Entry, holds, load_target

__all__ = ["Found", "search"]

# kind → where its static table is; nothing that a table names is loaded by looking into it
_TABLES = {
    "layer": "netwright.models.layers.catalogue:LAYERS",
    "method": "netwright.methods.catalogue:CATALOGUE",
    "output unit": "netwright.methods.output_units.catalogue:CATALOGUE",
    "weighting": "netwright.methods.multi_task.catalogue:CATALOGUE",
    "metric": "netwright.metrics.catalogue:CATALOGUE",
    "optimizer": "netwright.train.optimizers.catalogue:CATALOGUE",
    "schedule": "netwright.train.schedules:CATALOGUE",
    "preprocessing": "netwright.data.preprocess.catalogue:PREPROCESSING",
    "augmentation": "netwright.data.augment.catalogue:AUGMENTATIONS",
    "initialisation": "netwright.models.initialisation.catalogue:CATALOGUE",
    "baseline": "netwright.evaluate.baselines.catalogue:BASELINES",
    "loss": "netwright.losses.catalogue:CATALOGUE",
    "explanation": "netwright.explain.catalogue:CATALOGUE",
    "probe": "netwright.probes.catalogue:CATALOGUE",
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something with a name.

    Attributes:
        kind: of thing ("model", "loss").
        name: as a recipe or the command line has it.
        summary: one line.
        paper: title, year, link; empty where there is none.
        place: the module that holds it.
        full: what a short name stands for; empty where it is no short one.
        differs: from the paper, in words; empty where nothing is known to.
    """

    kind: str
    name: str
    summary: str
    paper: str
    place: str
    full: str = ""
    differs: str = ""


def search(word: str) -> list[Found]:
    """Whatever has `word` in its name, summary or paper, names first; or all of that kind.

    What is called just that comes before names that hold it: se-net before dense-net.
    """
    from netwright.data import depot
    from netwright.data.sources.builtin_names import BUILTIN
    from netwright.models import search as search_models

    found = [_found("model", one) for one in search_models(word)]
    for kind, table in _TABLES.items():
        catalogue: Catalogue = load_target(table)
        found += [_found(kind, one) for one in catalogue.search("" if word == kind else word)]
    for name, (_, licence, origin) in BUILTIN.items():
        found += _data(word, name=name, summary=f"{origin}; {licence}", place="built in")
    for name in depot.names():
        summary = depot.entry(name).summary
        found += _data(word, name=name, summary=summary, place=f"netwright data get {name}")
    return sorted(found, key=lambda one: -holds(one.name, word) - holds(word, one.name))


def _found(kind: str, entry: Entry) -> Found:
    return Found(
        kind=kind,
        name=entry.name,
        summary=entry.summary,
        paper=entry.paper,
        place=entry.target.partition(":")[0],
        full=entry.facts.get("full", ""),
        differs=entry.facts.get("differs", ""),
    )


def _data(word: str, *, name: str, summary: str, place: str) -> list[Found]:
    if not holds(f"{name} {summary}", word):
        return []
    return [Found(kind="data", name=name, summary=summary, paper="", place=place)]
