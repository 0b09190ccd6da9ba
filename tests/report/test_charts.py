from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from netwright.report.charts import Curve, _running_mean, line_chart, scatter_chart


def points_of(svg, colour):
    """The drawn lines of one colour."""
    return [
        np.array(re.findall(r"[ML] ([-0-9.]+) ([-0-9.]+)", path), dtype=float)
        for path, style in re.findall(r'<path d="([^"]*)"[^>]*style="([^"]*)"', svg)
        if f"stroke: var({colour})" in style and "fill: none" in style
    ]


def test_a_chart_is_well_formed_and_in_proportion():
    x = list(range(20))
    svg = line_chart(
        [Curve(name="a", x=x, y=[2.0 * v for v in x])], x_label="step", title="A & <b>"
    )
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "A & <b>"
    line = max(points_of(svg, "--series-1"), key=len)
    np.testing.assert_allclose(
        np.diff(line[:, 1]) / np.diff(line[:, 0]),
        -np.abs((line[-1, 1] - line[0, 1]) / (line[-1, 0] - line[0, 0])),
        rtol=1e-3,
    )


def test_a_long_noisy_curve_is_drawn_with_few_points():
    random = np.random.default_rng(0)
    y = np.exp(random.normal(size=200_000))
    svg = line_chart([Curve(name="a", x=range(len(y)), y=y, is_noisy=True)], x_label="s", title="A")
    assert len(svg) < 100_000


def test_the_running_mean_is_the_mean_of_a_window():
    random = np.random.default_rng(0)
    y = random.normal(size=400)
    y[[3, 200]] = np.nan
    half = 400 // 80
    expected = [np.nanmean(y[max(0, i - half) : i + half + 1]) for i in range(400)]
    np.testing.assert_allclose(_running_mean(y), expected)
    assert np.isnan(_running_mean(np.full(9, np.nan))).all()


@pytest.mark.parametrize("log_scale", [False, True])
@pytest.mark.parametrize(
    "y",
    [[np.nan] * 60, [np.inf, 1.0] * 30, [0.0] * 60, [-1.0, 2.0], [3.0], [None, 1.0], [1e-30, 1e30]],
    ids=str,
)
def test_strange_numbers_are_drawn_without_complaint(y, log_scale):
    curve = Curve(name="a", x=range(len(y)), y=y, is_noisy=True)
    svg = line_chart([curve], x_label="step", log_scale=log_scale, mark=(1, "best"), title="A")
    ElementTree.fromstring(svg)


def test_a_scale_is_logarithmic_only_where_it_can_be():
    def drawn(y):
        svg = line_chart(
            [Curve(name="a", x=[0, 1, 2], y=y)], x_label="s", log_scale=True, title="A"
        )
        line = max(points_of(svg, "--series-1"), key=len)[:, 1]
        return (line[1] - line[0]) / (line[2] - line[0])

    assert drawn([1.0, 10.0, 100.0]) == pytest.approx(0.5, abs=1e-3)
    assert drawn([0.0, 10.0, 100.0]) == pytest.approx(0.1, abs=1e-3)


def test_one_wild_step_does_not_flatten_the_rest():
    y = np.ones(2000)
    y[:1000] = 2.0
    y[500] = 1e6
    svg = line_chart([Curve(name="a", x=range(2000), y=y, is_noisy=True)], x_label="s", title="A")
    line = max(points_of(svg, "--series-1"), key=len)[:, 1]
    assert np.abs(line[-1] - line[0]) > 20  # of 200: the step from 2 to 1 is seen


def test_a_cloud_leaves_out_what_is_no_number():
    true, predicted = np.arange(50.0), np.arange(50.0)
    predicted[3] = np.nan
    svg = scatter_chart(true, predicted, title="A")
    cloud = svg[svg.index("PathCollection") :]
    assert cloud.count("<use") == 49
    ElementTree.fromstring(scatter_chart(np.array([np.nan]), np.array([1.0]), title="B"))
