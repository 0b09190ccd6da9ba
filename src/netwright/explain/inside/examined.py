"""A model while it is looked into, and as it was afterwards."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netwright._errors import BadType, must_be

__all__ = ["buffers_as_opened", "examined"]


# Modes and the random state belong to all threads: two that look into models would undo each other.
_ONE_AT_A_TIME = threading.RLock()
_PUT_BACK: dict[int, Callable[[], None]] = {}  # by the id of a model that is open


@contextmanager
def examined(model: nn.Module) -> Iterator[nn.Module]:
    """Within the block: the module that really runs, in evaluation mode, with gradients at hand.

    Whatever happens in the block, the model is left bit for bit as it was: modes, buffers, random
    state; a method adds its own hooks by `register_forward_hook` in a block of their own, and takes
    gradients by `torch.autograd.grad`, which writes none into the parameters. Compiled parts run
    uncompiled meanwhile, since their hooks and operations could not be seen.

    Args:
        model: any; one that `torch.compile` gave is opened.

    Raises:
        BadType: it is no module.
        BadValue: a lazy part of it has not run yet.
    """
    if not isinstance(model, nn.Module):
        raise must_be("model", "a torch.nn.Module", type(model).__name__, error=BadType)
    opened = _opened(model)
    modules = list(opened.modules())
    weights = [value for module in modules for value in module._parameters.values()]
    if any(value is not None and is_lazy(value) for value in weights):
        fix = "Run it once on inputs of the right shape."
        raise must_be("model", "one whose weights have shapes", type(opened).__name__, fix)
    with _ONE_AT_A_TIME, ExitStack() as undo:
        undo.enter_context(_uncompiled())
        undo.enter_context(torch.random.fork_rng(_devices(weights)))
        undo.enter_context(torch.inference_mode(False))
        undo.enter_context(torch.enable_grad())
        undo.enter_context(_buffers_kept(opened))
        for module in modules:
            if getattr(module, "training", False):  # a frozen module has no mode any more
                undo.callback(setattr, module, "training", True)
                module.training = False
        yield opened


def _opened(model: nn.Module) -> nn.Module:
    if "torch._dynamo" in sys.modules:
        from torch._dynamo import OptimizedModule

        if isinstance(model, OptimizedModule):
            return model._orig_mod
    return model


@contextmanager
def _uncompiled() -> Iterator[None]:
    if "torch._dynamo" not in sys.modules:  # nothing can have been compiled, and it loads slowly
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _devices(weights: Sequence[Tensor | None]) -> set[torch.device]:
    return {value.device for value in weights if value is not None and value.is_cuda}


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    before = _PUT_BACK.get(id(model))
    _PUT_BACK[id(model)] = put_back = _buffers_as_they_are(model)
    try:
        yield
    finally:
        del _PUT_BACK[id(model)]
        if before is not None:
            _PUT_BACK[id(model)] = before
        put_back()


def buffers_as_opened(model: nn.Module) -> Callable[[], None]:
    """What puts back the buffers as `examined` found them; as they are now of a part of a model.

    Args:
        model: opened by `examined`, or a part of such or around it.
    """
    return _PUT_BACK.get(id(model)) or _buffers_as_they_are(model)


def _buffers_as_they_are(model: nn.Module) -> Callable[[], None]:
    """Counters and caches that a run writes; those that come, go or are replaced too."""
    kept = []
    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule):
            own: Any = dict(module.named_buffers(recurse=False))
        else:
            own = module._buffers
        kept.append((own, dict(own)))
    values = {id(value): value for _, before in kept for value in before.values()}
    copies = [
        (value, value._version, value.detach().clone())
        for value in values.values()
        if value is not None and not value.is_inference()
    ]

    def put_back() -> None:
        for own, before in kept:
            if own.keys() != before.keys() or any(own[k] is not before[k] for k in before):
                own.clear()
                own.update(before)
        for value, version, copy in copies:
            if value._version != version or not torch.equal(value, copy):
                with torch.no_grad():
                    value.copy_(copy)

    return put_back
