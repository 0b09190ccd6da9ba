"""Weights from a file, put into a network that they must fit key by key."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright._errors import BadData, NetwrightError, must_be, offenders

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SUFFIXES", "Fitted", "NoWeights", "WeightsMisfit", "fit_weights", "load_weights"]
__all__ += ["read_weights"]

SUFFIXES = (".safetensors", ".pt", ".pth")
_WRAPPINGS = ("state_dict", "model_state_dict")
_LISTED = 12  # keys of each kind that a sentence names


class NoWeights(NetwrightError, OSError):
    """Pretrained weights that were asked for and could not be fetched."""


class WeightsMisfit(BadData):
    """Weights that are not those of the network.

    Attributes:
        missing: keys of the network that the weights lack.
        unexpected: keys of the weights that the network lacks.
        unlike: "key is (shape) and should be (shape)".
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What became of weights that fit.

    Attributes:
        fresh: keys that were left as they are drawn: a head of other classes.
        spread: keys of the first convolution, where the pictures have other channels.
    """

    fresh: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors, .pt or .pth file by their keys; nothing in it is executed.

    A wrapping `{"state_dict": …}` and the prefix `module.` of networks that learned on several
    devices are taken off.

    Raises:
        BadValue: not a path to such a file.
        BadData: the file can't be read, or holds more than tensors.
    """
    file = Path(path).expanduser()
    if file.suffix not in SUFFIXES or not file.is_file():
        kinds = ", ".join(SUFFIXES)
        raise must_be("pretrained", f"True, False or an existing file ({kinds})", str(path))
    found = _safetensors(file) if file.suffix == ".safetensors" else _unpickled(file)
    inner: Any = next(
        (found[key] for key in _WRAPPINGS if isinstance(found.get(key), Mapping)), found
    )
    strangers = [str(key) for key, value in inner.items() if not hasattr(value, "detach")]
    if strangers or not inner:
        raise must_be(
            "pretrained",
            "tensors by key",
            f"{path} with {offenders(strangers) or 'nothing in it'}",
            "Save them with torch.save(model.state_dict(), 'weights.pt').",
            error=BadData,
        )
    lead = "module."
    whole = all(key.startswith(lead) for key in inner)
    return {key.removeprefix(lead) if whole else key: value for key, value in inner.items()}


def load_weights(network: nn.Module, path: str | Path, *, part: str | None = None) -> None:
    """Load a file into `network`, all of it or nothing.

    Args:
        network: is changed in place.
        path: of a .safetensors, .pt or .pth file.
        part: see `fit_weights`.

    Raises:
        BadValue: not a path to a file of weights.
        BadData: the file can't be read, or its keys and shapes are not the network's.
    """
    fit_weights(network, read_weights(path), source=str(path), part=part)


def fit_weights(
    network: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    part: str | None = None,
    find_head: Callable[[], str] | None = None,
) -> Fitted:
    """Put weights into a network that has the same keys and shapes, all of it or nothing.

    Args:
        network: is changed in place.
        state: key → tensor.
        source: where they are from, for the sentence.
        part: path of the one submodule that they are for, under the keys of the whole; what is
            outside it stays as it is. None: they are for all of it.
        find_head: gives the path of the last layer, which may have another number of classes and
            then stays as it is, and pictures may have other channels than the weights are for; None
            asks for everything to fit.

    Raises:
        WeightsMisfit: they are not those of the network; every difference is in it.
    """
    import torch

    wanted = _of_part(network.state_dict(), part)
    spread: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    if find_head is not None:
        state, spread = _over_channels(network, state)
        fresh = _of_other_classes(wanted, state, find_head=find_head)
    _refuse_misfit(wanted, state, source=source, except_for=fresh)
    with torch.no_grad():
        for key, value in wanted.items():
            if key in state and key not in fresh:
                value.copy_(state[key])
    return Fitted(fresh=fresh, spread=spread)


def _of_part(state: Mapping[str, Tensor], part: str | None) -> Mapping[str, Tensor]:
    if part is None:
        return state
    return {key: value for key, value in state.items() if key.startswith(f"{part}.")}


def _safetensors(file: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (SafetensorError, OSError) as error:
        raise BadData(f"{file} must be a safetensors file, got one that reads: {error}.") from error


def _unpickled(file: Path) -> dict[str, Any]:
    import torch

    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BadData(
            f"{file} must be a file of tensors alone, got one that torch.load(weights_only=True) "
            f"refuses: {reason} Save them with torch.save(model.state_dict(), 'weights.pt')."
        ) from error
    if not isinstance(found, Mapping):
        raise must_be(
            "pretrained",
            "tensors by key",
            f"{file} with {type(found).__name__}",
            "Save them with torch.save(model.state_dict(), 'weights.pt').",
            error=BadData,
        )
    return dict(found)


def _refuse_misfit(
    wanted: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    *,
    source: str,
    except_for: Sequence[str],
) -> None:
    missing = [key for key in wanted if key not in given and not _is_counter(key)]
    unexpected = [key for key in given if key not in wanted and not _is_counter(key)]
    unlike = [
        f"{key} is {tuple(given[key].shape)} and should be {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and key not in except_for and given[key].shape != wanted[key].shape
    ]
    kinds = {"missing": missing, "not in the network": unexpected, "of another shape": unlike}
    found = [
        f"{len(keys)} {kind} ({offenders(keys, shown=_LISTED)})"
        for kind, keys in kinds.items()
        if keys
    ]
    if not found:
        return
    misfit = WeightsMisfit(
        f"pretrained must fit the network key by key, got {source} with keys {', '.join(found)}. "
        "Check the model's name, its options, num_classes and in_channels."
    )
    misfit.missing, misfit.unexpected = tuple(missing), tuple(unexpected)
    misfit.unlike = tuple(unlike)
    raise misfit


def _is_counter(key: str) -> bool:
    """Whether it counts the batches seen, which torch fills in where a file leaves it out."""
    return key.endswith("num_batches_tracked")


def _over_channels(
    network: nn.Module, state: Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], tuple[str, ...]]:
    """The first convolution's weights for as many channels as the network has."""
    from torch import nn

    from netwright.models.backbones.stem import spread

    stems = (name for name, part in network.named_modules() if isinstance(part, nn.Conv2d))
    key = f"{next(stems, '')}.weight"
    wanted, given = network.state_dict().get(key), state.get(key)
    if wanted is None or given is None or given.shape == wanted.shape or given.shape[1] != 3:
        return state, ()
    made = spread(given, wanted.shape[1])
    return ({**state, key: made}, (key,)) if made.shape == wanted.shape else (state, ())


def _of_other_classes(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], *, find_head: Callable[[], str]
) -> tuple[str, ...]:
    """Keys of the last layer, and of its twins, whose number of rows alone differs."""
    unlike = {
        key: (given[key].shape[0], wanted[key].shape[0])
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
        if given[key].ndim and given[key].shape[1:] == wanted[key].shape[1:]
    }
    if not unlike:
        return ()
    head = unlike.get(f"{find_head()}.weight")
    return tuple(key for key, rows in unlike.items() if rows == head)
