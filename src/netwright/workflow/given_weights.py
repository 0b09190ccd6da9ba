"""The weights that a given module begins with: the recipe can't make them again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from netwright._errors import DamagedRun
from netwright.runs.store import RunFolder
from netwright.workflow.build import GIVEN

if TYPE_CHECKING:
    from netwright.workflow.session import Session

__all__ = ["digest_of", "refuse_other_weights", "remember_weights"]

_FILE = "given.json"


def remember_weights(folder: RunFolder, session: Session) -> None:
    """Keep the digest of what a given model or method begins with."""
    parts = (session.recipe.model, session.recipe.method)
    if any(part is not None and part.name == GIVEN for part in parts):
        folder.write_json(_FILE, {"weights": digest_of(session.method.state_dict())})


def refuse_other_weights(folder: RunFolder, session: Session) -> None:
    """Let no run that has to begin again do so from other weights, as if nothing had happened.

    Raises:
        DamagedRun: the module that is given now has other weights.
    """
    if not folder.has(_FILE):
        return
    begun, found = folder.read_json(_FILE)["weights"], digest_of(session.method.state_dict())
    if found != begun:
        raise DamagedRun(
            f"module must have the weights that {folder.name} began with, got others (digest "
            f"{found[:12]}, not {begun[:12]}). The run was stopped before its first snapshot: give "
            "the module as it was then, made under the same seed, or start another run."
        )


def digest_of(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, shapes, types and bytes, in the order they are in."""
    digest = hashlib.sha256()
    for name, value in state.items():
        whole = value.detach().cpu().contiguous()
        digest.update(repr((name, tuple(whole.shape), whole.dtype)).encode())
        digest.update(whole.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
