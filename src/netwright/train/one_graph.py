"""A whole step in torch's compiler: as one graph or not at all, counted, and called without ado.

torch.compile's own wrapper costs 25 µs a call, as much as a small network's forward pass. What it
compiles to and the guards it made are therefore looked up once and called directly: first the
guards, then the code. Guards of what is gathered once and of torch's own functions are left out.
"""

from __future__ import annotations

import itertools
import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any, no_type_check

import torch

from netwright.data.batch import Streams
from netwright.train.same_dropout import keep_dropout
from netwright.train.whole_step import Carrier, Held, WholeStep

__all__ = ["CannotCompile", "OneGraph"]

_numbers = itertools.count()
# Kinds of guard that concern neither the batch nor the modules.
_NEEDLESS = {
    "AUTOGRAD_SAVED_TENSORS_HOOKS",
    "BUILTIN_MATCH",
    "DEFAULT_DEVICE",
    "FUNCTORCH_STACK_MATCH",
    "TORCH_FUNCTION_STATE",
}
_CONTEXT = "Developer debug context"
_GATHERED_ONCE = ("step", "held", "L['step']", "L['held']")
_OF_TORCH = ("G['__import_torch", "__import__('torch')")


class CannotCompile(Exception):
    """Why a step is not one graph; nothing was changed."""


@no_type_check  # the compiler wants this very function, also where tests put checks around others
def _root(step: WholeStep, carrier: Carrier, held: Held, streams: Streams) -> tuple[Any, ...]:
    return step(carrier, held, streams)


class OneGraph:
    """Compiles a step when it is first called, and again for batches of another form.

    Args:
        step: what is compiled.
        carrier: the loss.

    Attributes:
        seconds: that the last one took.
    """

    def __init__(self, step: WholeStep, carrier: Carrier) -> None:
        self.step = step
        self.seconds = 0.0
        self._carrier = carrier
        self._backend = _Backend()
        # a name of its own: torch keeps graphs, and counts them, by code object
        code = _root.__code__.replace(co_name=f"whole_step_{next(_numbers)}")
        self._root = FunctionType(code, _root.__globals__)
        self._compiled = torch.compile(
            self._root,
            backend=self._backend,
            fullgraph=True,
            dynamic=False,
            options={"guard_filter_fn": _worth_guarding},
        )
        self._direct: list[tuple[Callable[[dict[str, Any]], bool], FunctionType]] = []

    @property
    def count(self) -> int:
        """Graphs made."""
        return self._backend.count

    def __call__(self, held: Held, streams: Streams) -> tuple[Any, ...] | None:
        """Take a step with a graph that is there; None where none fits this batch."""
        places = {"step": self.step, "carrier": self._carrier, "held": held, "streams": streams}
        for fits, code in self._direct:
            if fits(places):
                return code(self.step, self._carrier, held, streams)  # type: ignore[no-any-return]
        return None

    def compile(self, held: Held, streams: Streams) -> tuple[Any, ...]:
        """Take a step, making a graph for it where there is none.

        Raises:
            CannotCompile: the reason, in a few words.
        """
        began, before = time.perf_counter(), self.count
        try:
            with _no_talk():
                result: tuple[Any, ...] = self._compiled(self.step, self._carrier, held, streams)
        except Exception as error:  # whatever a compiler trips over must not end a run
            raise CannotCompile(_in_words(error)) from error
        if self.count > before:
            self.seconds = time.perf_counter() - began
            self._direct = _entries(self._root)
        return result


class _Backend:
    """Makes machine code, and counts. torch keeps it for good: it must hold nothing of a run."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, graph: Any, inputs: Sequence[Any], **_: Any) -> Any:
        built = _machine_code(graph, inputs)
        self.count += 1
        return built


@contextmanager
def _no_talk() -> Iterator[None]:
    """Keep the compiler from logging in forty lines what is told in one, and from warning."""
    log = logging.getLogger("torch._dynamo.convert_frame")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _machine_code(graph: torch.fx.GraphModule, inputs: Sequence[Any]) -> Any:
    from torch._inductor.compile_fx import compile_fx

    keep_dropout(graph)
    # random numbers and roundings as without the compiler
    patches = {"fallback_random": True, "emulate_precision_casts": True}
    return compile_fx(graph, inputs, config_patches=patches)


def _worth_guarding(guards: Sequence[Any]) -> list[bool]:
    return [_is_worth(guard.guard_type, guard.name) for guard in guards]


def _is_worth(kind: str, name: str) -> bool:
    root = re.split(r"[.\[]", name, maxsplit=1)[0] if not name.startswith("L[") else name[:9]
    if kind in _NEEDLESS or name.startswith(_OF_TORCH) or root in _GATHERED_ONCE:
        return False
    return name.startswith("G['__import_") or not name.startswith("G[")


def _entries(function: FunctionType) -> list[tuple[Callable[[dict[str, Any]], bool], FunctionType]]:
    """Guards and code of every graph; none where torch keeps them elsewhere."""
    try:
        from torch._dynamo.eval_frame import _debug_get_cache_entry_list

        return [
            (entry.guard_manager.check, FunctionType(entry.code, function.__globals__))
            for entry in _debug_get_cache_entry_list(function.__code__)
        ]
    except (ImportError, AttributeError, TypeError):
        return []


def _in_words(error: BaseException) -> str:
    kind = type(error).__name__
    if "RecompileLimit" in kind:
        limit = torch._dynamo.config.recompile_limit
        return f"it would take more than {limit} graphs"
    if "CxxCompiler" in kind or "CxxCompiler" in str(error):
        return "there is no C++ compiler: install g++ or clang, or set CXX"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    shown = [line.partition(":")[2].strip() for line in lines if line.startswith(_CONTEXT)]
    if len(lines) > 1 and lines[0].endswith("raised:"):  # what it raised is on the next line
        del lines[0]
    said = [lines[0].rstrip(".") if lines else kind, *shown[:1]]
    return f"torch's compiler can't take it as one graph ({', '.join(said)})"
