"""Weights from a file, put into a network that they must fit key by key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netwright._errors import BadData, NetwrightError, must_be, offenders

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["NoWeights", "load_weights"]


class NoWeights(NetwrightError, OSError):
    """Pretrained weights that were asked for and could not be fetched."""


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load a safetensors file into `network`, all of it or nothing.

    Raises:
        BadValue: not a path to a safetensors file.
        BadData: the file can't be read, or its keys and shapes are not the network's; every
            difference is listed.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        raise must_be("pretrained", "True, False or an existing .safetensors file", str(path))
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadData(f"{path} must be a safetensors file, got one that reads: {error}.") from error
    wrong = _differences(network.state_dict(), state)
    if wrong:
        raise BadData(
            f"pretrained must fit the network key by key, got {len(wrong)} differences in {path}: "
            f"{offenders(wrong)}. Check the model's name, its options, num_classes and in_channels."
        )
    network.load_state_dict(state)


def _differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    missing = [f"{key} is missing" for key in wanted if key not in given and not _is_counter(key)]
    unexpected = [f"{key} is not in the network" for key in given if key not in wanted]
    unlike = [
        f"{key} is {tuple(given[key].shape)} and should be {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    return missing + unexpected + unlike


def _is_counter(key: str) -> bool:
    """Whether it counts the batches seen, which torch fills in where a file leaves it out."""
    return key.endswith("num_batches_tracked")
