"""How big things are, and what may not stand in the source at all (DESIGN, style)."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

from package_tree import PACKAGE, at, functions, sources, tree

LEFTOVERS = {"utils", "util", "misc", "common", "helpers", "helper"}


def lengths_of_files() -> dict[Path, int]:
    return {
        path: len(path.read_text(encoding="utf-8").splitlines())
        for path in sources()
        if path.name != "__init__.py"
    }


def lengths_of_functions() -> dict[str, int]:
    return {
        f"{at(path, node)} {node.name}": node.end_lineno - node.lineno + 1
        for path in sources()
        for node in functions(path)
    }


def share_under(lengths: list[int], share: float) -> int:
    return sorted(lengths)[int(share * (len(lengths) - 1))]


def test_files_are_short():
    lengths = lengths_of_files()
    assert [f"{path}: {length}" for path, length in lengths.items() if length > 600] == []
    assert statistics.median(lengths.values()) <= 150
    assert share_under(list(lengths.values()), 0.9) <= 350


def test_functions_are_short():
    lengths = lengths_of_functions()
    assert [f"{where}: {length}" for where, length in lengths.items() if length > 80] == []
    assert statistics.median(lengths.values()) <= 12


def test_the_tree_is_shallow():
    assert [path for path in sources() if len(path.relative_to(PACKAGE).parts) > 3] == []


def test_no_file_is_a_place_for_leftovers():
    assert [path for path in PACKAGE.rglob("*") if path.stem.strip("_") in LEFTOVERS] == []


def test_no_assert_and_no_print_in_the_source():
    found = [
        f"{at(path, node)} {ast.unparse(node)[:60]}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assert) or (is_print(node) and not in_cli(path))
    ]
    assert found == []


def is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "print"


def in_cli(path: Path) -> bool:
    return path.relative_to(PACKAGE).parts[0] == "cli"


def test_no_function_is_empty():
    """A body of `pass`, `...` or NotImplementedError stands only where another must fill it."""
    found = [
        f"{at(path, node)} {node.name}"
        for path in sources()
        for node, owner in with_owner(tree(path), None)
        if is_empty(node) and not may_be_empty(node, owner)
    ]
    assert found == []


def with_owner(node: ast.AST, owner: ast.ClassDef | None):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, owner
        yield from with_owner(child, child if isinstance(child, ast.ClassDef) else owner)


def is_empty(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = [
        statement
        for statement in node.body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    return all(
        isinstance(statement, ast.Pass) or "NotImplementedError" in ast.unparse(statement)
        for statement in body
    )


def may_be_empty(node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.ClassDef | None) -> bool:
    marks = [ast.unparse(decorator) for decorator in node.decorator_list]
    bases = [ast.unparse(base) for base in owner.bases] if owner else []
    only_a_docstring = len(node.body) == 1 and ast.get_docstring(node) is not None
    said_to_do_nothing = only_a_docstring and re.search(
        r"\bnothing\b", ast.get_docstring(node), re.IGNORECASE
    )
    offered_by_a_base = (
        owner is not None
        and ast.get_docstring(node) is not None
        and is_a_base(owner)
        and not any(ast.unparse(line).startswith("raise") for line in node.body)
    )
    return (
        any("abstract" in mark or "overload" in mark for mark in marks)
        or any("Protocol" in base for base in bases)
        or offered_by_a_base
        or bool(said_to_do_nothing)
    )


# Contracts whose hooks may each be left as they are; their docstrings say so.
HOOKS_OF = {"Observer", "Controller"}


def is_a_base(owner: ast.ClassDef) -> bool:
    """Whether the class asks to be completed, or offers hooks that may be left alone."""
    bases = [ast.unparse(base) for base in owner.bases]
    abstract = any(
        "abstract" in ast.unparse(decorator)
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )
    return abstract or "ABC" in bases or owner.name in HOOKS_OF


def test_everything_public_says_what_it_is():
    found = [
        f"{at(path, node)} {getattr(node, 'name', path.name)}"
        for path in sources()
        for node in public_things(tree(path))
        if not ast.get_docstring(node)
    ]
    assert found == []


def public_things(module: ast.Module):
    yield module
    for node in module.body:
        is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
        if is_public and not any("overload" in ast.unparse(d) for d in node.decorator_list):
            yield node


# `forward` and `backward` are torch's own signatures; must_be and unknown read as their sentence.
NATURAL_ROWS = {"forward", "backward", "must_be", "unknown"}


def test_at_most_two_positional_parameters():
    """After two, a reader can't tell which is which."""
    found = []
    for path in sources():
        if "cli" in path.parts:  # a command's parameters are its options
            continue
        for node, owner in with_owner(tree(path), None):
            in_the_open = node in (owner or tree(path)).body and node.name not in NATURAL_ROWS
            public = in_the_open and (node.name[0] != "_" or node.name == "__init__")
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            names = names[1:] if names[:1] in (["self"], ["cls"]) else names
            if public and len(names) > 2:
                found.append(f"{at(path, node)} {node.name}({', '.join(names)})")
    assert found == []
