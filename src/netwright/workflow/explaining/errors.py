"""Maps for the errors that a run's report shows."""

from __future__ import annotations

import io
import time

import torch
from torch import Tensor, nn

from netwright._errors import NetwrightError
from netwright.data.dataset import Data, InputKind
from netwright.explain.drawing.overlay import SMALL, overlay
from netwright.explain.grad_cam import grad_cam
from netwright.explain.saliency import saliency
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.runs.store import RunFolder
from netwright.train.validation import Answers
from netwright.workflow.explaining.wishes import side_of

__all__ = ["explain_errors"]

SECONDS = 2.0  # after which no further map is begun
SIDE = 128  # pixels
AT_ONCE = 8


def explain_errors(
    folder: RunFolder, *, method: Method, preprocess: nn.Module, data: Data, answers: Answers
) -> None:
    """Add to each error that is shown where the answer came from, and what spoke for the truth.

    Grad-CAM, or saliency where the network has no maps. Of pictures with classes only; when the
    time is up, the errors that are left have none.

    Args:
        folder: of the run, with its `pictures/errors.json`.
        method: trained.
        preprocess: from raw pictures to what its network takes.
        data: that the errors are of.
        answers: that were judged.
    """
    is_class = str(data.target.kind) in ("classes", "binary")
    if data.input_kind is not InputKind.IMAGE or not is_class or not isinstance(method, Supervised):
        return
    rows = folder.read_json("pictures/errors.json")
    places = {int(where): place for place, where in enumerate(answers.index.tolist())}
    end = time.perf_counter() + SECONDS
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        if time.perf_counter() > end:
            break
        at = torch.tensor([places[row["index"]] for row in part])
        raw = data.samples.take(torch.tensor([row["index"] for row in part]))
        device = next(iter(method.parameters())).device
        with torch.no_grad():
            inputs = preprocess.to(device)(raw.to(device))
        for role, classes in (
            ("predicted", answers.prediction.outputs[at]),
            ("true", answers.targets[at]),
        ):
            maps = _maps(method.model, inputs, classes, kind=str(data.target.kind))
            if maps is None:
                return
            for number, row in enumerate(part):
                name = f"error-{start + number}-{role}.png"
                folder.write_bytes(f"pictures/{name}", _drawn(maps[number], raw[number]))
                row.setdefault("maps", {})[role] = name
    folder.write_json("pictures/errors.json", rows)


def _maps(model: nn.Module, inputs: Tensor, classes: Tensor, *, kind: str) -> Tensor | None:
    """None where the network is differentiable in no way."""
    for method in (grad_cam, saliency):
        try:
            if kind == "classes":
                return method(model, inputs, target=classes.to(inputs.device)).cpu()
            each = zip(torch.split(inputs, 1), classes.tolist(), strict=True)
            return torch.cat([method(model, one, target=side_of(int(k))).cpu() for one, k in each])
        except NetwrightError:
            continue
    return None


def _drawn(heat: Tensor, picture: Tensor) -> bytes:
    written = io.BytesIO()
    side = max(picture.shape[-2:])
    overlay(heat, picture, side=side if side <= SMALL else SIDE).image.save(written, format="PNG")
    return written.getvalue()
