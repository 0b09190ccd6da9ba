"""A network to be explained, with what brings raw inputs to it and what its scores mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netwright._catalogue import is_file_target, load_target
from netwright._errors import must_be, unknown
from netwright.data.dataset import InputKind
from netwright.methods.ensemble import Ensemble, Member
from netwright.methods.supervised import Supervised
from netwright.metrics.base import Prediction
from netwright.runs.store import list_runs
from netwright.workflow.judging_tasks import heads_of

if TYPE_CHECKING:
    from netwright.methods.multi_task.heads import Heads
    from netwright.workflow.run import Run

__all__ = ["Explainable", "Network", "explainable", "network_of"]

SCORES = "scores"  # kind of a target of which nothing more is known


@dataclass(frozen=True, kw_only=True)
class Network:
    """A module and what brings raw inputs to it.

    Attributes:
        model: from (n, ...) inputs to scores.
        preprocess: from raw inputs to what the model takes.
    """

    model: nn.Module
    preprocess: nn.Module


@dataclass(frozen=True, kw_only=True)
class Explainable:
    """What is explained.

    Attributes:
        name: a run's, or as it was typed.
        networks: one, or the members of an ensemble, whose maps are averaged.
        answer: from raw inputs to what is answered.
        kind: of the target: "classes", "binary", "multi-label", …; "scores" where it is not known.
        names: of classes, labels or columns; none where they are not known.
        input_kind: what an example is.
        channels: of pictures.
        size: (height, width) that pictures are brought to; None leaves them as they are.
        run: where it is one.
    """

    name: str
    networks: tuple[Network, ...]
    answer: Callable[[Tensor], Prediction]
    kind: str
    names: tuple[str, ...]
    input_kind: str
    channels: int = 3
    size: tuple[int, int] | None = None
    run: Run | None = None

    def number_of(self, word: str) -> int:
        """The place of a class, a label or a column, by its name or its number.

        Raises:
            BadValue: there is none.
        """
        folded = [name.casefold() for name in self.names]
        if word in self.names:
            return self.names.index(word)
        if folded.count(word.casefold()) == 1:
            return folded.index(word.casefold())
        if word.isdigit() and (int(word) < len(self.names) or not self.names):
            return int(word)
        if word.isdigit():
            raise must_be("class", f"a name, or a number from 0 to {len(self.names) - 1}", word)
        raise unknown("class", word, self.names or ["a number"])


def explainable(
    name: str,
    *,
    image_size: int | None = None,
    channels: int = 3,
    trust: bool = False,
    root: str | os.PathLike[str] = "runs",
) -> Explainable:
    """The network behind a word.

    Args:
        name: a run (path, or name under `root`), weights of `netwright data` ("resnet18"), or
            `file.py:Name` of a module that is there already, or of a class or function that makes
            one without arguments; it takes pictures from 0 to 1.
        image_size: side that pictures are brought to, for a `file.py:Name`.
        channels: 1 or 3, likewise.
        trust: run the Python files that a run names.
        root: folder of all runs.

    Raises:
        BadValue: nothing of that name, or nothing that can be explained.
    """
    from netwright.workflow.pretrained import is_pretrained

    if is_file_target(name):
        return _of_file(name, image_size=image_size, channels=channels)
    if image_size is not None:
        raise must_be("--size", "left out for what knows the size of its pictures", image_size)
    named = [run.name for run in list_runs(root)]
    if is_pretrained(name) and name not in named and not os.path.isdir(name):
        return _of_depot(name)
    if not any(run.startswith(name) for run in named) and not os.path.exists(name):
        raise _nothing(name, named, root=root)
    from netwright.workflow.run import load

    return _of_run(load(name, trust=trust, root=root))


def network_of(run: Run) -> tuple[Network, ...]:
    """The network of a run, or those of its members.

    Raises:
        BadValue: it learned in a way that has no scores to explain.
    """
    method = run.method
    if isinstance(method, Ensemble):
        members = [one for one in method.members if isinstance(one, Member)]
        return tuple(_network(one.method, one.preprocess, name=run.name) for one in members)
    return (_network(method, run.preprocess, name=run.name),)


def _network(method: nn.Module, preprocess: nn.Module, *, name: str) -> Network:
    if not isinstance(method, Supervised):
        raise must_be(
            "run",
            "of a network with scores to be explained",
            f"{name}, which learned by {type(method).__name__}",
            "In Python: nw.explain.saliency(module, inputs, target=function of the output).",
        )
    return Network(model=method.model, preprocess=preprocess)


def _of_run(run: Run) -> Explainable:
    state = run.state
    shape: Sequence[int] = state["input_shape"]
    is_picture = state["input_kind"] == InputKind.IMAGE
    heads = heads_of(run.method)
    return Explainable(
        name=run.name,
        networks=network_of(run),
        answer=run.predict if heads is None else _of_first_task(run, heads),
        kind=str(state["target"]["kind"]) if heads is None else SCORES,
        names=tuple(state["target"]["names"]) if heads is None else heads.score_names,
        input_kind=str(state["input_kind"]),
        channels=shape[0] if is_picture else 3,
        size=(shape[1], shape[2]) if is_picture else None,
        run=run,
    )


def _of_first_task(run: Run, heads: Heads) -> Callable[[Tensor], Prediction]:
    """Of several tasks any score can be asked for by name; without one the first task answers."""
    width = heads.heads[0].unit.width

    def answer(raw: Tensor) -> Prediction:
        scores = run.predict(raw).logits
        if scores is None:
            raise must_be("run", "one whose answers come with scores", run.name)
        return Prediction(outputs=scores[:, :width].argmax(1), logits=scores)

    return answer


def _of_depot(name: str) -> Explainable:
    from netwright.workflow.pretrained import pretrained

    known = pretrained(name)
    if not known.class_names:
        raise must_be(
            "network",
            "whole, with scores of classes, to be explained",
            f"{name}, the part below them",
            "For example: netwright explain resnet18.",
        )
    return Explainable(
        name=name,
        networks=(Network(model=known.model, preprocess=known.preprocess),),
        answer=_answers(known.model, known.preprocess),
        kind="classes",
        names=known.class_names,
        input_kind=InputKind.IMAGE,
        size=None if known.input_size is None else known.input_size[1:],
    )


def _of_file(name: str, *, image_size: int | None, channels: int) -> Explainable:
    found = load_target(name)
    model = found if isinstance(found, nn.Module) else _made(found, name)
    preprocess = _FromZeroToOne()
    return Explainable(
        name=name,
        networks=(Network(model=model, preprocess=preprocess),),
        answer=_answers(model, preprocess),
        kind=SCORES,
        names=(),
        input_kind=InputKind.IMAGE,
        channels=channels,
        size=None if image_size is None else (image_size, image_size),
    )


class _FromZeroToOne(nn.Module):
    """Bytes as numbers from 0 to 1."""

    def forward(self, raw: Tensor) -> Tensor:
        return raw.float() / 255 if raw.dtype == torch.uint8 else raw


def _answers(model: nn.Module, preprocess: nn.Module) -> Callable[[Tensor], Prediction]:
    def answer(raw: Tensor) -> Prediction:
        from netwright.explain.inside.examined import examined

        with examined(model) as opened, torch.no_grad():
            scores: Any = opened(preprocess(raw))
        if not isinstance(scores, Tensor) or scores.ndim != 2:
            shown = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            fix = "In Python a function of the output may be the target: nw.explain.saliency."
            raise must_be("network", "one that gives scores (n, k)", shown, fix)
        shares = scores.softmax(1) if scores.shape[1] > 1 else None
        return Prediction(outputs=scores.argmax(1), probabilities=shares, logits=scores)

    return answer


def _made(found: Any, name: str) -> nn.Module:
    if callable(found):
        try:
            made = found()
        except TypeError as error:
            fix = f"Put a module in the file instead: net = Net(...); {error}."
            raise must_be("network", "a module, or made without arguments", name, fix) from error
        if isinstance(made, nn.Module):
            return made
    raise must_be("network", "a torch.nn.Module, or what makes one", name)


def _nothing(name: str, runs: Sequence[str], *, root: str | os.PathLike[str]) -> Exception:
    from netwright.data.depot import Kind, entry, names

    weights = [known for known in names() if entry(known).kind is Kind.WEIGHTS]
    hint = f"Runs are looked for in {root}; your own is my.py:net."
    return unknown("network", name, [*weights, *runs], hint=hint)
