"""Networks of which each process keeps a part, brought together block by block (FSDP2).

Paper: PyTorch FSDP: experiences on scaling fully sharded data parallel, Zhao et al. 2023,
    https://arxiv.org/abs/2304.11277
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from netwright._errors import must_be
from netwright.data.batch import Batch, Streams, map_tensors
from netwright.data.source import Share
from netwright.methods.base import Method
from netwright.train.distribute.reducing import Reducer
from netwright.train.distribute.world import World
from netwright.train.optimizers.reevaluating import reevaluates
from netwright.train.update import Updater

__all__ = ["ShardedWorld"]


class ShardedWorld(World):
    """Several processes that each keep a part of every parameter, its gradient and its moments.

    When to use it: the network with its optimiser doesn't fit into one device's memory. It learns
    what data parallelism learns. Parameters that no network owns that is called as one (those of
    the method itself, numbers without a dimension) stay whole everywhere.
    """

    def worked_on(self, method: Method) -> Method:
        """A copy: the modules of the one that is laid out are no plain modules again."""
        return copy.deepcopy(method)

    def prepare(self, method: Method, device: torch.device) -> None:
        """See `Processes.prepare`."""
        super().prepare(method, device)
        self.begin(method)
        for parameter in method.parameters():
            parameter.data = parameter.data.contiguous()  # FSDP knows no other layout
        mesh = init_device_mesh(device.type, (self.share.of,))
        scalars = {parameter for parameter in method.parameters() if parameter.ndim == 0}
        self._networks = list(_networks(method))
        for network in self._networks:
            for block in [*_blocks(network), network]:
                _shard(block, mesh=mesh, ignored=scalars)

    def begin(self, method: Method) -> None:
        """See `Processes.begin`; what is kept in parts has no other copy."""
        every = (*method.parameters(), *method.buffers())
        self._spread([tensor for tensor in every if not isinstance(tensor, DTensor)])

    def updater(self, method: Method, optimizers: Mapping[str, Any], **options: Any) -> Updater:
        """See `Processes.updater`."""
        if options.get("noise") is not None:
            raise must_be("distribution", "data-parallel with gradient_noise", "fsdp")
        for name, optimizer in optimizers.items():
            if reevaluates(optimizer):
                raise must_be(
                    "distribution",
                    f"data-parallel with {type(optimizer).__name__}, which takes the gradient "
                    "again",
                    f"fsdp, for the optimizer {name}",
                )
            if options.get("scaler") is not None and len(_kinds(optimizer.param_groups)) > 1:
                raise must_be(
                    "precision",
                    "fp32 or bf16 with fsdp where some parameters stay whole",
                    "fp16",
                )
            _without_unknown_kernels(optimizer)
        return super().updater(method, optimizers, **options)

    def pieces(self, streams: Streams, pieces: list[Streams]) -> list[Streams]:
        """See `World.pieces`: each needs the others in every forward pass, so all make as many."""
        most = torch.tensor(len(pieces))
        dist.all_reduce(most, op=dist.ReduceOp.MAX)
        return pieces if len(pieces) == most else list(_cut(streams, int(most)))

    def reducer(self, parameters: Sequence[Tensor]) -> Reducer:
        """What adds up the gradients of those parameters that are whole."""
        sharded = [one for one in self._networks if isinstance(one, FSDPModule)]
        return _ShardedReducer(parameters, world=self, networks=sharded)

    def whole(self, state: Any) -> Any:
        """See `Processes.whole`."""
        return map_tensors(state, _whole)

    def laid_out(self, value: Tensor, like: Tensor) -> Tensor:
        """See `Processes.laid_out`."""
        if not isinstance(like, DTensor) or value.shape != like.shape:
            return value
        mesh = like.device_mesh
        given = value.to(mesh.device_type)
        return distribute_tensor(given, mesh, like.placements, src_data_rank=None)

    def _in_place_of_none(self, batch: Any, present: Sequence[bool]) -> Any:
        """The first one's: an answer takes all of them, as each has a part of the network."""
        if all(present):
            return batch
        given = [batch]
        dist.broadcast_object_list(given, src=present.index(True), device=torch.device("cpu"))
        return given[0] if batch is None else batch


class _ShardedReducer(Reducer):
    """Adds up what FSDP leaves alone, and knows which part of a gradient is here."""

    def __init__(
        self, parameters: Sequence[Tensor], *, world: World, networks: Sequence[FSDPModule]
    ) -> None:
        sharded = [one for one in parameters if isinstance(one, DTensor)]
        super().__init__([one for one in parameters if not isinstance(one, DTensor)], world=world)
        self.given = parameters
        self._sharded, self._networks = sharded, networks

    def hold(self) -> None:
        """See `Reducer.hold`."""
        for network in self._networks:
            network.set_requires_gradient_sync(False)

    def arm(self) -> None:
        """See `Reducer.arm`."""
        super().arm()
        for network in self._networks:
            network.set_requires_gradient_sync(True)

    def finish(self, factor: Callable[[], Tensor]) -> list[Tensor]:
        """See `Reducer.finish`."""
        whole = super().finish(factor)
        present = [parameter for parameter in self._sharded if parameter.grad is not None]
        if present:
            torch._foreach_mul_(self.local_gradients(present), factor())
        return [*whole, *present]

    def norm(self, parameters: Sequence[Tensor]) -> Tensor:
        """See `Reducer.norm`."""
        parts = [one for one in parameters if isinstance(one, DTensor)]
        norms = [super().norm([one for one in parameters if not isinstance(one, DTensor)])]
        if parts:
            squares = super().norm(parts).square()
            dist.all_reduce(squares)
            norms.append(squares.sqrt())
        norm: Tensor = torch.linalg.vector_norm(torch.stack([one.to(norms[-1]) for one in norms]))
        return norm

    @torch.no_grad()
    def local_gradients(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """See `Reducer.local_gradients`."""
        return [
            gradient.to_local() if isinstance(gradient, DTensor) else gradient
            for gradient in super().local_gradients(parameters)
        ]


def _cut(streams: Streams, count: int) -> Iterator[Streams]:
    """So many micro-batches, each with a share of every stream."""
    batches = {"": streams} if isinstance(streams, Batch) else streams
    for piece in range(count):
        cut = {}
        for name, batch in batches.items():
            start, stop = Share(rank=piece, of=count).bounds(0, len(batch))
            if start == stop:
                raise must_be(
                    "micro_batch_size",
                    "larger with fsdp, so that no process has fewer pieces than another",
                    f"{count} pieces of {len(batch)} examples",
                )
            cut[name] = batch[start:stop]
        yield cut[""] if isinstance(streams, Batch) else cut


def _networks(method: nn.Module) -> Iterator[nn.Module]:
    """The outermost modules that are called: those within a bare list or mapping of modules too."""
    for child in method.children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _networks(child)
        elif any(True for _ in child.parameters()):
            yield child


def _blocks(network: nn.Module) -> list[nn.Module]:
    """The repeated parts of a network, innermost first: members of lists with parts of their own.

    One that shares a parameter with the rest of the network is left to the network.
    """
    members = [
        member
        for group in network.modules()
        if isinstance(group, (nn.Sequential, nn.ModuleList))
        for member in group
        if any(True for _ in member.children())
        and any(True for _ in member.parameters())
        and not isinstance(member, (nn.ModuleList, nn.ModuleDict))
    ]
    owners = Counter(
        id(parameter)
        for module in network.modules()
        for parameter in module._parameters.values()
        if parameter is not None
    )
    alone = [m for m in members if all(owners[id(one)] == 1 for one in m.parameters())]
    return list(reversed(alone))


def _shard(module: nn.Module, *, mesh: DeviceMesh, ignored: set[nn.Parameter]) -> None:
    # the root too gives its whole parameters back after each forward pass: what is copied into the
    # parts in between (an average, a snapshot) would not be seen otherwise
    sharded = fully_shard(module, mesh=mesh, reshard_after_forward=True, ignored_params=ignored)
    sharded.set_gradient_divide_factor(1.0)  # the sum; the count is divided by at the end
    sharded.set_force_sum_reduction_for_comms(True)


def _without_unknown_kernels(optimizer: torch.optim.Optimizer) -> None:
    """Take the kernels that know parts; none takes whole tensors and parts together."""
    knows = isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW))
    for group in optimizer.param_groups:
        kinds = _kinds([group])
        for name in ("fused", "foreach"):
            if name in group and (len(kinds) > 1 or (True in kinds and not knows)):
                group[name] = False


def _kinds(groups: Sequence[Mapping[str, Any]]) -> set[bool]:
    """Whether their parameters are kept in parts: some are, some are not."""
    return {isinstance(parameter, DTensor) for group in groups for parameter in group["params"]}


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
