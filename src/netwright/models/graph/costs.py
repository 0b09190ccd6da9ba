"""How much arithmetic an operation does.

A multiply-add is one multiplication with its addition, as convolutions, matrix products and
attention do them; torch's own counter has the formulas. FLOPs are twice these, and beside them one
addition for each bias and what the other operations do, counted as follows: one for each element of
the result of pointwise arithmetic and of a function such as exp or sigmoid; one for each element
that a pooling window, a mean or a sum takes in; two for an element of batch normalisation (its
statistics are known when it is used), eight for layer and group normalisation, five for softmax;
what linear up-sampling weighs and adds. Moving, copying and filling cost none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from netwright.models.graph.call import Call
from netwright.models.graph.operations import Graph, Operation, Ref

__all__ = ["COSTS_NOTHING", "Cost", "cost_of"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an operation costs.

    Attributes:
        multiply_adds: multiplications, each with its addition.
        flops: all multiplications, additions and functions.
        is_counted: False where there is no formula for it.
    """

    multiply_adds: int = 0
    flops: int = 0
    is_counted: bool = True


def cost_of(operation: Operation, graph: Graph) -> Cost:
    """The arithmetic of one operation."""
    if operation.flops is not None:
        biases = _results(operation, graph) if _has_bias(operation) else 0
        return Cost(multiply_adds=operation.flops // 2, flops=operation.flops + biases)
    if operation.name.startswith("_scaled_dot_product"):
        return _attention(operation, graph)
    name = operation.name if operation.name in _PER_RESULT else operation.name.removesuffix("_")
    if name in COSTS_NOTHING or not operation.outputs:
        return Cost()
    if name in _PER_RESULT:
        return Cost(flops=_PER_RESULT[name] * _results(operation, graph))
    if name in _PER_INPUT:
        return Cost(flops=prod(graph.values[operation.inputs[0]].shape))
    if name in _WINDOWED:
        size = Call(operation, graph.values, {}).arguments["kernel_size"]
        window = prod(size) if len(size) > 1 else size[0] ** int(name.split("pool")[1][0])
        return Cost(flops=window * _results(operation, graph))
    return Cost(is_counted=False)


def _attention(operation: Operation, graph: Graph) -> Cost:
    """Kernels that older counters don't know: queries by keys, then weights by values."""
    query, key, value = (graph.values[one.value].shape for one in operation.arguments[:3])
    products = prod(query[:-1]) * key[-2] * (query[-1] + value[-1])
    return Cost(multiply_adds=products, flops=2 * products)


def _results(operation: Operation, graph: Graph) -> int:
    return prod(graph.values[operation.outputs[0]].shape)


def _has_bias(operation: Operation) -> bool:
    if operation.name in {"addmm", "baddbmm"}:
        return True
    third = operation.arguments[2] if len(operation.arguments) > 2 else None
    return operation.name == "convolution" and isinstance(third, Ref)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


COSTS_NOTHING = _names(
    "view _unsafe_view reshape permute transpose t squeeze unsqueeze select slice "
    "split split_with_sizes chunk unsafe_split unsafe_chunk unbind expand cat stack clone copy "
    "detach alias "
    "_to_copy to lift_fresh contiguous as_strided empty empty_like new_empty "
    "new_empty_strided zeros zeros_like new_zeros ones ones_like new_ones full "
    "full_like new_full fill zero arange scalar_tensor constant_pad_nd "
    "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
    "replication_pad2d replication_pad3d index embedding flip roll repeat "
    "pixel_shuffle pixel_unshuffle gather channel_shuffle native_channel_shuffle "
    "unfold write upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "_upsample_nearest_exact1d _upsample_nearest_exact2d linspace eye tril triu "
    "_upsample_nearest_exact3d native_dropout bernoulli rand randn rand_like "
    "randn_like _local_scalar_dense index_put select_scatter slice_scatter im2col"
)
_WINDOWED = _names(
    "max_pool2d_with_indices max_pool3d_with_indices max_pool2d max_pool3d "
    "avg_pool1d avg_pool2d avg_pool3d"
)
_PER_INPUT = _names(
    "mean sum amax amin max min prod argmax argmin any all cumsum "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d linalg_vector_norm"
)
_PER_RESULT = {
    **dict.fromkeys(
        _names(
            "add sub rsub mul div neg abs relu relu6 hardtanh sigmoid hardsigmoid tanh gelu "
            "silu mish hardswish leaky_relu elu celu selu softplus threshold clamp "
            "clamp_min clamp_max exp expm1 log log1p log2 sqrt rsqrt pow square reciprocal "
            "sign floor ceil round erf sin cos where maximum minimum eq ne lt le gt ge "
            "logical_not logical_and logical_or masked_fill _prelu_kernel prelu "
            "log_sigmoid_forward nan_to_num softshrink hardshrink"
        ),
        1,
    ),
    **dict.fromkeys(
        _names(
            "addcmul addcdiv lerp native_batch_norm _native_batch_norm_legit_no_training "
            "cudnn_batch_norm miopen_batch_norm batch_norm"
        ),
        2,
    ),
    **dict.fromkeys(
        _names("native_layer_norm native_group_norm layer_norm group_norm"),
        8,
    ),
    **dict.fromkeys(
        _names("_softmax _safe_softmax _log_softmax"),
        5,
    ),
    **dict.fromkeys(
        _names("upsample_linear1d"),
        3,
    ),
    **dict.fromkeys(
        _names("upsample_bilinear2d"),
        7,
    ),
    **dict.fromkeys(
        _names("upsample_trilinear3d"),
        15,
    ),
    **dict.fromkeys(
        _names("upsample_bicubic2d"),
        31,
    ),
}
