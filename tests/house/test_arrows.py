"""Which room may import which: DESIGN's table, held over the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from package_tree import PACKAGE, at, module_name, sources, tree

ARROWS = {
    "data": "",
    "models": "",
    "losses": "",
    "metrics": "",
    "probes": "",
    "runs": "",
    "methods": "models losses metrics",
    "train": "data methods.base runs",
    "evaluate": "data models methods metrics train runs",
    "explain": "probes models runs",
    "diagnose": "probes runs data models losses metrics methods train explain",
    "tune": "data models methods train evaluate runs diagnose",
    "serve": "data models methods runs",
    "monitor": "data models metrics probes runs",
    "report": "runs",
    "labs": "data models losses metrics probes runs methods train evaluate explain diagnose tune "
    "serve monitor report workflow recipe",
}
PRIVATE = {"_catalogue", "_errors", "_optional", "_random", "_shapes", "_statistics"}
ASSEMBLY = {
    "workflow",
    "recipe",
    "cli",
    "__init__",
    "__main__",
}  # the doors import everything


def imports(node: ast.AST, package: str) -> Iterator[tuple[ast.AST, str]]:
    """Every import of this package anywhere below `node`, outside `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from imports(ast.Module([other], []), package)
        elif isinstance(child, ast.Import):
            yield from ((child, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = package.rsplit(".", child.level - 1)[0] + "." if child.level else ""
            module = (base + (child.module or "")).rstrip(".")
            yield from ((child, f"{module}.{alias.name}") for alias in child.names)
        elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith("import_module"):
            first = child.args[0] if child.args else None
            if isinstance(first, ast.Constant):
                yield child, str(first.value)
            yield from imports(child, package)
        else:
            yield from imports(child, package)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def offences(path: Path, module: ast.Module) -> list[str]:
    """What `path` imports and may not."""
    room = room_of(path)
    if room in ASSEMBLY:
        return []
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    allowed = {*PRIVATE, "__version__", *(ARROWS.get(room, "").split()), room}
    if room in PRIVATE:
        allowed = PRIVATE | {"__version__"}
    found = []
    for node, target in imports(module, package):
        head, _, rest = target.partition(".")
        if head != "netwright":
            continue
        if not any(rest == arrow or rest.startswith(f"{arrow}.") for arrow in allowed):
            found.append(f"{at(path, node)} imports {target}")
    return found


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_a_room_imports_only_what_its_row_allows(path):
    assert offences(path, tree(path)) == []


def test_one_room_alone_speaks_with_other_processes():
    found = [
        path
        for path in sources()
        if "torch.distributed" in path.read_text(encoding="utf-8")
        and path.parent != PACKAGE / "train" / "distribute"
    ]
    assert found == []


def test_every_room_is_in_the_table():
    there = {
        entry.stem
        for entry in PACKAGE.iterdir()
        if entry.suffix == ".py" or any(entry.glob("*.py"))
    }
    assert there <= set(ARROWS) | PRIVATE | ASSEMBLY


def test_the_table_has_no_cycle():
    graph = {room: {arrow.split(".")[0] for arrow in row.split()} for room, row in ARROWS.items()}
    graph["labs"] -= ASSEMBLY
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    ("room", "line", "refused"),
    [
        ("data", "from netwright.models import create", True),
        ("data", "def f():\n    import netwright.train.loop", True),
        ("data", "from ..models import create", True),
        ("data", "import importlib\nimportlib.import_module('netwright.models')", True),
        ("data", "from netwright import workflow", True),
        ("data", "import netwright", True),
        ("data", "if TYPE_CHECKING:\n    from netwright.models import create", False),
        ("data", "if TYPE_CHECKING:\n    pass\nelse:\n    import netwright.models", True),
        ("data", "from netwright._errors import must_be\nfrom . import batch", False),
        ("train", "from netwright.methods.base import Loss", False),
        ("train", "from netwright.methods import base", False),
        ("train", "from netwright.methods import supervised", True),
        ("train", "from netwright.methods.basement import x", True),
        ("_errors", "from netwright.data import x", True),
    ],
)
def test_the_test_sees_what_it_should(room, line, refused):
    path = PACKAGE / f"{room}.py" if room in PRIVATE else PACKAGE / room / "some.py"
    assert bool(offences(path, ast.parse(line))) is refused
