"""Which rule each of torch's operations follows.

Normalisations are taken as neutral: what the statistics of batch, layer, group and instance
normalisation see is not counted. An operation that is in no table here is unknown, and said so.
"""

from __future__ import annotations

from netwright.models.graph import moving, sums, windowed, windows
from netwright.models.graph.call import Rule

__all__ = ["rule_of"]


def rule_of(name: str) -> Rule | None:
    """How intervals go through the operation of that name; None where that is not known."""
    name = name if name in _RULES else name.removesuffix("_")  # in place
    if name.startswith("_scaled_dot_product"):
        return sums.attention
    return _RULES.get(name)


def _table(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, Rule] = {
    **_table(
        sums.pointwise,
        "add sub rsub mul div neg abs relu relu6 hardtanh sigmoid hardsigmoid tanh gelu silu mish "
        "hardswish leaky_relu elu celu selu softplus softshrink hardshrink threshold clamp "
        "clamp_min clamp_max exp expm1 log log1p log2 sqrt rsqrt pow square reciprocal sign floor "
        "ceil round erf sin cos atan where maximum minimum addcmul addcdiv lerp eq ne lt le gt ge "
        "logical_not logical_and logical_or masked_fill _prelu_kernel prelu clone detach alias "
        "_to_copy lift_fresh to contiguous log_sigmoid_forward glu_pointwise bitwise_and "
        "bitwise_or bitwise_not fmod remainder nan_to_num bernoulli positive atan2",
    ),
    **_table(
        sums.keeps_the_first,
        "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
        "cudnn_batch_norm miopen_batch_norm native_layer_norm native_group_norm native_dropout "
        "_fused_rms_norm rms_norm batch_norm layer_norm group_norm",
    ),
    **_table(sums.keeps_the_second, "copy"),
    **_table(
        sums.nothing,
        "empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full "
        "rand_like randn_like zero fill new_empty_strided",
    ),
    **_table(
        sums.reduced,
        "mean sum amax amin max min prod var std var_mean std_mean logsumexp linalg_vector_norm "
        "argmax argmin any all norm median",
    ),
    **_table(sums.along, "_softmax _safe_softmax _log_softmax sort topk"),
    **_table(sums.product, "mm bmm addmm baddbmm matmul"),
    **_table(sums.linear, "linear"),
    **_table(windowed.convolution, "convolution"),
    **_table(
        windowed.pooled,
        "max_pool2d_with_indices max_pool3d_with_indices max_pool2d max_pool3d avg_pool1d "
        "avg_pool2d avg_pool3d",
    ),
    **_table(
        windowed.adaptive,
        "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_max_pool2d "
        "adaptive_max_pool3d",
    ),
    **_table(
        windowed.nearest(exact=False), "upsample_nearest1d upsample_nearest2d upsample_nearest3d"
    ),
    **_table(
        windowed.nearest(exact=True),
        "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d",
    ),
    **_table(
        windowed.interpolated(windows.linear),
        "upsample_linear1d upsample_bilinear2d upsample_trilinear3d",
    ),
    **_table(windowed.interpolated(windows.cubic), "upsample_bicubic2d"),
    **_table(windowed.padded, "constant_pad_nd"),
    **_table(
        windowed.edge_padded(lambda positions, size: positions.clamp(0, size - 1)),
        "replication_pad1d replication_pad2d replication_pad3d",
    ),
    **_table(
        windowed.edge_padded(windowed.reflected),
        "reflection_pad1d reflection_pad2d reflection_pad3d",
    ),
    **_table(moving.joined, "cat"),
    **_table(moving.stacked, "stack"),
    **_table(moving.viewed, "view _unsafe_view reshape"),
    **_table(moving.restrided, "as_strided"),
    **_table(moving.moved(moving.permuted), "permute"),
    **_table(moving.moved(moving.swapped), "transpose t"),
    **_table(moving.moved(moving.dropped), "squeeze select unbind"),
    **_table(moving.moved(moving.inserted), "unsqueeze"),
    **_table(moving.moved(moving.broadcast), "expand"),
    **_table(moving.moved(moving.cut), "split split_with_sizes chunk unsafe_split unsafe_chunk"),
    **_table(moving.moved(lambda _: {}), "flip roll repeat unfold pixel_unshuffle movedim"),
    **_table(moving.moved(moving.same_places), "channel_shuffle native_channel_shuffle"),
    **_table(moving.sliced, "slice"),
    **_table(moving.shuffled, "pixel_shuffle"),
    **_table(moving.looked_up, "embedding"),
    **_table(moving.written, "write"),
}
