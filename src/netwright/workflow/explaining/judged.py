"""The methods of explanation ranked for a network of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from netwright._errors import must_be
from netwright.data.dataset import InputKind
from netwright.explain.explanations import map_methods
from netwright.explain.trials.judge import judge
from netwright.explain.trials.judgement import Judgement
from netwright.workflow.explaining.examples import Examples
from netwright.workflow.explaining.explainable import SCORES, Explainable

__all__ = ["judged"]

KINDS = ("classes", "binary", SCORES)
SECONDS = 100.0  # of all methods together; what would take more than its part is left out
LONG = 15.0
PASSES = 60  # forward passes for a picture that the tests of a method cost
FEWEST = 2  # pictures, as one has no interval


def judged(
    of: Explainable,
    examples: Examples,
    *,
    methods: Sequence[str] = (),
    twin: Explainable | None = None,
    every: bool = False,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Judgement:
    """Which maps to trust for this network, by pictures that it did not learn from.

    Args:
        of: a network that tells classes of pictures apart.
        examples: read for it.
        methods: that are judged; none for all.
        twin: of the same architecture, trained on shuffled labels.
        every: judge by every example; else by as many as there is time for.
        seconds: that the maps of a method may take; None shares out what there is.
        say: told beforehand where it takes long.

    Raises:
        BadValue: what is no such network, pictures of several sizes, or a twin that does not fit.
    """
    model = _classifier(of, "network")
    other = None if twin is None else _classifier(twin, "--twin")
    shapes = {tuple(one.raw.shape) for one in examples.items}
    if len(shapes) > 1:
        raise must_be("data", "pictures of one size", sorted(shapes), "Give --size for my.py:net.")
    preprocess = of.networks[0].preprocess
    inputs = preprocess(torch.stack([one.raw for one in examples.items]))
    if other is not None:
        _refuse_unlike(model, other, inputs)
    asked = tuple(methods) or tuple(map_methods())
    each = _seconds_of_a_pass(model, inputs) * PASSES * len(asked)
    if not every:
        inputs = inputs[: max(FEWEST, int(SECONDS / each))]
    about = each * len(inputs)
    if about > LONG:
        say(f"judging {len(asked)} methods on {len(inputs)} pictures: some {about:.0f} s")
    return judge(
        model,
        inputs,
        methods=asked,
        twin=other,
        count=len(inputs),
        seconds=SECONDS / len(asked) if seconds is None else seconds,
    )


def _classifier(of: Explainable, name: str) -> nn.Module:
    if of.input_kind != InputKind.IMAGE or of.kind not in KINDS:
        rule = "a network that tells classes of pictures apart, to be judged by"
        raise must_be(name, rule, f"{of.name}, of {of.input_kind} and {of.kind}")
    if len(of.networks) > 1:
        fix = "Give one of its members, a run of its own."
        raise must_be(name, "a single network, to be judged by", f"{of.name}, an ensemble", fix)
    model = of.networks[0].model
    return _TwoScores(model) if of.kind == "binary" else model


class _TwoScores(nn.Module):
    """One score for two classes as a score for each."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """(n, 2), whose softmax is what the one score says."""
        scores: Tensor = self.model(inputs)
        if scores.ndim == 2 and scores.shape[1] == 2:
            return scores
        column = scores.reshape(len(inputs), 1) / 2
        return torch.cat([-column, column], dim=1)


def _refuse_unlike(model: nn.Module, twin: nn.Module, inputs: Tensor) -> None:
    shapes, others = (
        {name: tuple(value.shape) for name, value in one.state_dict().items()}
        for one in (model, twin)
    )
    if shapes != others:
        fix = "Train it from the run's recipe with --set data.shuffle_labels=true."
        raise must_be("--twin", "a run of the same architecture", "one with other weights", fix)


def _seconds_of_a_pass(model: nn.Module, inputs: Tensor) -> float:
    """After one that loads what there is to load."""
    import time

    from netwright.explain.inside.examined import examined

    with examined(model) as opened, torch.no_grad():
        opened(inputs[:1])
        start = time.perf_counter()
        opened(inputs[:1])
    return time.perf_counter() - start
