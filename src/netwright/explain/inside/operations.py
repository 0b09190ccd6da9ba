"""What autograd calls the operations of a graph, and which of them pass their derivative as it is.

Everything that is not listed is unknown here, so that an operation nobody thought of is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

__all__ = ["is_rectifier", "is_weighted", "of_scores", "passes_plainly", "shown"]

_WEIGHTED = {
    "Addbmm", "Addmm", "Addmv", "Baddbmm", "Bmm", "Convolution", "Linear", "MkldnnConvolution",
    "MkldnnLinear", "Mm", "Mv",
}  # fmt: skip
_POOLS_AND_SUMS = {
    "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D", "Add",
    "Amax", "AvgPool2D", "AvgPool3D", "Cumsum", "Div", "Dot", "FractionalMaxPool2D",
    "GridSampler2D", "GridSampler3D", "Max", "MaxPool2DWithIndices", "MaxPool3DWithIndices",
    "MaxUnpool2D", "MaxUnpool3D", "Mean", "MkldnnAdaptiveAvgPool2D", "MkldnnMaxPool2D", "Mul",
    "Neg", "Rsub", "Sub", "Sum",
}  # fmt: skip
_ARRANGEMENTS = {
    "AccumulateGrad", "Alias", "AsStrided", "Cat", "ChannelShuffle", "Clone", "Col2Im",
    "ConstantPadNd", "Copy", "Diagonal", "Expand", "Flip", "Gather", "Im2Col", "Index",
    "IndexSelect", "Permute", "PixelShuffle", "PixelUnshuffle", "ReflectionPad1D",
    "ReflectionPad2D", "ReflectionPad3D", "Repeat", "ReplicationPad1D", "ReplicationPad2D",
    "ReplicationPad3D", "ReshapeAlias", "Roll", "Select", "Slice", "Split", "SplitWithSizes",
    "Squeeze", "Stack", "T", "ToCopy", "Transpose", "Unbind", "Unfold", "UnsafeSplit",
    "UnsafeSplitWithSizes", "UnsafeView", "Unsqueeze", "UpsampleBicubic2D", "UpsampleBilinear2D",
    "UpsampleLinear1D", "UpsampleNearest1D", "UpsampleNearest2D", "UpsampleNearest3D",
    "UpsampleNearestExact2D", "UpsampleTrilinear3D", "View",
}  # fmt: skip
_NORMALISATIONS = {
    "CudnnBatchNorm", "MiopenBatchNorm", "NativeBatchNorm", "NativeDropout", "NativeGroupNorm",
    "NativeLayerNorm",
}  # fmt: skip
_PLAIN = _WEIGHTED | _POOLS_AND_SUMS | _ARRANGEMENTS | _NORMALISATIONS
_OF_SCORES = {
    "Div", "Exp", "Log", "LogSigmoid", "LogSoftmax", "Logsumexp", "Mul", "NllLoss", "NllLoss2D",
    "Pow", "Sigmoid", "Softmax", "Sqrt",
}  # fmt: skip

# An operation is no longer linear when all of these operands depend on the inputs.
_NOT_TOGETHER = {
    "Addbmm": (1, 2), "Addmm": (1, 2), "Addmv": (1, 2), "Baddbmm": (1, 2), "Bmm": (0, 1),
    "Convolution": (0, 1), "Div": (1,), "Dot": (0, 1), "GridSampler2D": (1,), "GridSampler3D": (1,),
    "Linear": (0, 1), "Mm": (0, 1), "Mul": (0, 1), "Mv": (0, 1),
}  # fmt: skip
_BEGINS_AT = {
    "Clamp": "_saved_min",
    "ClampMin": "_saved_min",
    "Hardtanh": "_saved_min_val",
    "Threshold": "_saved_threshold",
}
_NAMES = {
    "Bmm": "a matrix product",
    "CopySlices": "a change in place of a part of a tensor",
    "DifferentiableGraph": "a scripted block",
    "Elu": "ELU",
    "Gelu": "GELU",
    "Div": "a quotient",
    "LeakyRelu": "LeakyReLU",
    "Mm": "a matrix product",
    "Mul": "a product",
    "PreluKernel": "PReLU",
    "Silu": "SiLU",
}


def is_rectifier(node: Node) -> bool:
    """ReLU, or one that begins at 0 too: ReLU6, a clamp, a hard tanh, a threshold."""
    kind = _kind(node)
    if kind not in _BEGINS_AT:
        return kind == "Relu"
    bound = getattr(node, _BEGINS_AT[kind], None)
    return isinstance(bound, int | float) and bound == 0


def is_weighted(node: Node) -> bool:
    """Whether it belongs to a layer: it mixes what arrives by weights, or normalises it."""
    return _kind(node) in _WEIGHTED | _NORMALISATIONS


def of_scores(node: Node) -> bool:
    """Whether it is usual between the last layer and the score: softmax, logarithm, square."""
    return _kind(node) in _OF_SCORES


def passes_plainly(node: Node, way: Collection[Node]) -> bool:
    """Whether it is linear, a pool or a normalisation of what depends on the inputs.

    Args:
        node: the operation.
        way: all operations that depend on the inputs.
    """
    kind = _kind(node)
    if kind not in _PLAIN or _is_masked(node):
        return False
    operands = [below in way for below, _ in node.next_functions]
    return kind not in _NOT_TOGETHER or not all(operands[i] for i in _NOT_TOGETHER[kind])


def shown(node: Node) -> str:
    """What people call the operation."""
    kind = _kind(node)
    if isinstance(node, BackwardCFunction):
        return f"the autograd.Function {node.name().removesuffix('Backward')}"
    if kind in _BEGINS_AT:
        return f"{kind} that does not begin at 0"
    if kind in _PLAIN:
        return f"{_NAMES.get(kind, kind)} by what depends on the inputs itself"
    return "attention" if "ScaledDotProduct" in kind else _NAMES.get(kind, kind)


def _kind(node: Node) -> str:
    """The operation's name without its variant; none for an operation of somebody's own."""
    if isinstance(node, BackwardCFunction):
        return ""
    return re.sub(r"Backward(s|\d+)?$", "", node.name().rpartition("::")[2])


def _is_masked(node: Node) -> bool:
    """A choice by truth values can be a rectifier in disguise: x * (x > 0), x[x > 0].

    Also where they come as the numbers 0 and 1, one for each number of what they multiply.
    """
    names = {"Mul": ("self", "other"), "Index": ("indices",)}.get(_kind(node), ())
    saved = [getattr(node, f"_saved_{name}", None) for name in names]
    flat = [each for one in saved for each in (one if isinstance(one, tuple | list) else (one,))]
    return any(_is_truth(each) for each in flat if isinstance(each, torch.Tensor))


def _is_truth(factor: torch.Tensor) -> bool:
    if factor.dtype == torch.bool:
        return True
    if factor.ndim < 2 or len(factor) == factor.numel() or factor.requires_grad:
        return False  # a number, one for each channel or example, or a weight
    is_on = factor == 1
    return bool(is_on.any() and not is_on.all() and (is_on | (factor == 0)).all())
