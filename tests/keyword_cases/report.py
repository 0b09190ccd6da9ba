"""Keywords of what is shown to people."""

from __future__ import annotations

import numpy as np

from keyword_cases.case import Case
from netwright.report import charts, numbers, pictures

CURVE = charts.Curve(name="loss", x=[1.0, 2.0, 3.0], y=[9.0, 3.0, 1.0])

CASES = {
    "netwright.report.charts:line_chart": Case(
        lambda _, **keyword: charts.line_chart([CURVE], x_label="epoch", title="loss", **keyword),
        {"log_scale": True, "mark": (2.0, "best")},
    ),
    "netwright.report.pictures:heat_map": Case(
        lambda _, **keyword: pictures.heat_map(np.eye(30), **keyword), {"side": 10}
    ),
    "netwright.report.numbers:figure": Case(
        lambda _, **keyword: numbers.figure(0.5, **keyword), {"name": "accuracy"}
    ),
    "netwright.report.numbers:interval_of": Case(
        lambda _, **keyword: numbers.interval_of({"low": 0.5, "high": 0.75}, **keyword),
        {"name": "accuracy"},
    ),
}
EXEMPT: dict[str, str] = {}
