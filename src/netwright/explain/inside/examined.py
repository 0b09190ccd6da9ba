"""A model while it is looked into, and as it was afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from netwright._errors import BadType, must_be

__all__ = ["examined"]


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
    """
    if not isinstance(model, nn.Module):
        raise must_be("model", "a torch.nn.Module", type(model).__name__, error=BadType)
    opened = _opened(model)
    with ExitStack() as undo:
        undo.enter_context(_uncompiled())
        undo.enter_context(torch.random.fork_rng(_devices(opened)))
        undo.enter_context(torch.inference_mode(False))
        undo.enter_context(torch.enable_grad())
        undo.enter_context(_buffers_kept(opened))
        for module in opened.modules():
            if module.training:
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


def _devices(model: nn.Module) -> set[torch.device]:
    return {value.device for value in model.parameters() if value.device.type == "cuda"}


@contextmanager
def _buffers_kept(model: nn.Module) -> Iterator[None]:
    """Put back what a forward pass writes in evaluation mode too: counters, caches."""
    before = {
        name: (value, value._version, value.detach().clone())
        for name, value in model.named_buffers()
        if not value.is_inference()
    }
    owners = {name: model.get_submodule(name.rpartition(".")[0]) for name in before}
    try:
        yield
    finally:
        for name, (value, version, kept) in before.items():
            owner, own = owners[name], name.rpartition(".")[2]
            if owner._buffers.get(own) is not value:
                owner._buffers[own] = value
            if value._version != version:
                with torch.no_grad():
                    value.copy_(kept)
