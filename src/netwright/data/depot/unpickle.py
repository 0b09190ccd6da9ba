"""Reading pickles that hold only tensors or arrays, and refusing every other."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netwright.data.depot.entry import NotFetched

__all__ = ["Admitted", "arrays", "tensors", "unpickle"]

Admitted = Mapping[tuple[str, str], Any]
"""What a pickle may name, by (module, attribute), and what it gets for it."""


def arrays() -> Admitted:
    """Plain numpy arrays, as any numpy writes them."""
    import numpy as np

    # An empty array and its fill are all that numpy's own pickles call.
    reconstruct = np.zeros(1).__reduce__()[0]
    return {
        ("numpy.core.multiarray", "_reconstruct"): reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }


def tensors() -> Admitted:
    """Tensors in ordered mappings, as `pickle.dump(module.state_dict())` writes them."""
    from torch._utils import _rebuild_tensor_v2

    return {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor_v2,
        # torch's own function of that name would unpickle anything.
        ("torch.storage", "_load_from_bytes"): _storage,
    }


def unpickle(path: Path, *, admitted: Admitted, encoding: str = "ASCII") -> Any:
    """Read a pickle that names nothing but what is admitted.

    Args:
        path: the file.
        admitted: what it may name.
        encoding: of the byte strings of Python 2 pickles.

    Raises:
        NotFetched: it names something else, or is no pickle.
    """
    with path.open("rb") as file:
        try:
            return _Restricted(file, admitted=admitted, encoding=encoding).load()
        except (pickle.UnpicklingError, EOFError) as error:
            raise NotFetched(f"{path.name} can't be read safely: {error}") from error


class _Restricted(pickle.Unpickler):
    def __init__(self, file: io.BufferedReader, *, admitted: Admitted, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.admitted[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def _storage(content: bytes) -> Any:
    import torch

    return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
