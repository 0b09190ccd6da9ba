"""What a run was asked to do: everything that decides its outcome, as text a person can edit.

A recipe as written by hand may leave fields out; a recipe in a run folder has every default filled
in, so that `netwright train --recipe RUN/recipe.yaml` repeats the run. Named parts (model, method,
optimizer, schedule, preprocess, augment, initialise) carry their options beside their name::

    optimizer: {name: adamw, learning_rate: 0.002, weight_decay: 0.01}
    initialise: [{name: kaiming-normal, activation: tanh}, {name: output-bias}]
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from netwright._errors import BadValue, must_be, offenders
from netwright.runs.disk_space import parse_space

__all__ = ["DataPart", "EarlyStoppingPart", "EnsemblePart", "Named", "OptimizerGroupPart"]
__all__ += ["OptimizerPart", "Recipe", "SplitPart", "TrainingPart", "parse_assignment"]
__all__ += ["FoldPart", "GradientNoisePart", "TensorBoardPart"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Named(BaseModel):
    """Something from a catalogue, with its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    name: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, content: Any) -> Any:
        """A bare name stands for itself without options: `model: lenet`."""
        return {"name": content} if isinstance(content, str) else content

    @property
    def options(self) -> dict[str, Any]:
        """Everything beside the name."""
        return dict(self.model_extra or {})


class OptimizerGroupPart(BaseModel):
    """What differs for the parameters that `match` matches, as `train.optimizers.groups` has it.

    Any option of the optimiser may stand beside it, `l1` too.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    match: str
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    learning_rate_scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """Everything beside pattern and rate."""
        return dict(self.model_extra or {})


class OptimizerPart(Named):
    """An optimiser; its learning rate is chosen by the model where it is left out.

    `l1` above 0 is the weight of the absolute values of the weights, biases and normalisers apart,
    in the loss: those that matter too little end at exactly 0. `groups` has options of layers; the
    first whose pattern matches a parameter holds.
    """

    name: str = "adamw"
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    l1: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    groups: tuple[OptimizerGroupPart, ...] = ()

    @property
    def reaches_zeros(self) -> bool:
        """Whether some of the weights are under an L1 penalty."""
        return bool(self.l1) or any(group.options.get("l1") for group in self.groups)


class DataPart(_Part):
    """Which examples, and how they are read.

    Attributes:
        name: a built-in set, one of `netwright data`, or a path.
        target: target column of a table; several are separated by commas.
        kind: what the target is, where it can't be told from its values. "several" makes a task of
            each target column, whatever its kind; so does a mapping, which names the kind of some.
        image_size: pictures are brought to this many pixels a side.
        channels: 1 or 3; pictures are brought to as many.
        group: column whose groups stay together when the set is split.
        time: column that orders the examples; a split puts the later ones last.
        skip_bad: leave out examples that can't be used, and say which.
        cache: where decoded picture files are kept between passes: in memory until the run ends, or
            on disk until the machine is started again; at most half of what is free.
        shuffle_labels: learn from targets that are dealt out anew, by the run's seed: the twin that
            has nothing to learn but the examples themselves. Test and calibration keep theirs.
        fingerprint: SHA-256 of what was read; a repeated run checks it.
    """

    name: str
    target: str | None = None
    kind: str | dict[str, str] | None = None
    image_size: int | None = Field(default=None, ge=1)
    channels: int | None = Field(default=None, ge=1)
    group: str | None = None
    time: str | None = None
    skip_bad: bool = False
    cache: Literal["none", "memory", "disk"] = "none"
    shuffle_labels: bool = False
    fingerprint: str | None = None


class FoldPart(_Part):
    """Which fold of a cross-validation is the test part: `number` of `of`, both from 1."""

    number: int = Field(ge=1)
    of: int = Field(ge=2)
    repeat: int = Field(default=1, ge=1)


class SplitPart(_Part):
    """How the examples are divided. The test part does not depend on the run's seed.

    Attributes:
        kind: "auto" takes what the data allow.
        val: share that chooses the weights and stops the run; 0 for none.
        test: share that judges; with a fold, the share that all folds leave alone.
        calibration: share that neither learning nor choosing sees, for `netwright calibrate`.
        seed: of the cut.
        gap: of a temporal split: how long before the next part nothing is used, in units of the
            times; days where they are dates.
        fold: of a cross-validation.
    """

    kind: Literal["auto", "stratified", "grouped", "temporal", "shuffled"] = "auto"
    val: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.2, ge=0, lt=1)
    calibration: float = Field(default=0.0, ge=0, lt=1)
    seed: int = 0
    gap: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    fold: FoldPart | None = None


class EarlyStoppingPart(_Part):
    """When to stop before the last epoch; None of the three triggers means never."""

    trigger: Literal["no-change", "steady-decrease", "average-change"] = "no-change"
    epochs: int = Field(default=10, ge=1)
    least: float = Field(default=0.0, ge=0)


class GradientNoisePart(_Part):
    """Gaussian noise on the gradients, of variance eta / (1 + step)^gamma."""

    eta: float = Field(default=0.01, gt=0, allow_inf_nan=False)
    gamma: float = Field(default=0.55, ge=0, allow_inf_nan=False)


class TrainingPart(_Part):
    """Numbers of the loop; None where the workflow chooses, or where a thing is off.

    `restarts` is how often all of it is done, each time from other random weights; what is kept is
    the best by the validation.

    `select_by` names the metric that early stopping and `restore_best` go by; else it is the first.
    Whole states are kept on disk every `snapshot_every` epochs and every `snapshot_steps` steps
    (0 for none): the newest `snapshots_kept` of them, in no more space than `snapshot_budget`
    ("2 GB").
    """

    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    micro_batch_size: int | None = Field(default=None, ge=1)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    clip_norm: float | None = Field(default=None, gt=0)
    clip_value: float | None = Field(default=None, gt=0)
    gradient_noise: GradientNoisePart | None = None
    ema_decay: float | None = Field(default=None, ge=0, lt=1)
    swa_start: float | None = Field(default=None, ge=0, lt=1)
    compile: bool = False
    early_stopping: EarlyStoppingPart | None = None
    restarts: int = Field(default=1, ge=1)
    restore_best: bool = True
    select_by: str | None = None
    validate_every: int = Field(default=1, ge=1)
    record_every: int | None = Field(default=None, ge=1)
    snapshot_every: int | None = Field(default=None, ge=0)
    snapshot_steps: int = Field(default=1000, ge=0)
    snapshots_kept: int = Field(default=2, ge=1)
    snapshot_budget: str | None = None
    workers: int | None = Field(default=None, ge=0)
    distribution: Literal["data-parallel", "fsdp"] = "data-parallel"
    sync_batch_norm: bool = False
    process_timeout: float = Field(default=1800.0, gt=0)

    @field_validator("snapshot_budget")
    @classmethod
    def _is_space(cls, text: str | None) -> str | None:
        if text is not None:
            parse_space(text)
        return text


class EnsemblePart(_Part):
    """Several networks that answer together.

    Attributes:
        kind: "independent" trains a run for each member, with seeds from the recipe's own upwards;
            "snapshots" takes the weights at the ends of equal parts of one run; "given" was put
            together from runs that were there.
        members: how many.
    """

    kind: Literal["independent", "snapshots", "given"] = "independent"
    members: int = Field(default=5, ge=2)


class TensorBoardPart(_Part):
    """What a run writes for TensorBoard, beside its record, into its folder `tensorboard`.

    Attributes:
        histogram_every: steps between histograms of weights, gradients and activations; 0 for none.
        bins: of each histogram.
    """

    histogram_every: int = Field(default=100, ge=0)
    bins: int = Field(default=64, ge=1)


class Recipe(_Part):
    """Everything that decides the outcome of a run.

    Judged by `metrics`, in place of the method's own; by the first of them the best moment is
    chosen, unless `training.select_by` names another.

    `explain` adds maps to the pictures of the report: to the most confident errors, and to the most
    typical examples of each class.

    `costs` is what each decision costs for each true class: {cat: {cat: 0, dog: 1, abstain: 0.2},
    dog: {cat: 5, dog: 0, abstain: 0.2}}.
    """

    data: DataPart
    split: SplitPart = SplitPart()
    preprocess: Named | None = None
    augment: tuple[Named, ...] | None = None
    model: Named | None = None
    initialise: tuple[Named, ...] | None = None
    method: Named = Named(name="supervised")
    metrics: tuple[Named, ...] | None = None
    optimizer: OptimizerPart | None = None
    schedule: Named | None = None
    training: TrainingPart = TrainingPart()
    ensemble: EnsemblePart | None = None
    costs: dict[str, dict[str, float]] | None = None
    seed: int = 0
    device: str = "auto"
    doctor: bool = True
    explain: bool = True
    tensorboard: TensorBoardPart | None = None

    @field_validator("tensorboard", mode="before")
    @classmethod
    def _as_it_is(cls, content: Any) -> Any:
        """`tensorboard: true` is one with its defaults."""
        return {True: {}, False: None}[content] if isinstance(content, bool) else content

    @field_validator("initialise", mode="before")
    @classmethod
    def _one_or_several(cls, content: Any) -> Any:
        """A single step stands for a list of one: `initialise: orthogonal`."""
        return (content,) if isinstance(content, (str, Mapping)) else content

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Check plain data against the recipe's fields.

        Raises:
            BadValue: unknown or ill-typed fields, all of them in one sentence.
        """
        try:
            return cls.model_validate(_tuples(content))
        except ValidationError as error:
            raise BadValue(_sentence(error, cls)) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            BadValue: it isn't there, isn't YAML, or breaks the rules of `parse`.
        """
        try:
            content = _tuples(_load(path.read_text(encoding="utf8")))
        except OSError as error:
            raise must_be("recipe", "a readable file", str(path), f"{error.strerror}.") from None
        except UnicodeDecodeError as error:
            raise must_be("recipe", "text in UTF-8", str(path), f"{error}.") from None
        except yaml.YAMLError as error:
            where = str(error).replace("\n", " ")
            raise must_be("recipe", "valid YAML", str(path), f"{where}.") from None
        except RecursionError:
            raise must_be("recipe", "a few levels deep", str(path), "It has no end.") from None
        if not isinstance(content, Mapping):
            raise must_be("recipe", "a mapping of sections", type(content).__name__)
        return cls.parse(content)

    def with_fields(self, fields: Mapping[str, Any]) -> Self:
        """The recipe with other values at dotted paths."""
        content = self.plain()
        for path, value in fields.items():
            _assign(content, path.split("."), value)
        return type(self).parse(content)

    def changed(self, assignments: Sequence[str]) -> Self:
        """The recipe with `path.to.field=value` carried out, each value read as YAML.

        Example:
            >>> recipe = Recipe.parse({"data": {"name": "digits"}})
            >>> recipe.changed(["training.epochs=3", "optimizer={name: sgd}"]).training.epochs
            3
        """
        parsed = (parse_assignment(assignment) for assignment in assignments)
        return self.with_fields({".".join(path): value for path, value in parsed})

    def plain(self) -> dict[str, Any]:
        """As JSON and YAML have it."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """As written into a run folder."""
        return yaml.dump(self.plain(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def parse_assignment(assignment: str) -> tuple[list[str], Any]:
    """Split "path.to.field=value" and read the value as YAML.

    Raises:
        BadValue: there is no "=", or the value isn't YAML.
    """
    path, separator, text = assignment.partition("=")
    if not separator or not path.strip():
        raise must_be(
            "--set", "of the form path.to.field=value", assignment, "e.g. --set training.epochs=5"
        )
    try:
        value = _load(text)
    except yaml.YAMLError:
        raise must_be("--set", "a value in YAML", assignment) from None
    return path.strip().split("."), value


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as people mean it; YAML 1.1 wants 1.0e-3."""


class _Dumper(yaml.SafeDumper):
    """Puts the text "1e-3" in quotes, so that it is text when it is read again."""


_POWER_OF_TEN = re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver("tag:yaml.org,2002:float", _POWER_OF_TEN, list("-+.0123456789"))


def _load(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def _assign(content: dict[str, Any], path: Sequence[str], value: Any) -> None:
    place = content
    for key in path[:-1]:
        inner = place.get(key)
        if inner is None:
            inner = place[key] = {}
        if not isinstance(inner, dict):
            raise must_be("--set", f"a path into a section, and {key} is none", ".".join(path))
        place = inner
    place[path[-1]] = value


def _tuples(value: Any) -> Any:
    """Lists as the strict model wants them."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    problems = []
    for one in error.errors():
        path = ".".join(str(part) for part in one["loc"])
        if one["type"] == "extra_forbidden":
            known = _fields_at(model, one["loc"][:-1])
            near = difflib.get_close_matches(str(one["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            problems.append(f"{path} is unknown ({hint})")
        elif one["type"] == "missing":
            problems.append(f"{path} is missing")
        else:
            rule = one["msg"][0].lower() + one["msg"][1:]
            problems.append(f"{path}={one['input']!r} breaks '{rule}'")
    return (
        f"recipe must hold known fields of the right type, got {offenders(problems)}. "
        "Change them in the file, or with --set path.to.field=value."
    )


def _fields_at(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location:
        inner = model.model_fields[str(part)].annotation if part in model.model_fields else None
        options = [inner, *getattr(inner, "__args__", ())]
        found = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if not found:
            return []
        model = found[0]
    return list(model.model_fields)
