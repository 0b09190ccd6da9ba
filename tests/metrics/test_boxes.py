import contextlib
import io
import sys

import numpy as np
import pytest
import torch
from metric_cases import CLASSES, filled, objects
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from netwright._errors import BadValue, MissingExtra
from netwright.metrics.base import Prediction
from netwright.metrics.boxes import BoxAveragePrecision, MaskAveragePrecision


def sides(box):
    left, top, right, bottom = (float(side) for side in box)
    return [left, top, right - left, bottom - top]


def annotations(pictures, *, masked):
    rows = []
    for place, picture in enumerate(pictures, start=1):
        for number, label in enumerate(picture["labels"].tolist()):
            row = {"id": len(rows) + 1, "image_id": place, "category_id": label}
            row["bbox"] = sides(picture["boxes"][number])
            row["area"] = row["bbox"][2] * row["bbox"][3]
            row["iscrowd"] = int(picture["iscrowd"][number]) if "iscrowd" in picture else 0
            if masked:
                pixels = np.asfortranarray(picture["masks"][number].numpy().astype(np.uint8))
                row["segmentation"] = coco_masks.encode(pixels)
                row["area"] = float(pixels.sum())
            if "scores" in picture:
                row["score"] = float(picture["scores"][number])
            rows.append(row)
    return rows


def reference(case, *, masked=False, iou=None, area=None, most=100):
    """pycocotools' own figure; NaN where it has none."""
    true = COCO()
    true.dataset = {
        "info": {},
        "images": [{"id": n, "height": 140, "width": 140} for n in range(1, len(case.targets) + 1)],
        "annotations": annotations(case.targets, masked=masked),
        "categories": [{"id": n, "name": str(n)} for n in range(CLASSES)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        true.createIndex()
        found = annotations(case.prediction.outputs, masked=masked)
        for row in found if masked else ():
            del row["bbox"]  # else it takes them for boxes
        judge = COCOeval(true, true.loadRes(found), "segm" if masked else "bbox")
        judge.params.maxDets = [most]
        if iou is not None:
            judge.params.iouThrs = np.array([iou])
        judge.params.areaRng, judge.params.areaRngLbl = [list(area or (0, 1e10))], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]
    return float(precision[precision > -1].mean())


CASES = {
    "plain": {},
    "at one overlap": {"iou": 0.75},
    "small ones": {"area": (0, 32**2)},
    "large ones": {"area": (32**2, 1e10)},
    "two a picture": {"most": 2},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
@pytest.mark.parametrize(
    ("masked", "seed"),
    [(False, 0), (False, 1), (False, 2), (True, 0)],
    ids=["boxes", "others", "more", "masks"],
)
def test_is_pycocotools(options, seed, masked):
    case = objects(masked=masked, seed=seed)
    ours = {"ious": (options["iou"],)} if "iou" in options else {}
    ours |= {name: value for name, value in options.items() if name != "iou"}
    judge = (MaskAveragePrecision if masked else BoxAveragePrecision)(**ours)
    judge.update(case.prediction, case.targets)
    wanted = reference(case, masked=masked, **options)
    assert 0.02 < wanted < 0.98
    assert judge.compute() == pytest.approx(wanted, abs=1e-9)


def test_each_class_by_itself():
    case = objects()
    judge = BoxAveragePrecision()
    judge.update(case.prediction, case.targets)
    each = judge.by_class()
    assert sorted(each) == list(range(CLASSES))
    assert judge.compute() == pytest.approx(sum(each.values()) / CLASSES)
    assert len(set(each.values())) == CLASSES


def nothing(count=0):
    return {
        "boxes": torch.zeros(count, 4),
        "labels": torch.zeros(count, dtype=torch.long),
        "scores": torch.zeros(count),
        "masks": torch.zeros(count, 140, 140, dtype=torch.bool),
    }


def there():
    box = torch.tensor([[10.0, 10, 50, 60]])
    return {
        "boxes": box,
        "labels": torch.ones(1, dtype=torch.long),
        "scores": torch.ones(1),
        "masks": filled(box),
    }


@pytest.mark.parametrize("metric", [BoxAveragePrecision, MaskAveragePrecision])
@pytest.mark.parametrize(
    ("answer", "target", "wanted"),
    [
        (nothing(), there(), 0.0),
        (there(), there(), 1.0),
        (there(), nothing(), None),
        (nothing(), nothing(), None),
        (there(), {**there(), "iscrowd": torch.ones(1)}, None),
    ],
    ids=["nothing found", "found", "nothing there", "nothing at all", "only a crowd"],
)
def test_corners(metric, answer, target, wanted):
    judge = metric()
    judge.update(Prediction(outputs=[answer]), [target])
    if wanted is None:
        with pytest.raises(BadValue, match="objects that count"):
            judge.compute()
    else:
        assert judge.compute() == pytest.approx(wanted)


@pytest.mark.parametrize(("option", "value"), [("ious", ()), ("ious", (1.5,)), ("most", 0)])
def test_refuses_what_makes_no_sense(option, value):
    with pytest.raises(BadValue, match=option):
        BoxAveragePrecision(**{option: value})


def test_says_which_extra_brings_the_evaluator(monkeypatch):
    monkeypatch.setitem(sys.modules, "hotcoco", None)
    judge = BoxAveragePrecision()
    judge.update(Prediction(outputs=[there()]), [there()])
    with pytest.raises(MissingExtra, match=r"netwright\[detection\]"):
        judge.compute()
