"""torchvision's classifiers, for any number of channels and classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netwright._catalogue import Catalogue
from netwright._errors import NetwrightError, must_be
from netwright.models.backbones.stem import spread
from netwright.models.backbones.torchvision_names import ENTRIES
from netwright.models.image_size import ImageSize, at_least
from netwright.models.options import check_options
from netwright.models.weights import NoWeights

__all__ = ["build", "widened"]

_ENTRIES = Catalogue("torchvision model", ENTRIES)

# Set by us, or arguments that no plain value can stand for.
_NOT_OPTIONS = frozenset({"self", "num_classes", "aux_logits", "init_weights", "dropout_aux"})


def build(
    name: str,
    *,
    num_classes: int,
    in_channels: int = 3,
    image_size: ImageSize | None = None,
    pretrained: bool = False,
    options: Mapping[str, Any],
) -> nn.Module:
    """Build one of torchvision's classifiers.

    Differs: GoogLeNet and Inception v3 come without their auxiliary heads, so that every network
        gives one tensor of scores in training too. Where the number of channels is not 3 the first
        convolution is made anew (see `widened`). Vision transformers and MaxViT are built for
        `image_size`; the position embeddings of pretrained weights are interpolated.

    Args:
        name: torchvision's own, without prefix.
        num_classes: scores an input. With pretrained weights and any number but 1000, the last
            layer starts fresh.
        in_channels: of the pictures.
        image_size: side, or (height, width); None takes the network's own.
        pretrained: whether to start from torchvision's default weights.
        options: more arguments of the network, such as `dropout`.

    Raises:
        BadValue: a size the network can't bear, or an option it doesn't know.
        NoWeights: the weights could not be fetched.
    """
    from torchvision import models

    builder = models.get_model_builder(name)
    known = _options(builder)
    check_options(f"torchvision:{name}", options, known=known)
    arguments = {**options, **_fixed(builder), **_sized(name, image_size)}
    try:
        network: nn.Module = builder(weights=None, num_classes=num_classes, **arguments)
    except NetwrightError:
        raise
    except (TypeError, ValueError) as error:
        raise must_be(
            "model.options", f"what torchvision:{name} takes", dict(options), str(error)
        ) from error
    stem, convolution = _stem(network)
    if pretrained:
        _start_from(network, _fetched(name, models), stem=stem, in_channels=in_channels)
    elif in_channels != 3:
        _replace(network, stem, widened(convolution, in_channels))
    return network


def widened(convolution: nn.Conv2d, in_channels: int, *, trained: bool = False) -> nn.Conv2d:
    """The first convolution made for another number of channels.

    Fresh weights are drawn anew, normal, with the spread that keeps the variance of the response.
    Trained ones are kept, see `stem.spread`.
    """
    made = nn.Conv2d(
        in_channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]
        stride=convolution.stride,  # type: ignore[arg-type]
        padding=convolution.padding,  # type: ignore[arg-type]
        bias=convolution.bias is not None,
    )
    with torch.no_grad():
        old = convolution.weight
        if trained:
            made.weight.copy_(spread(old, in_channels))
        else:
            made.weight.normal_().mul_(old.std() * (old.shape[1] / in_channels) ** 0.5)
        if made.bias is not None and convolution.bias is not None:
            made.bias.copy_(convolution.bias)
    return made


def _network_class(builder: Any) -> type[nn.Module]:
    returned: type[nn.Module] = inspect.signature(builder).return_annotation
    return returned


def _options(builder: Any) -> list[str]:
    parameters = inspect.signature(_network_class(builder).__init__).parameters.values()
    plain = (bool, int, float, str)
    return [
        parameter.name
        for parameter in parameters
        if parameter.name not in _NOT_OPTIONS and isinstance(parameter.default, plain)
    ]


def _fixed(builder: Any) -> dict[str, Any]:
    """What keeps the auxiliary heads away, where a network has them."""
    parameters = inspect.signature(_network_class(builder).__init__).parameters
    return {"aux_logits": False, "init_weights": True} if "aux_logits" in parameters else {}


def _sized(name: str, image_size: ImageSize | None) -> dict[str, Any]:
    """The arguments that tell a network its size, once the size is known to be bearable."""
    if image_size is None:
        return {}
    facts = _ENTRIES.entry(f"torchvision:{name}").facts
    height, width = at_least(facts["smallest"], image_size, model=f"torchvision:{name}")
    multiple = facts["multiple"]
    if height % multiple or width % multiple:
        rule = f"a multiple of {multiple} for torchvision:{name}"
        raise must_be("image_size", rule, image_size, "Resize the pictures, or take another model.")
    if name.startswith("vit_"):
        if height != width:
            raise must_be("image_size", f"square for torchvision:{name}", image_size)
        return {"image_size": height}
    return {"input_size": (height, width)} if name.startswith("maxvit") else {}


def _stem(network: nn.Module) -> tuple[str, nn.Conv2d]:
    """The first convolution and its path; in all of torchvision's classifiers it sees the input."""
    return next(
        (path, module) for path, module in network.named_modules() if isinstance(module, nn.Conv2d)
    )


def _replace(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)


def _fetched(name: str, models: Any) -> nn.Module:
    builder = models.get_model_builder(name)
    heads = {"aux_logits": False} if "aux_logits" in _fixed(builder) else {}
    try:
        network: nn.Module = builder(weights="DEFAULT", progress=False, **heads)
    except (OSError, RuntimeError) as error:
        raise NoWeights(
            f"The weights of torchvision:{name} could not be fetched: {str(error).rstrip('.')}. "
            "Check the connection, or give model.pretrained=path/to/weights.safetensors."
        ) from error
    return network


def _start_from(network: nn.Module, donor: nn.Module, *, stem: str, in_channels: int) -> None:
    """Copy what fits: everything but a head with other classes, and the stem by `widened`."""
    if in_channels != 3:
        _replace(network, stem, widened(_stem(donor)[1], in_channels, trained=True))
    elif hasattr(donor, "transform_input"):
        # These weights were trained on another scale of colours; the network converts by itself.
        network.transform_input = donor.transform_input
    state = dict(donor.state_dict())
    wanted = network.state_dict()
    if "encoder.pos_embedding" in wanted:
        state = _with_positions(network, state)
    fits = {key: value for key, value in state.items() if wanted[key].shape == value.shape}
    network.load_state_dict(fits, strict=False)


def _with_positions(network: Any, state: dict[str, Tensor]) -> dict[str, Tensor]:
    from torchvision.models.vision_transformer import interpolate_embeddings

    return dict(interpolate_embeddings(network.image_size, network.patch_size, state))
