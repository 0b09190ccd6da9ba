"""Every loss by name."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

_HERE = "netwright.losses"

CATALOGUE = Catalogue(
    "loss",
    (
        Entry(
            name="cross-entropy",
            target=f"{_HERE}.cross_entropy:cross_entropy",
            summary="classes, from logits; with label smoothing",
            paper="Rethinking the Inception Architecture for Computer Vision, 2016, "
            "https://arxiv.org/abs/1512.00567",
        ),
        Entry(
            name="binary-cross-entropy",
            target=f"{_HERE}.binary_cross_entropy:binary_cross_entropy",
            summary="two classes or label sets, from logits",
        ),
        Entry(
            name="ordinal",
            target=f"{_HERE}.ordinal:ordinal",
            summary="classes that have an order: proportional odds",
            paper="Regression Models for Ordinal Data, 1980, "
            "https://doi.org/10.1111/j.2517-6161.1980.tb01109.x",
        ),
        Entry(name="poisson", target=f"{_HERE}.poisson:poisson", summary="counts, from log-rates"),
        Entry(
            name="gaussian-nll",
            target=f"{_HERE}.gaussian_nll:gaussian_nll",
            summary="numbers with a mean and a variance of their own",
            paper="Estimating the Mean and Variance of the Target Probability Distribution, 1994, "
            "https://doi.org/10.1109/ICNN.1994.374138",
        ),
        Entry(
            name="squared-error",
            target=f"{_HERE}.squared_error:squared_error",
            summary="numbers: the mean",
        ),
        Entry(
            name="absolute-error",
            target=f"{_HERE}.absolute_error:absolute_error",
            summary="numbers: the median",
        ),
        Entry(
            name="huber",
            target=f"{_HERE}.huber:huber",
            summary="numbers: deaf to wild targets",
            paper="Robust Estimation of a Location Parameter, 1964, "
            "https://doi.org/10.1214/aoms/1177703732",
        ),
        Entry(
            name="quantile",
            target=f"{_HERE}.quantile:quantile",
            summary="numbers: any quantile, by the pinball loss",
            paper="Regression Quantiles, 1978, https://doi.org/10.2307/1913643",
        ),
        Entry(
            name="hinge",
            target=f"{_HERE}.hinge:hinge",
            summary="two classes with a margin",
            paper="Support-Vector Networks, 1995, https://doi.org/10.1007/BF00994018",
        ),
        Entry(
            name="margin",
            target=f"{_HERE}.margin:margin",
            summary="classes or labels, from the lengths of capsules",
            paper="Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829",
        ),
        Entry(
            name="perceptron",
            target=f"{_HERE}.perceptron:perceptron",
            summary="two classes: only mistakes cost, Rosenblatt's rule",
            paper="The perceptron: a probabilistic model for information storage and organization "
            "in the brain, 1958, https://doi.org/10.1037/h0042519",
        ),
    ),
)
