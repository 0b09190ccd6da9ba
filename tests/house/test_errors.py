"""The grammar of refusals: `<name> must be <rule>, got <name>=<value>. <what to do>.`"""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

from netwright import _errors
from package_tree import ROOT, at, sources, tree

OURS = {name for name in _errors.__all__ if isinstance(getattr(_errors, name), type)}
BUILDERS = {"must_be", "unknown"}
# A word or two that another function puts into the one sentence with all offenders.
REASONS = {"src/netwright/data/decode.py", "src/netwright/data/sources/several.py"}
# What Python's own protocols ask for, and what ends a program.
PROTOCOL = {
    "AttributeError",
    "StopIteration",
    "SystemExit",
    "KeyboardInterrupt",
    "NotImplementedError",
}
BUILTIN = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
} - PROTOCOL


def faults(module: ast.Module) -> list[tuple[ast.AST, str]]:
    """Every refusal that breaks the grammar, and how."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if ast.unparse(raised).split(".")[-1] in BUILTIN:
                found.append((node, "raises a built-in error instead of one of _errors"))
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            found += [(node, fault) for fault in faults_of_call(name, node)]
    return found


def faults_of_call(name: str, call: ast.Call) -> list[str]:
    if name in OURS and call.args:
        return faults_of_sentence(call.args[0])
    if name == "must_be":
        arguments = {keyword.arg for keyword in call.keywords}
        if len(call.args) < 3 and "value" not in arguments and not has_star(call):
            return ["gives no value"]
        rule = text_of(call.args[1]) if len(call.args) > 1 else ""
        if re.match(r"(must|should|needs|is|be)\b", rule):
            return [f"the rule goes on after 'must be', so it can't start with {rule.split()[0]!r}"]
    return []


def has_star(call: ast.Call) -> bool:
    return any(isinstance(argument, ast.Starred) for argument in call.args)


def faults_of_sentence(argument: ast.expr) -> list[str]:
    """A sentence written out must have the same parts as one from `must_be`."""
    sentence = text_of(argument)
    if not sentence:
        return []  # built elsewhere
    missing = [part for part in ("must", "got") if not re.search(rf"\b{part}\b", sentence)]
    return [f"lacks {' and '.join(missing)}: {sentence[:70]!r}"] if missing else []


def text_of(node: ast.expr) -> str:
    """A literal's text, with {…} where a value stands; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values
        )
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return ""


@pytest.mark.parametrize("path", sources(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_refusal_follows_the_grammar(path: Path):
    found = [f"{at(path, node)} {fault}" for node, fault in faults(tree(path))]
    if path.relative_to(ROOT).as_posix() in REASONS:
        found = [fault for fault in found if " lacks " not in fault]
    assert found == []


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("raise ValueError('no')", 1),
        ("raise BadValue('no')", 1),
        ("raise BadValue(f'epochs is {epochs}')", 1),
        ("raise BadValue(f'epochs must be positive, got epochs={epochs}.')", 0),
        ("raise must_be('epochs', 'positive', epochs)", 0),
        ("raise must_be('epochs', 'positive')", 1),
        ("raise must_be('epochs', 'must be positive', epochs)", 1),
        ("raise error from None", 0),
        ("raise", 0),
        ("raise AttributeError(name)", 0),
    ],
)
def test_the_test_sees_what_it_should(line, count):
    assert len(faults(ast.parse(line))) == count
