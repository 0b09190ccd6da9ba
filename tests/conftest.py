"""What every test stands on: checked shapes, one thread, a fixed seed, a cache of its own."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

# One thread a process: the tensors are small, sums keep their order, and `-n 2` does not fight
# itself over two cores. Set before torch is loaded, and inherited by every subprocess.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook("netwright", "shape_checker.check")  # before the first import of the package

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from ranks_kit import Ranks  # noqa: E402

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def _global_state() -> dict[str, object]:
    return {
        "default dtype": torch.get_default_dtype(),
        "gradients enabled": torch.is_grad_enabled(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "threads": torch.get_num_threads(),
        "working directory": os.getcwd(),
    }


@pytest.fixture(autouse=True)
def clean_globals():
    """Start every test from one random state; fail the one that leaves a global switch changed."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    before = _global_state()
    yield
    after = _global_state()
    torch.set_default_dtype(before["default dtype"])
    torch.set_grad_enabled(before["gradients enabled"])
    torch.use_deterministic_algorithms(before["deterministic algorithms"])
    torch.set_num_threads(before["threads"])
    os.chdir(before["working directory"])
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"left changed: {', '.join(changed)}"


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One empty cache for the whole session."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, shared_cache: str, monkeypatch) -> None:
    """Keep every test off the user's cache, save those marked `data`, which are about it."""
    if request.node.get_closest_marker("data") is None:  # the folder tests/data is no marker
        monkeypatch.setenv("XDG_CACHE_HOME", shared_cache)
        monkeypatch.delenv("NETWRIGHT_CACHE", raising=False)


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    """Two processes of one world, started with the first test that asks for them."""
    with Ranks(tmp_path_factory.mktemp("ranks")) as processes:
        yield processes
