"""Layers by name: torch's own where it has them, ours where nobody keeps them."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["LAYERS"]

_HERE = "netwright.models.layers"


def _ours(name: str, place: str, summary: str) -> Entry:
    return Entry(name=name, target=f"{_HERE}.{place}", summary=summary)


def _torchs(name: str, cls: str, summary: str) -> Entry:
    return Entry(name=name, target=f"torch.nn:{cls}", summary=summary)


LAYERS = Catalogue(
    "layer",
    (
        _torchs("linear", "Linear", "every output sees every input"),
        _torchs("embedding", "Embedding", "a learned vector for each of so many things"),
        _ours("convolution", "convolution:convolution", "padded same, full or valid, any stride"),
        _ours(
            "separable-convolution",
            "separable_convolution:SeparableConvolution",
            "depthwise, then 1x1: few weights",
        ),
        _ours(
            "transposed-convolution",
            "transposed_convolution:transposed_convolution",
            "enlarges exactly by its stride",
        ),
        _torchs("max-pooling", "MaxPool2d", "the maximum of each window; its switches on request"),
        _torchs("mean-pooling", "AvgPool2d", "the mean of each window"),
        _ours("median-pooling", "median_pool:MedianPool2d", "the median of each window"),
        _torchs("max-unpooling", "MaxUnpool2d", "each value back to where its maximum was"),
        _torchs("global-average-pooling", "AdaptiveAvgPool2d", "the mean of each map: size 1"),
        _torchs("upsampling", "Upsample", "enlarges: mode nearest, bilinear"),
        _torchs("batch-norm", "BatchNorm2d", "mean 0 and variance 1 over the batch, then a scale"),
        _ours(
            "domain-batch-norm",
            "domain_batch_norm:DomainBatchNorm",
            "batch norm with statistics of each domain",
        ),
        _ours(
            "local-response-norm",
            "local_response_norm:local_response_norm",
            "divided by what neighbouring channels hold: AlexNet's",
        ),
        _torchs("dropout", "Dropout", "a share of the units set to zero in training"),
        _ours("residual", "residual_block:BasicBlock", "two convolutions added to what came in"),
        _ours("bottleneck", "residual_block:Bottleneck", "residual through few channels"),
        _ours("inception", "inception:Inception", "windows of several sizes side by side"),
        _ours("dense", "dense_block:DenseBlock", "each layer sees all before it"),
        _ours("squeeze-excite", "squeeze_excite:SqueezeExcite", "channels weighed by the picture"),
        _ours("hourglass", "hourglass:Hourglass", "half the resolution and back, added"),
        _ours("switched-hourglass", "hourglass:SwitchedHourglass", "back up by max-unpooling"),
        _ours("attention", "attention:Attention", "queries, keys and values, several heads"),
        _ours("attention-block", "attention_block:AttentionBlock", "attention between pixels"),
        _ours("absolute-position", "position:AbsolutePosition", "a learned vector for each place"),
        _ours("relative-position", "position:RelativePosition", "a learned number an offset"),
    ),
)
