"""What a model computes, written down while it runs.

The model runs once on stand-in tensors that have shapes and no values, below Python and autograd,
so that whatever really happened is recorded: functional calls, reused modules, control flow, writes
in place. Where a model asks for a value (`if x.sum() > 0`), a copy of it runs on real numbers.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from netwright._errors import BadType, NothingObserved, must_be
from netwright.models.graph.operations import Graph
from netwright.models.graph.recorder import Recorder

__all__ = ["numbers_of", "record", "refuse_others"]


def record(model: nn.Module, inputs: Tensor | Sequence[Any]) -> Graph:
    """Write down what `model` computes for `inputs`, in evaluation mode.

    The model stays as it was: no weight, buffer, gradient, mode or random state changes, and no
    number is computed unless the model asks for one.

    Args:
        model: any module; parameters may be on any device, the meta device too.
        inputs: a tensor; several, which are handed over in their order; only their shapes count.

    Example:
        >>> graph = record(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), torch.zeros(1, 3, 9, 9))
        >>> [operation.name for operation in graph.operations]
        ['convolution', 'relu']

    Raises:
        BadType: `model` is no module, or lazy ones in it were never called.
        NothingObserved: it ran no operation.
    """
    refuse_others(model)
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    lazy = [name for name, value in model.named_parameters() if nn.parameter.is_lazy(value)]
    if lazy:
        fix = "Call the model once on real inputs."
        raise must_be("model", "of known shapes", lazy, fix, error=BadType)
    recorder = _on_stand_ins(model, given)
    if not recorder.operations:
        raise NothingObserved(
            f"model must compute something to be drawn, got {type(model).__name__} without one "
            "operation of torch's. Give the module that does the work."
        )
    return recorder.graph(model)


def refuse_others(model: object) -> None:
    """Refuse what is no module.

    Raises:
        BadType: it is none.
    """
    if not isinstance(model, nn.Module):
        raise must_be("model", "a torch.nn.Module", type(model).__name__, error=BadType)


def numbers_of(model: nn.Module) -> Tensor:
    """A scalar that lies where the model's numbers do, and is of their kind."""
    own = (*model.parameters(), *model.buffers())
    like = next((one for one in own if one.is_floating_point()), torch.zeros(()))
    return torch.zeros((), dtype=like.dtype, device=like.device)


def _on_stand_ins(model: nn.Module, given: tuple[Any, ...]) -> Recorder:
    from torch._subclasses import fake_tensor
    from torch.fx.experimental import symbolic_shapes

    mode = fake_tensor.FakeTensorMode(allow_non_fake_inputs=True)
    own = dict(model.named_parameters()) | dict(model.named_buffers())
    stand_ins: dict[str, Tensor] = {
        name: mode.from_tensor(value.detach()) for name, value in own.items()
    }
    arguments = tree_map(lambda one: mode.from_tensor(one) if _is_tensor(one) else one, given)
    recorder = Recorder(stand_ins, arguments)
    asks_for_values = (
        fake_tensor.DataDependentOutputException,
        fake_tensor.DynamicOutputShapeException,
        symbolic_shapes.GuardOnDataDependentSymNode,
    )
    try:
        with _quietly(model, recorder), mode, recorder:
            out = torch.func.functional_call(model, stand_ins, arguments)
    except asks_for_values:
        return _on_numbers(model, given)
    recorder.finish(out)
    return recorder


def _on_numbers(model: nn.Module, given: tuple[Any, ...]) -> Recorder:
    double = copy.deepcopy(model)
    own = dict(double.named_parameters()) | dict(double.named_buffers())
    recorder = Recorder(own, given)
    devices = {value.device for value in own.values() if value.device.type == "cuda"}
    with torch.random.fork_rng(devices), _quietly(double, recorder), recorder:
        out = double(*given)
    recorder.finish(out)
    return recorder


@contextmanager
def _quietly(model: nn.Module, recorder: Recorder) -> Iterator[None]:
    """Run in evaluation mode without gradients, every module announcing itself; then as before."""
    modes = {module: module.training for module in model.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    log = logging.getLogger("torch._subclasses.fake_tensor")  # tells of errors that are raised too
    with ExitStack() as undo, torch.no_grad():
        undo.callback(setattr, log, "disabled", log.disabled)
        log.disabled = True
        undo.callback(torch.backends.mha.set_fastpath_enabled, fast)
        undo.callback(setattr, torch.backends.mkldnn, "enabled", torch.backends.mkldnn.enabled)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # its LSTM is opaque, too
        torch.backends.mha.set_fastpath_enabled(False)  # one opaque operation for a whole block
        for path, module in model.named_modules():
            undo.callback(setattr, module, "training", modes[module])
            module.training = False
            enter = module.register_forward_pre_hook(recorder.enters(path), prepend=True)
            leave = module.register_forward_hook(recorder.leaves, always_call=True)
            undo.callback(enter.remove)
            undo.callback(leave.remove)
        yield


def _is_tensor(one: object) -> bool:
    return isinstance(one, Tensor)
