"""Two functions of two numbers with slope and curvature worked out, and published recursions.

A recursion is written with numpy from its paper; it gives the next point from the one before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

START = [-1.2, 1.0]
Slope = Callable[[Any], Any]


@dataclass(frozen=True)
class Function:
    """A loss of two numbers.

    Attributes:
        loss: of numpy or torch numbers.
        slope: its gradient.
        curvature: its Hessian.
        rate: at which gradient descent gets somewhere.
    """

    loss: Callable[[Any], Any]
    slope: Slope
    curvature: Callable[[Any], Any]
    rate: float


def _valley(w: Any) -> Any:
    bend = w[1] - w[0] ** 2
    return np.array([-2 * (1 - w[0]) - 400 * w[0] * bend, 200 * bend])


FUNCTIONS = {
    "quadratic": Function(
        lambda w: 1.5 * w[0] ** 2 + 0.1 * w[1] ** 2 + 0.1 * w[0] * w[1],
        lambda w: np.array([3.0 * w[0] + 0.1 * w[1], 0.2 * w[1] + 0.1 * w[0]]),
        lambda w: np.array([[3.0, 0.1], [0.1, 0.2]]),
        0.1,
    ),
    "rosenbrock": Function(
        lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2,
        _valley,
        lambda w: np.array([[2 - 400 * w[1] + 1200 * w[0] ** 2, -400 * w[0]], [-400 * w[0], 200]]),
        5e-4,
    ),
}

Path = Iterator[Any]


def descent(slope: Slope, rate: float, *, decay: float = 0.0) -> Path:
    w = np.array(START)
    while True:
        w = w - rate * (slope(w) + decay * w)
        yield w


def momentum(slope: Slope, rate: float, *, keep: float, nesterov: bool = False) -> Path:
    w, v = np.array(START), np.zeros(2)
    while True:
        g = slope(w)
        v = keep * v + g
        w = w - rate * (g + keep * v if nesterov else v)
        yield w


def dampened(slope: Slope, rate: float, *, keep: float, dampening: float) -> Path:
    w, v = np.array(START), None
    while True:
        g = slope(w)
        v = g if v is None else keep * v + (1 - dampening) * g
        w = w - rate * v
        yield w


def moving_average(slope: Slope, rate: float, *, keep: float) -> Path:
    w, v = np.array(START), np.zeros(2)
    while True:
        v = keep * v + (1 - keep) * slope(w)
        w = w - rate * v
        yield w


def look_ahead(slope: Slope, rate: float, *, keep: float) -> Path:
    w, v = np.array(START), np.zeros(2)
    while True:
        v = keep * v - rate * slope(w + keep * v)
        w = w + v
        yield w


def adagrad(slope: Slope, rate: float, *, eps: float) -> Path:
    w, seen = np.array(START), np.zeros(2)
    while True:
        g = slope(w)
        seen = seen + g**2
        w = w - rate * g / (np.sqrt(seen) + eps)
        yield w


def rmsprop(slope: Slope, rate: float, *, keep: float, eps: float) -> Path:
    w, square = np.array(START), np.zeros(2)
    while True:
        g = slope(w)
        square = keep * square + (1 - keep) * g**2
        w = w - rate * g / (np.sqrt(square) + eps)
        yield w


def adam(
    slope: Slope, rate: float, *, betas: tuple[float, float], eps: float, decay: float = 0.0
) -> Path:
    """With `decay` apart from the gradient: AdamW."""
    w, m, s, t = np.array(START), np.zeros(2), np.zeros(2), 0
    while True:
        g, t = slope(w), t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        first, second = m / (1 - betas[0] ** t), s / (1 - betas[1] ** t)
        w = w - rate * decay * w - rate * first / (np.sqrt(second) + eps)
        yield w


def nadam(
    slope: Slope, rate: float, *, betas: tuple[float, float], eps: float, decay: float
) -> Path:
    """Dozat 2016 with its warming schedule of the momentum, 0.96 ** (t · decay)."""
    w, m, s, t, product = np.array(START), np.zeros(2), np.zeros(2), 0, 1.0
    while True:
        g, t = slope(w), t + 1
        now = betas[0] * (1 - 0.5 * 0.96 ** (t * decay))
        then = betas[0] * (1 - 0.5 * 0.96 ** ((t + 1) * decay))
        product *= now
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        mean = then * m / (1 - product * then) + (1 - now) * g / (1 - product)
        w = w - rate * mean / (np.sqrt(s / (1 - betas[1] ** t)) + eps)
        yield w


def radam(slope: Slope, rate: float, *, betas: tuple[float, float], eps: float) -> Path:
    """Liu et al. 2020: plain momentum until the variance can be told, then rectified."""
    w, m, s, t = np.array(START), np.zeros(2), np.zeros(2), 0
    most = 2 / (1 - betas[1]) - 1
    while True:
        g, t = slope(w), t + 1
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        first = m / (1 - betas[0] ** t)
        length = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if length > 5:
            short = (length - 4) * (length - 2) * most
            rectified = math.sqrt(short / ((most - 4) * (most - 2) * length))
            first = first * rectified * math.sqrt(1 - betas[1] ** t) / (np.sqrt(s) + eps)
        w = w - rate * first
        yield w


def lbfgs(slope: Slope, rate: float, *, memory: int) -> Path:
    """Two loops over the last pairs (Nocedal 1980), steps of a fixed length but for the first."""
    w = np.array(START)
    pairs: list[tuple[Any, Any]] = []
    g = slope(w)
    length = min(1.0, 1 / np.abs(g).sum()) * rate
    while True:
        q, kept = -g, []
        for y, s in reversed(pairs):
            kept.append(s @ q / (y @ s))
            q = q - kept[-1] * y
        if pairs:
            y, s = pairs[-1]
            q = q * (y @ s) / (y @ y)
        for (y, s), a in zip(pairs, reversed(kept), strict=True):
            q = q + s * (a - y @ q / (y @ s))
        w, before, length = w + length * q, w, rate
        after = slope(w)
        if (after - g) @ (w - before) > 1e-10:
            pairs = [*pairs, (after - g, w - before)][-memory:]
        g = after
        yield w


def newton(of: Function, *, damping: float, decay: float = 0.0) -> Path:
    """Truncated Newton in two dimensions, with the system solved to the end by two CG steps."""
    w = np.array(START)

    def cost(w: Any) -> Any:
        return of.loss(w) + 0.5 * decay * w @ w

    while True:
        g = of.slope(w) + decay * w
        bent = of.curvature(w) + decay * np.eye(2)
        damped = bent + damping * np.eye(2)
        d, r, p = np.zeros(2), -g, -g
        for number in range(2):
            if p @ damped @ p <= 0:
                d = d if number else -g / max(1.0, np.linalg.norm(g))
                break
            a = (r @ r) / (p @ damped @ p)
            d, r, old = d + a * p, r - a * (damped @ p), r
            p = r + p * (r @ r) / (old @ old)
        t = 1.0
        while cost(w + t * d) > cost(w) + 1e-4 * t * (g @ d):
            t /= 2
        ratio = (cost(w + t * d) - cost(w)) / (t * (g @ d) + 0.5 * t**2 * (d @ bent @ d))
        w = w + t * d
        if ratio > 0.75:
            damping /= 2
        elif ratio < 0.25:
            damping = max(2 * damping, 1e-6)
        yield w
