"""Sees every operation that reaches torch's dispatcher, and writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter, tree_map

from netwright.models.graph.operations import Graph, Operation, Ref, Value

__all__ = ["Recorder"]

WRITE = "write"  # our own name for what a write through a view does to the rest of the memory


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down the operations of a block, and which tensors went from one to the other.

    Args:
        own: the model's parameters and buffers by name.
        arguments: what the model is called with.
    """

    def __init__(self, own: Mapping[str, Tensor], arguments: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self._values: list[Value] = []
        self._tensors: list[Tensor] = []  # by value; kept, as an id may be used again
        self._numbers: dict[int, int] = {}
        self._writes: dict[int, list[int]] = {}  # memory → values written into it, in order
        self._known: dict[int, int] = {}  # value → how many of these it holds already
        self._stack: list[tuple[str, int]] = []
        self._counts: dict[str, int] = {}
        self._outputs: tuple[int, ...] = ()
        for name, value in own.items():
            self._add(value, name=name)
        tensors = [one for one in tree_iter(arguments) if isinstance(one, Tensor)]
        names = ["input"] if len(tensors) == 1 else [f"input {n}" for n in range(len(tensors))]
        self._inputs = tuple(
            self._add(one, name=name) for one, name in zip(tensors, names, strict=True)
        )

    def enters(self, path: str) -> Any:
        """A hook that notes that a call of the module of that path begins."""

        def hook(*_: Any) -> None:
            self._counts[path] = self._counts.get(path, 0) + 1
            self._stack.append((path, self._counts[path]))

        return hook

    def leaves(self, *_: Any) -> None:
        """A hook that notes that the innermost call ends."""
        self._stack.pop()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Let it run, and write down what it was."""
        kwargs = kwargs or {}
        if func.namespace == "prim":  # asks for a device or a layout: nothing is computed
            return func(*args, **kwargs)
        arguments, keywords = tree_map(self._ref, (args, dict(kwargs)))
        result = func(*args, **kwargs)
        flops = _flops(func, args, kwargs, result)
        made = [one for one in tree_iter(result) if isinstance(one, Tensor)]
        written = _written_by(func, args, kwargs)
        self._note(func, arguments, keywords, made=made or written, flops=flops)
        for tensor in written:
            self._has_written(tensor)
        return result

    def finish(self, out: Any) -> None:
        """Note what came out."""
        tensors = [one for one in tree_iter(out) if isinstance(one, Tensor)]
        self._outputs = tuple(self._ref(one).value for one in tensors)

    def graph(self, model: nn.Module) -> Graph:
        """What was written down."""
        modules = dict(model.named_modules())
        return Graph(
            operations=tuple(self.operations),
            values=tuple(self._values),
            inputs=self._inputs,
            outputs=self._outputs,
            modules={path: type(module).__name__ for path, module in modules.items()},
            leaves=frozenset(p for p, module in modules.items() if not any(module.children())),
            parameters={name: value.numel() for name, value in model.named_parameters()},
        )

    def _note(
        self,
        func: Any,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        made: list[Tensor],
        flops: int | None,
    ) -> None:
        number = len(self.operations)
        leaves = tree_iter((arguments, keywords))
        read = tuple(dict.fromkeys(one.value for one in leaves if isinstance(one, Ref)))
        memories = {_memory(self._tensors[value]) for value in read}
        is_ours = isinstance(func, str)
        operation = Operation(
            number=number,
            name=func if is_ours else func.overloadpacket.__name__,
            target=None if is_ours else func,
            calls=tuple(self._stack),
            arguments=arguments,
            keywords=keywords,
            inputs=read,
            outputs=tuple(
                self._add(one, origin=number, owns_memory=_memory(one) not in memories)
                for one in made
            ),
            flops=flops,
        )
        self.operations.append(operation)

    def _add(
        self, tensor: Tensor, *, origin: int | None = None, name: str = "", owns_memory: bool = True
    ) -> int:
        number = len(self._values)
        self._values.append(
            Value(
                number=number,
                shape=tuple(tensor.shape),
                stride=tensor.stride(),
                offset=int(tensor.storage_offset()),
                bytes=tensor.numel() * tensor.element_size(),
                origin=origin,
                name=name,
                owns_memory=owns_memory,
            )
        )
        self._tensors.append(tensor)
        self._numbers[id(tensor)] = number
        self._known[number] = len(self._writes.get(_memory(tensor), ()))
        return number

    def _ref(self, one: Any) -> Any:
        """The number that stands for a tensor, brought up to date; anything else as it is."""
        if not isinstance(one, Tensor):
            return one
        if id(one) not in self._numbers:
            return Ref(self._add(one))
        number = self._numbers[id(one)]
        for source in self._writes.get(_memory(one), [])[self._known[number] :]:
            self._note(WRITE, (Ref(number), Ref(source)), {}, made=[one], flops=0)
            number = self._numbers[id(one)]
        return Ref(number)

    def _has_written(self, tensor: Tensor) -> None:
        number = self._numbers[id(tensor)]
        written = self._writes.setdefault(_memory(tensor), [])
        written.append(number)
        self._known[number] = len(written)


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _written_by(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors among its arguments that an operation writes into."""
    found = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = kwargs.get(argument.name, args[place] if place < len(args) else None)
            found += [one for one in tree_iter(given) if isinstance(one, Tensor)]
    return found


def _flops(func: Any, args: Any, kwargs: Any, result: Any) -> int | None:
    """What torch's own counter has for it."""
    from torch.utils.flop_counter import flop_registry

    formula = flop_registry.get(func._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=result))
