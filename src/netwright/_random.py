"""Random numbers that can be told again: derived seeds, captured and restored generators."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["capture", "derive", "generator", "isolated", "restore", "seed_everything"]


def derive(seed: int, *names: int | str) -> int:
    """A 63-bit seed that depends on `seed` and every name, and on nothing else.

    Example:
        >>> derive(0, "order", 3) == derive(0, "order", 3) != derive(0, "order", 4)
        True
    """
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, *names: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh torch generator seeded by `derive`."""
    return torch.Generator(device=device).manual_seed(derive(seed, *names))


def seed_everything(seed: int) -> None:
    """Seed torch (every device), numpy and random."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def capture() -> dict[str, Any]:
    """The state of every global generator, as plain data and tensors (loadable without pickle)."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": {
            "kind": str(kind),
            "keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
        "random": _python_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore(state: dict[str, Any]) -> None:
    """Put back what `capture` took."""
    torch.set_rng_state(state["torch"])
    numpy = state["numpy"]
    np.random.set_state(
        (
            numpy["kind"],
            numpy["keys"].numpy().astype(np.uint32),
            numpy["position"],
            numpy["has_gauss"],
            numpy["cached"],
        )
    )
    version, keys, gauss = state["random"]
    random.setstate((version, tuple(keys), gauss))
    if "cuda" in state:
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def isolated(seed: int | None = None) -> Iterator[None]:
    """Run a block with its own random state and leave the caller's as it was."""
    before = capture()
    try:
        if seed is not None:
            seed_everything(seed)
        yield
    finally:
        restore(before)


def _python_state() -> list[Any]:
    version, keys, gauss = random.getstate()
    return [version, list(keys), gauss]
