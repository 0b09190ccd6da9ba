"""Updates whose whole step is one compiled graph, where the phase allows it.

What can't be compiled runs as without: the reason is told once, and nothing else changes. Steps at
which a probe looks are taken twice, first in the open on a shadow of the run, then as one graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netwright import _random
from netwright.data.batch import Streams
from netwright.methods.base import Loss, Method, Phase
from netwright.train.aim import Aim, Clipping
from netwright.train.one_graph import CannotCompile, OneGraph
from netwright.train.optimizers.direct import has_hooks
from netwright.train.optimizers.functional_updates import Rule, is_filled, obstacle, rule_for
from netwright.train.precision import Precision
from netwright.train.shadow import Hooks, untouched
from netwright.train.update import Outcome, Updater
from netwright.train.whole_step import Carrier, Held, Kin, WholeStep

__all__ = ["Compilation", "CompilingUpdater"]


@dataclass(frozen=True, kw_only=True)
class Compilation:
    """A step was compiled, or could not be.

    Attributes:
        phase: whose step.
        graphs: made for it so far; each form of batch takes one.
        seconds: that the last took.
        reason: why the phase runs as without compilation; None where it is compiled.
    """

    phase: str
    graphs: int = 0
    seconds: float = 0.0
    reason: str | None = None

    def __str__(self) -> str:
        """One sentence for people."""
        if self.reason is not None:
            return f"Phase {self.phase} runs without compilation: {self.reason}."
        again = "" if self.graphs == 1 else f" again, graph {self.graphs} for batches of this form,"
        return f"Compiled the step of phase {self.phase}{again} in {self.seconds:.1f} s."


class CompilingUpdater(Updater):
    """Carries out updates as one graph each.

    Args:
        method: what learns.
        optimizers: by name.
        precision: number format of the forward pass.
        tell: is told of every compilation, and why one is not made.
        options: as `Updater` takes them. Batches that are cut and scaled losses are not compiled.
    """

    def __init__(
        self,
        method: Method,
        optimizers: Mapping[str, torch.optim.Optimizer],
        *,
        precision: Precision,
        tell: Callable[[Compilation], None],
        **options: Any,
    ) -> None:
        self._tell = tell
        super().__init__(method, optimizers, precision=precision, **options)

    def look_anew(self) -> None:
        """See `Updater.look_anew`."""
        super().look_anew()
        self._phases: dict[str, _Compiled | None] = {}
        self._hooks = Hooks(self.method)
        self._gradients_left = True

    def _run(self, phase: Phase, streams: Streams, aim: Aim) -> Outcome:
        if phase.name not in self._phases:
            self._phases[phase.name] = self._examine(phase)
        compiled = self._phases[phase.name]
        if compiled is not None and phase.name in self._piece_sizes:
            self._refuse(phase, "memory gave out, and its batches are cut")
            compiled = None
        if compiled is None:
            return super()._run(phase, streams, aim)
        if self._gradients_left:
            self._gradients_left = False
            for parameter in self.method.parameters():
                parameter.grad = None
        if not self._hooks.any():
            return self._step(phase, streams, compiled) or super()._run(phase, streams, aim)
        place = self._hooks.of_unknown_effect()
        if place is not None:
            self._refuse(phase, f"a hook on {place} may change what it computes")
            return super()._run(phase, streams, aim)
        if self._hooks.are_due():
            with untouched(self.method):
                self._gradient(phase, [streams], aim)
            self._gradients_left = True  # to be read by those who look on
        with self._hooks.hidden():
            return self._step(phase, streams, compiled) or super()._run(phase, streams, aim)

    def _examine(self, phase: Phase) -> _Compiled | None:
        """What the phase is compiled from; None, and said why, where it can't be."""
        optimizers = [self.optimizers[name] for name in phase.optimizers]
        reason = self._obstacle(phase, optimizers)
        if reason is None:
            return _Compiled(Carrier(self.method, phase), optimizers)
        self._refuse(phase, reason)
        return None

    def _obstacle(self, phase: Phase, optimizers: Sequence[torch.optim.Optimizer]) -> str | None:
        if not phase.compiles:
            return "it does not declare that it can be compiled"
        if self._scaler is not None:
            return "fp16 scales its loss by what earlier steps came to"
        if self._noise is not None:
            return "noise is put on its gradients"
        if self._size_of_pieces(phase) is not None:
            return "micro_batch_size cuts its batches"
        for optimizer in optimizers:
            if (found := obstacle(optimizer)) is not None:
                return found
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        if len({parameter.device for parameter in parameters}) > 1:
            return "its parameters are on several devices"
        return None

    def _refuse(self, phase: Phase, reason: str) -> None:
        self._phases[phase.name] = None
        self._tell(Compilation(phase=phase.name, reason=reason))

    def _step(self, phase: Phase, streams: Streams, compiled: _Compiled) -> Outcome | None:
        """A step as one graph; None, with nothing changed, where there is none."""
        if compiled.is_stale(self.clipping):
            parts = self._rehearse(phase, streams, compiled)
            reason = compiled.gather(parts, clipping=self.clipping, precision=self._precision)
            if reason is not None:
                self._refuse(phase, reason)
        graph, held = compiled.graph, compiled.held
        if graph is None or held is None:  # the optimisers make their state in their first step
            self._gradients_left = True
            return None
        compiled.set_rates(held.rates)
        with torch.no_grad():
            result = graph(held, streams)
        if result is None:
            result = self._compile(phase, streams, compiled, graph=graph, held=held)
        return None if result is None else _outcome(result)

    def _compile(
        self, phase: Phase, streams: Streams, compiled: _Compiled, *, graph: OneGraph, held: Held
    ) -> tuple[Any, ...] | None:
        """A step by a graph that is not there yet; None, and nothing changed, without success."""
        before = graph.count
        if before and self._rehearse(phase, streams, compiled).names != graph.step.names:
            self._refuse(phase, "batches of another form concern other parameters or buffers")
            return None
        kept = _Kept.of(held)
        try:
            with torch.no_grad(), self._hooks.hidden():
                result = graph.compile(held, streams)
        except CannotCompile as error:
            kept.put_back()
            self._refuse(phase, str(error))
            return None
        if graph.count > before:
            made = Compilation(phase=phase.name, graphs=graph.count, seconds=graph.seconds)
            self._tell(made)
        return result

    def _rehearse(self, phase: Phase, streams: Streams, compiled: _Compiled) -> _Parts:
        """See in the open what the loss depends on and what the forward pass writes into."""
        places = {id(p): name for name, p in compiled.carrier.named_parameters()}
        buffers = dict(compiled.carrier.named_buffers())
        before = {name: (buffer._version, buffer.clone()) for name, buffer in buffers.items()}
        parameters = [p for p in compiled.parameters() if id(p) in places and p.requires_grad]
        with untouched(self.method), self._hooks.hidden():
            loss = self._loss(phase, streams)
            found = torch.autograd.grad(loss.total, parameters, allow_unused=True)
            after = dict(compiled.carrier.named_buffers())
            replaced = [name for name, buffer in buffers.items() if after.get(name) is not buffer]
            # batch normalisation writes without counting it
            written = [
                name
                for name, (version, value) in before.items()
                if buffers[name]._version != version or not torch.equal(buffers[name], value)
            ]
        depends = [p for p, gradient in zip(parameters, found, strict=True) if gradient is not None]
        return _Parts(
            parameters={places[id(parameter)]: parameter for parameter in depends},
            buffers={name: buffers[name] for name in written},
            replaced=replaced,
        )


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What of a method takes part in a step, by name within its carrier."""

    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    replaced: Sequence[str]

    @property
    def names(self) -> tuple[str, ...]:
        """As a `WholeStep` has them."""
        return (*self.parameters, *self.buffers)


class _Compiled:
    """What a phase's graph is made of, and called with."""

    def __init__(self, carrier: Carrier, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.carrier = carrier
        self.held: Held | None = None
        self.graph: OneGraph | None = None
        self._optimizers = optimizers
        self._clipping: Clipping | None = None
        self._seen: list[tuple[torch.optim.Optimizer, object, object]] = []
        self._treated: list[object] = []
        self._groups: list[dict[str, Any]] = []
        self._members: list[Tensor] = []
        self._rates: list[float] = []

    def parameters(self) -> list[Tensor]:
        """All that the phase's optimisers update."""
        return [p for o in self._optimizers for group in o.param_groups for p in group["params"]]

    def is_stale(self, clipping: Clipping) -> bool:
        """Whether what was gathered is no longer what there is; loading a state replaces it."""
        if self.held is None or clipping is not self._clipping:
            return True
        for optimizer, groups, state in self._seen:
            if optimizer.param_groups is not groups or optimizer.state is not state:
                return True
            if has_hooks(optimizer):
                return True
        return self._treated != self._treatment()

    def _treatment(self) -> list[object]:
        """What the graph takes for fixed: options of the groups, and what is frozen."""
        frozen = [parameter.requires_grad for parameter in self._members]
        return [frozen, *({**group, "lr": None} for group in self._groups)]

    def gather(self, parts: _Parts, *, clipping: Clipping, precision: Precision) -> str | None:
        """Lay out all tensors; `held` stays None while an optimiser has not begun its state.

        Returns:
            Why there never will be a graph.
        """
        self.held = None
        for optimizer in self._optimizers:
            if (found := obstacle(optimizer)) is not None:
                return found
        if parts.replaced:
            return f"its forward pass assigns the buffer {parts.replaced[0]} anew"
        if not parts.parameters:
            return "its loss depends on none of its parameters"
        self._groups = [group for o in self._optimizers for group in o.param_groups]
        self._seen = [(o, o.param_groups, o.state) for o in self._optimizers]
        self._members = self.parameters()
        self._treated = self._treatment()
        self._clipping = clipping
        parameters = list(parts.parameters.values())
        laid_out = self._lay_out(parameters)
        if laid_out is None:
            return None
        kins, states = laid_out
        step = WholeStep(names=parts.names, kins=kins, clipping=clipping, precision=precision)
        if self.graph is None or self.graph.step != step:
            self.graph = OneGraph(step, self.carrier)
        self._rates = []
        rates = torch.zeros(len(self._groups), device=parameters[0].device)
        self.held = Held(parameters, list(parts.buffers.values()), states, rates)
        return None

    def _lay_out(
        self, parameters: Sequence[Tensor]
    ) -> tuple[tuple[Kin, ...], list[list[Tensor]]] | None:
        """Who is updated alike, and everybody's state; None while some of it is not there."""
        places = {id(parameter): place for place, parameter in enumerate(parameters)}
        alike: dict[tuple[int, float], tuple[Rule, list[int]]] = {}
        states: list[list[Tensor]] = [[] for _ in places]
        members = [(o, group) for o in self._optimizers for group in o.param_groups]
        for number, (optimizer, group) in enumerate(members):
            rule = rule_for(optimizer, group)
            for parameter in group["params"]:
                if id(parameter) not in places:
                    continue
                state = optimizer.state.get(parameter, {})
                if not is_filled(rule, state):
                    return None
                place = places[id(parameter)]
                states[place] = [state[key] for key in rule.keys]
                count = float(state["step"]) if "step" in rule.keys else 0.0
                alike.setdefault((number, count), (rule, []))[1].append(place)
        kins = tuple(Kin(rule, rate, tuple(all_of)) for (rate, _), (rule, all_of) in alike.items())
        return kins, states

    def set_rates(self, rates: Tensor) -> None:
        """Bring the learning rates over where they have changed."""
        present = [group["lr"] for group in self._groups]
        if present != self._rates:
            self._rates = present
            rates.copy_(torch.tensor(present, dtype=torch.float64))


@dataclass(frozen=True)
class _Kept:
    """What a step changes, as it was before."""

    tensors: list[Tensor]
    values: list[Tensor]
    random: dict[str, Any]

    @classmethod
    def of(cls, held: Held) -> _Kept:
        states = [tensor for state in held.states for tensor in state]
        tensors = [*held.parameters, *held.buffers, *states]
        return cls(tensors, [tensor.detach().clone() for tensor in tensors], _random.capture())

    @torch.no_grad()
    def put_back(self) -> None:
        for tensor, value in zip(self.tensors, self.values, strict=True):
            tensor.copy_(value)
        _random.restore(self.random)


def _outcome(result: tuple[Any, ...]) -> Outcome:
    mean, norm, left_out, total, count, terms, term_weights = result
    loss = Loss(total=total, count=count, terms=terms, term_weights=term_weights)
    if left_out.is_cpu:  # where reading it costs nothing
        applied = not left_out.item()
        return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=applied)
    return Outcome(loss=loss, mean=mean, gradient_norm=norm, applied=True, left_out=left_out)
