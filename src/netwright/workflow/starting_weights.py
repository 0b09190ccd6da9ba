"""The weights that a recipe's model begins with, and the preprocessing that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from netwright import _random
from netwright._errors import DamagedRun, must_be
from netwright.data.depot import entry, names
from netwright.data.depot.verify import file_digest
from netwright.methods.base import Method
from netwright.methods.supervised import Supervised
from netwright.models.weights import Fitted, NoWeights, fit_weights, read_weights
from netwright.runs.beginning import STARTED
from netwright.runs.recipe import Named, Recipe
from netwright.workflow.given_weights import digest_of
from netwright.workflow.weight_sources import WeightSource, find_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netwright.runs.store import RunFolder

__all__ = ["Started", "begin_from_weights", "refuse_changed_start", "with_weights"]

TRANSFER = ("frozen-features", "fine-tuning")
"""Ways to learn that mean trained weights where nothing else is said."""

_PHOTOGRAPHS = "photographs"


@dataclass(frozen=True, kw_only=True)
class Started:
    """What a run's record says of the weights it began with.

    Attributes:
        source: as the recipe calls them.
        model: name of the network.
        digest: SHA-256 of the file, or of the tensors that the library gave.
        fresh: keys that were not taken: a head of other classes.
        part: submodule that the weights are for, the rest being drawn anew; None: all of it.
        spread: keys that were made for other channels.
        about: licence, origin and notes.
    """

    source: str
    model: str
    digest: str
    fresh: tuple[str, ...] = ()
    part: str | None = None
    spread: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def with_weights(recipe: Recipe, *, raw_shape: Sequence[int] | None, given: bool) -> Recipe:
    """The recipe with the source of the weights and all that belongs to them said in full.

    Args:
        recipe: as it was asked for.
        raw_shape: (c, h, w) of pictures that are ours to prepare; None for other inputs.
        given: the network was handed over as an object, with its weights.

    Raises:
        BadValue: the weights are not there, or of another network.
    """
    if given:
        return recipe
    recipe = _with_default(recipe, pictures=raw_shape is not None)
    model = recipe.model
    pretrained = False if model is None else model.options.get("pretrained", False)
    if model is None or pretrained is False:
        return recipe
    found = find_weights(model.name, pretrained)
    if raw_shape is not None:
        recipe = recipe.model_copy(update={"preprocess": _preprocess(recipe, found)})
    options = {**model.options, "pretrained": found.word}
    if found.changes and not _other_channels(recipe, raw_shape, found):
        options.setdefault("changes", _plain(found.changes))
    part = Named.model_validate({"name": model.name, **options})
    return recipe.model_copy(update={"model": part})


def begin_from_weights(method: Method, recipe: Recipe, *, example: Tensor | Any) -> Started | None:
    """Put the weights that a completed recipe names into the method's network.

    Args:
        method: made from the recipe.
        recipe: completed.
        example: inputs as the network gets them.

    Raises:
        BadValue: they are of a part alone, and what they lack would be frozen as it is drawn.
        BadData: the weights are not those of the network; every key that differs is listed.
        NoWeights: the library's could not be fetched.
    """
    model = recipe.model
    pretrained = False if model is None else model.options.get("pretrained", False)
    if model is None or pretrained is False or not isinstance(method, Supervised):
        return None
    found, network = find_weights(model.name, pretrained), method.model
    if found.part is not None and recipe.method.name == "frozen-features":
        fix = f"They are its {found.part} alone: learn the rest with method=fine-tuning."
        raise must_be("model.pretrained", "weights of all that is frozen", found.word, fix)
    state = (
        _of_the_library(recipe, found, example=example)
        if found.file is None
        else read_weights(found.file)
    )
    fitted: Fitted = fit_weights(
        network,
        state,
        source=found.word,
        part=found.part,
        find_head=lambda: _path_of_head(network, example),
    )
    return Started(
        source=found.word,
        model=model.name,
        digest=digest_of(state) if found.file is None else file_digest(found.file),
        fresh=fitted.fresh,
        part=found.part,
        spread=fitted.spread,
        about=found.about,
    )


def refuse_changed_start(folder: RunFolder, started: Started | None) -> None:
    """Let no run that has to begin again do so from other weights, as if nothing had happened.

    Raises:
        DamagedRun: the source holds others now.
    """
    if started is None or not folder.has(STARTED):
        return
    begun = folder.read_json(STARTED)["digest"]
    if begun != started.digest:
        raise DamagedRun(
            f"weights must be those that {folder.name} began with, got others in {started.source} "
            f"(digest {started.digest[:12]}, not {begun[:12]}). The run was stopped before its "
            "first snapshot: bring them back, or start another run."
        )


def _with_default(recipe: Recipe, *, pictures: bool) -> Recipe:
    """Ways to learn that mean trained weights get them, and a network that has some."""
    if recipe.method.name not in TRANSFER:
        return recipe
    model = recipe.model
    if model is None and not pictures:
        raise must_be(
            "model",
            f"named for {recipe.method.name} where the inputs are no pictures",
            None,
            "For example: model={name: mlp, pretrained: path/to/weights.safetensors}",
        )
    model = model or Named(name="torchvision:resnet18")
    part = Named.model_validate({"name": model.name, "pretrained": True, **model.options})
    return recipe.model_copy(update={"model": part})


def _preprocess(recipe: Recipe, found: WeightSource) -> Named | None:
    """That of the weights, with whatever the recipe itself says of it."""
    asked = recipe.preprocess
    if found.mean is None or (asked is not None and asked.name != _PHOTOGRAPHS):
        return asked
    side = recipe.data.image_size
    size = found.size if side is None else (side, side)
    own = {"mean": found.mean, "deviation": found.deviation, "size": size}
    own |= {} if asked is None else asked.options
    plain = {name: _plain(value) for name, value in own.items() if value is not None}
    return Named.model_validate({"name": _PHOTOGRAPHS, **plain})


def _other_channels(recipe: Recipe, raw_shape: Sequence[int] | None, found: WeightSource) -> bool:
    """Whether a library's network gets anything but the three channels its changes are for."""
    if found.file is not None or raw_shape is None:
        return False
    named = recipe.preprocess
    return raw_shape[0] != 3 and (named is None or named.name != _PHOTOGRAPHS)


def _of_the_library(recipe: Recipe, found: WeightSource, *, example: Any) -> dict[str, Tensor]:
    from netwright.models.catalogue import create

    model = recipe.model
    if model is None or found.num_classes is None:
        raise must_be("model", "named in a completed recipe", None)
    options = {name: value for name, value in model.options.items() if name != "changes"}
    shape = tuple(example.shape[1:])
    try:
        with _random.isolated(_random.derive(recipe.seed, "weights")):
            donor: nn.Module = create(
                model.name,
                num_classes=found.num_classes,
                in_channels=shape[0],
                image_size=shape[1:],
                **{**options, "pretrained": True},
            )
    except NoWeights as error:
        rest = model.name.partition(":")[2] or model.name
        known = [name for name in (rest, rest.replace("_", "-")) if name in names()]
        others = [name for name in known if entry(name).origin]
        if not others:
            raise
        raise NoWeights(f"{error} Or run: netwright data get {others[0]}") from error
    return dict(donor.state_dict())


def _path_of_head(network: nn.Module, example: Tensor) -> str:
    from netwright.models.features import head_of

    head = head_of(network, example[:1])
    path: str = next(path for path, part in network.named_modules() if part is head)
    return path


def _plain(value: Any) -> Any:
    """As a recipe holds it: lists and mappings."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
