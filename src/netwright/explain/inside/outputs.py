"""What comes out of layers while a model answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from netwright._errors import NetwrightError, must_be

__all__ = ["not_used", "output_of", "watched"]


@contextmanager
def watched(
    layers: Mapping[str, nn.Module], look: Callable[[str, nn.Module, Any], None]
) -> Iterator[None]:
    """Within the block `look` is called with path, module and output whenever one of them answers.

    Args:
        layers: path → module; opened by `examined`.
        look: may keep the output only as a copy, since the next operation may write into it.
    """
    with ExitStack() as stack:
        for path, module in layers.items():
            hook = module.register_forward_hook(partial(_show, look, path))
            stack.callback(hook.remove)
        yield


def output_of(model: nn.Module, inputs: Any, *, path: str) -> Any:
    """What a layer gives at its last call while the model answers; gradients pass.

    Args:
        model: opened by `examined`.
        inputs: what it takes.
        path: of the layer.

    Raises:
        BadValue: the model declares the layer and does not use it.
    """
    kept: list[Any] = []

    def look(_path: str, _module: nn.Module, output: Any) -> None:
        kept[:] = [output.clone() if isinstance(output, Tensor) else output]

    with watched({path: model.get_submodule(path)}, look):
        model(inputs)
    if not kept:
        raise not_used(path)
    return kept[0]


def not_used(path: str) -> NetwrightError:
    """The refusal of a layer that the model declares and does not call."""
    fix = "The model does not call it for these inputs; name another."
    return must_be("layer", "one that the model uses", path, fix)


def _show(
    look: Callable[[str, nn.Module, Any], None],
    path: str,
    module: nn.Module,
    _arguments: Any,
    output: Any,
) -> None:
    look(path, module, output)
