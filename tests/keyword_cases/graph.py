"""Keywords of shape arithmetic, receptive fields and descriptions."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from keyword_cases.case import Case
from netwright.models import shapes
from netwright.models.graph import describe, windows
from netwright.models.graph.receptive_field import fields_of
from netwright.models.graph.record import record
from netwright.models.graph.table import table
from netwright.workflow.described import Input, Subject, described, subject

LONG = nn.Sequential(OrderedDict({"a" * 90: nn.Conv2d(1, 2, 3)}))
NET = nn.Sequential(nn.Conv2d(1, 2, (3, 5)), nn.ReLU())


def of(function: Any, *arguments: int, **fixed: Any) -> Any:
    return lambda _, **keyword: function(*arguments, **(fixed | keyword))


def window(_: Path, **keyword: Any) -> list[Any]:
    made = windows.padded(2, 4, before=1, **keyword)
    return [made.positions, made.inside]


def built(_: Path, **keyword: Any) -> Any:
    keyword = {"inputs": [Input((4,))], **keyword}
    found = subject("mlp", **keyword)
    return [found.model, found.example]


CASES = {
    "netwright.models.shapes:output_size": Case(
        of(shapes.output_size, 12, kernel=3), {"stride": 2, "padding": 1, "dilation": 2}
    ),
    "netwright.models.shapes:transposed_output_size": Case(
        of(shapes.transposed_output_size, 12, kernel=3),
        {"stride": 2, "padding": 1, "dilation": 2, "output_padding": 1},
    ),
    "netwright.models.shapes:dilated_kernel": Case(of(shapes.dilated_kernel, 3), {"dilation": 2}),
    "netwright.models.shapes:same_padding": Case(of(shapes.same_padding, 3), {"dilation": 2}),
    "netwright.models.shapes:full_padding": Case(of(shapes.full_padding, 3), {"dilation": 2}),
    "netwright.models.shapes:convolution_parameters": Case(
        of(shapes.convolution_parameters, 4, 4, kernel=(3,)), {"groups": 2, "bias": False}
    ),
    "netwright.models.shapes:linear_parameters": Case(
        of(shapes.linear_parameters, 4, 4), {"bias": False}
    ),
    "netwright.models.shapes:convolution_multiply_adds": Case(
        of(shapes.convolution_multiply_adds, 4, 4, kernel=(3,), output=(5,)), {"groups": 2}
    ),
    "netwright.models.graph.windows:padded": Case(window, {"inside": torch.zeros(4)}),
    "netwright.models.graph.receptive_field:fields_of": Case(
        lambda _, **keyword: fields_of(record(NET, torch.zeros(1, 1, 8, 8)), **keyword).axes,
        {"axes": (3,)},
    ),
    "netwright.models.graph.description:describe": Case(
        lambda _, **keyword: str(describe(NET, (1, 8, 8), **keyword)), {"axes": (3,)}
    ),
    "netwright.models.graph.table:table": Case(
        lambda _, **keyword: table(describe(LONG, (1, 8, 8)), **keyword), {"width": 80}
    ),
    "netwright.workflow.described:subject": Case(
        built,
        {"inputs": [Input((5,))], "num_classes": 3, "options": {"hidden": [3]}},
    ),
    "netwright.workflow.described:described": Case(
        lambda _, **keyword: str(described(Subject(NET, (Input((1, 8, 8)),)), **keyword)),
        {"axes": (3,), "effective": 2},
    ),
}
EXEMPT = {
    "netwright.workflow.described:subject(trust)": "needs a run: tests/cli/test_cli_describe.py",
    "netwright.workflow.described:subject(root)": "needs a run: tests/cli/test_cli_describe.py",
}
