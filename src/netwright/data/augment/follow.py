"""Masks, boxes and keypoints go where their pictures go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from netwright._errors import BadData, must_be
from netwright.data.augment.geometry import Geometry
from netwright.data.augment.objects import Objects, areas, clipped, still_there

__all__ = ["follow", "lie_in_pictures"]


def follow(targets: Any, geometry: Geometry, *, size: tuple[int, int], fill: float = 0) -> Any:
    """The targets of n pictures after `geometry`, by torchvision's conventions.

    Whatever lies in the picture moves with it; the rest stays. By its form, what lies in it is:

    - a tensor (n, ..., h, w) of the picture's size: a mask where its numbers are whole (the nearest
      pixel), else a picture to be answered with (read as the picture is);
    - a list of one mapping a picture: `boxes` (k, 4) as x1, y1, x2, y2, `masks` (k, h, w), `mask`
      (h, w), `keypoints` (k, p, 2 or 3), and with them `labels`, `area`, `iscrowd` and `scores`;
    - a tuple or mapping of tensors: each by itself.

    A box becomes the least box around what its outline becomes, cut off at the picture's edge. It
    is dropped, with everything else of its object, where less than a tenth of its area is left, or
    a side of less than one pixel, or nothing of its mask. A keypoint is the middle of a pixel (as
    torchvision mirrors it; its turns take it for the pixel's upper left corner, half a pixel off);
    one that leaves the picture is no longer visible (third column).

    Args:
        targets: of the pictures.
        geometry: where they go.
        size: (height, width) of the pictures.
        fill: value of masks where the pictures get a fixed value.

    Raises:
        BadData: the form is none of these.
    """
    if isinstance(targets, Tensor):
        return _dense(targets, geometry, size=size, fill=fill)
    if isinstance(targets, Mapping):
        if "boxes" in targets or "keypoints" in targets:
            raise must_be(
                "targets", "a list of one mapping a picture where there are boxes or keypoints",
                list(targets), error=BadData,
            )  # fmt: skip
        return {name: follow(one, geometry, size=size, fill=fill) for name, one in targets.items()}
    if isinstance(targets, (list, tuple)) and targets and isinstance(targets[0], Mapping):
        return _objects(Objects.of(targets), geometry, size=size, fill=fill)
    if isinstance(targets, (list, tuple)):
        return type(targets)(follow(one, geometry, size=size, fill=fill) for one in targets)
    return targets


def lie_in_pictures(targets: Any) -> bool:
    """Whether any of them has to follow its picture."""
    if isinstance(targets, Tensor):
        return targets.ndim >= 3
    if isinstance(targets, Mapping):
        return any(lie_in_pictures(one) for one in targets.values())
    if isinstance(targets, (list, tuple)):
        in_lists = bool(targets) and isinstance(targets[0], Mapping)
        return in_lists or any(lie_in_pictures(one) for one in targets)
    return False


def _dense(targets: Tensor, geometry: Geometry, *, size: tuple[int, int], fill: float) -> Tensor:
    if targets.ndim < 3:
        return targets
    if tuple(targets.shape[-2:]) != tuple(size):
        raise must_be(
            "targets", f"of their pictures' size {tuple(size)} to follow them",
            tuple(targets.shape), "Resize them, or leave out what moves pictures.", error=BadData,
        )  # fmt: skip
    planes = targets.flatten(1, -3) if targets.ndim > 3 else targets[:, None]
    if targets.is_floating_point():
        return geometry.pictures(planes).view(targets.shape)
    return geometry.masks(planes, fill=fill).view(targets.shape)


def _objects(
    objects: Objects, geometry: Geometry, *, size: tuple[int, int], fill: float
) -> Sequence[Mapping[str, Any]]:
    each = geometry.select(objects.picture)
    found = dict(objects.values)
    kept = torch.ones_like(objects.picture, dtype=torch.bool)
    if "boxes" in found:
        before = found["boxes"]
        whole = each.boxes(before.float() if not before.is_floating_point() else before, size=size)
        found["boxes"] = clipped(whole, size=size)
        kept &= still_there(found["boxes"], seen=areas(found["boxes"]), of=areas(whole))
        if "area" in found:
            ratio = areas(found["boxes"]) / areas(before).clamp(min=1e-6)
            found["area"] = (found["area"] * ratio).to(found["area"].dtype)
    if "masks" in found:
        found["masks"] = each.masks(found["masks"][:, None])[:, 0]
        kept &= (found["masks"] != 0).flatten(1).any(1)
    if "keypoints" in found:
        found["keypoints"] = _keypoints(found["keypoints"], each, size=size)
    planes = {
        name: geometry.masks(plane[:, None], fill=fill)[:, 0]
        for name, plane in objects.planes.items()
    }
    return objects.with_values(found, kept=kept, planes=planes)


def _keypoints(
    keypoints: Shaped[Tensor, "m p d"], geometry: Geometry, *, size: tuple[int, int]
) -> Shaped[Tensor, "m p d"]:
    places = geometry.points(keypoints[..., :2].float() + 0.5, size=size) - 0.5
    moved = torch.cat([places.to(keypoints.dtype), keypoints[..., 2:]], -1)
    if keypoints.shape[-1] > 2:
        limit = places.new_tensor([size[1], size[0]]) - 0.5
        inside = ((places >= -0.5) & (places < limit)).all(-1)
        moved[..., 2] = torch.where(inside, moved[..., 2], 0)
    return moved
