"""Keywords of drawing explanations, and of the command that explains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from keyword_cases.case import Case, attempt
from keyword_cases.explain import small
from keyword_cases.workflow import pictures_run
from netwright import explain
from netwright.explain.drawing.bars import bars
from netwright.explain.drawing.overlay import as_picture, overlay
from netwright.explain.drawing.panels import Explained, Heat, draw
from netwright.explain.drawing.sheet import Cell, sheet
from netwright.explain.explanations import Refusal, explained
from netwright.workflow.explaining.examples import read_examples
from netwright.workflow.explaining.explainable import explainable
from netwright.workflow.explaining.reasons import explain_examples
from netwright.workflow.explaining.wishes import wishes

MAP, PICTURE = torch.eye(70), torch.eye(70)[None]
NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes=2):
        super().__init__()
        self.head = nn.LazyLinear(num_classes)

    def forward(self, x):
        return self.head(x.flatten(1))
"""


def seen(image: Image.Image) -> tuple[tuple[int, int], bytes]:
    return image.size, image.tobytes()


def tall(model: nn.Module, inputs: Tensor, *, target: Any = None, height: float = 1.0) -> Tensor:
    return torch.rand(inputs[:, 0].shape, generator=torch.Generator().manual_seed(0)) * height


def panelled(_: object, **keyword: Any) -> Any:
    return seen(explain.panel(*small(), **{"methods": ["gradient", tall], **keyword}))


def explanations(_: object, **keyword: Any) -> Any:
    found = explain.explanations(*small(), **{"methods": ["gradient", tall], **keyword})
    return [(one.method, getattr(one, "maps", None)) for one in found]


def drawn(_: object, **keyword: Any) -> Any:
    heats = (Heat(method="a", values=MAP), Heat(method="b", values=-MAP))
    one = Explained(label="one", picture=PICTURE, said="cat", heats=heats)
    return seen(draw([one], **keyword))


def cells(_: object, **keyword: Any) -> Any:
    image = Image.new("RGB", (30, 30))
    return seen(sheet([[Cell(title=name, image=image) for name in "abc"]], **keyword))


def asked(folder: Path, **keyword: Any) -> Any:
    """What a run says of its own pictures."""
    pictures_run(folder)
    of = explainable("pictures-1")
    examples = read_examples(of, [], count=2)
    usual = wishes(["gradient"], figures=False)
    found = explain_examples(of, examples, wishes=usual, **keyword)
    return [(one.said, dict(one.maps)) for one in found.items]


def wished(_: object, **keyword: Any) -> Any:
    usual: list[str] = [] if keyword.get("every") else ["grad-cam"]
    found = wishes(usual, **keyword)
    return found.methods, found.every, found.options, found.figures


def read(folder: Path, **keyword: Any) -> Any:
    pictures_run(folder)
    found = read_examples(explainable("pictures-1"), [], count=9, **keyword)
    return [one.label for one in found.items]


def of_a_file(folder: Path, **keyword: Any) -> Any:
    (folder / "net.py").write_text(NET)
    found = explainable("net.py:Net", **keyword)
    return replace(found, networks=(), answer=len)


def of_a_run(folder: Path, **keyword: Any) -> Any:
    pictures_run(folder)
    return explainable("pictures-1", **keyword).name


def of_a_stranger(folder: Path, **keyword: Any) -> Any:
    """A run whose recipe names a file, which is not loaded unless it is trusted."""
    import sys

    from netwright.workflow.fit import fit

    (folder / "net.py").write_text(NET.replace("LazyLinear(", "Linear(64, "))
    pictures_run(folder)
    fit("pictures", changes=["training.epochs=1", "model=net.py:Net"], name="own")
    sys.modules.pop("netwright_user_net", None)
    found = attempt(explainable, "own", **keyword)
    return str(found) if isinstance(found, Exception) else found.name


CASES = {
    "netwright.explain.drawing.bars:bars": Case(
        lambda _, **keyword: seen(bars(torch.ones(9), list("abcdefghi"), **keyword)), {"shown": 3}
    ),
    "netwright.explain.explanations:explained": (
        Case(
            lambda _, **keyword: explained(
                explain.gradient, small()[0], inputs=small()[1], **keyword
            ),
            {"target": [1, 2]},
        ),
        Case(
            lambda _, **keyword: explained(tall, small()[0], inputs=small()[1], **keyword),
            {"options": {"height": 3.0}},
        ),
    ),
    "netwright.explain.explanations:explanations": Case(
        explanations,
        {"methods": [tall], "target": [1, 2], "options": {"tall": {"height": 2.0}}},
    ),
    "netwright.explain.drawing.overlay:as_picture": Case(
        lambda _, **keyword: seen(as_picture(PICTURE, **keyword)), {"side": 30}
    ),
    "netwright.explain.drawing.overlay:overlay": Case(
        lambda _, **keyword: seen(overlay(MAP, PICTURE, **keyword).image), {"side": 30}
    ),
    "netwright.explain.drawing.panels:draw": Case(
        drawn,
        {
            "refused": [Refusal(method="cam", reason="no")],
            "notes": ["deletion: less is better"],
            "columns": 1,
            "side": 300,
        },
    ),
    "netwright.explain.drawing.panels:panel": Case(
        panelled,
        {
            "methods": [tall],
            "target": [1, 2],
            "options": {"tall": {"height": 2.0}},
            "pictures": torch.zeros(2, 3, 8, 8),
            "names": ["cat", "dog", "cow"],
            "columns": 2,
        },
    ),
    "netwright.explain.drawing.sheet:sheet": Case(cells, {"notes": ["more"], "columns": 1}),
    "netwright.workflow.explaining.examples:read_examples": Case(read, {"split": "train"}),
    "netwright.workflow.explaining.explainable:explainable": (
        Case(of_a_file, {"image_size": 4, "channels": 1}),
        Case(of_a_run, {"root": "elsewhere"}),
        Case(of_a_stranger, {"trust": True}),
    ),
    "netwright.workflow.explaining.reasons:explain_examples": Case(asked, {"wished_class": "a"}),
    "netwright.workflow.explaining.wishes:wishes": Case(
        wished,
        {
            "every": True,
            "layer": "stem",
            "changes": {"grad-cam": {"size": [3, 3]}},
            "figures": False,
        },
    ),
}
EXEMPT: dict[str, str] = {
    "netwright.workflow.explaining.judged:judged": "tests/cli/test_cli_judging.py",
    "netwright.workflow.judging:judge_run(seconds)": "gives time to tests/workflow/"
    "test_explaining_shown.py's deadline",
    "netwright.workflow.checkup:doctor_for(folder)": "tests/workflow/test_pictured_findings.py",
}
