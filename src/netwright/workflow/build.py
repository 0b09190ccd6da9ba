"""From a completed recipe to the objects that carry it out."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netwright import _random
from netwright._errors import BadType, NetwrightError, must_be, unknown
from netwright.methods.base import Method, ParameterGroup, Task
from netwright.methods.catalogue import CATALOGUE as METHODS
from netwright.methods.supervised import Supervised
from netwright.metrics.base import Metric
from netwright.metrics.chosen import chosen, selecting
from netwright.runs.disk_space import parse_space
from netwright.runs.events import Recorder
from netwright.runs.recipe import Named, OptimizerPart, Recipe, TrainingPart
from netwright.train import schedules
from netwright.train.early_stopping import (
    EarlyStopping,
    average_change,
    no_change,
    steady_decrease,
)
from netwright.train.loop import MakeOptimizer
from netwright.train.on_plateau import OnPlateau
from netwright.train.optimizers.build import build_optimizer
from netwright.train.optimizers.groups import (
    GroupRule,
    apply_rules,
    parameter_names,
    refuse_idle_rules,
)
from netwright.train.settings import Settings
from netwright.train.snapshot import SnapshotFolder

__all__ = [
    "GIVEN",
    "build_early_stopping",
    "build_method",
    "build_on_plateau",
    "check_optimizer",
    "given_part",
    "make_optimizers",
    "naming_options",
    "settings_of",
    "snapshots_of",
]

GIVEN = "given"
"""Name in a recipe of what was handed over as an object and can't be made again from text."""


@contextmanager
def naming_options(section: str, options: Any) -> Iterator[None]:
    """Say which section of the recipe holds options that what it names can't work with."""
    try:
        yield
    except NetwrightError:
        raise
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        if not options:
            raise
        raise must_be(
            section,
            "given options of the right kind",
            options,
            f"They led to {type(error).__name__}: {error}.",
        ) from error


def given_part(thing: object) -> Named:
    """What a recipe says of an object: its class and a fingerprint of what it is made of."""
    described = [type(thing).__qualname__, repr(thing)]
    if isinstance(thing, nn.Module):
        shapes = {name: tuple(value.shape) for name, value in thing.state_dict().items()}
        described.append(repr(sorted(shapes.items())))
    try:
        described.append(inspect.getsource(type(thing)))
    except (OSError, TypeError):  # typed at a prompt, or compiled: the shapes must do
        described.append("")
    digest = hashlib.sha256("\0".join(described).encode()).hexdigest()
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
    return Named.model_validate({"name": GIVEN, "class": kind, "fingerprint": digest})


def build_method(
    recipe: Recipe,
    *,
    task: Task,
    input_shape: Sequence[int],
    model: nn.Module | None = None,
    method: Method | None = None,
) -> Method:
    """The method of a completed recipe, its weights drawn from the recipe's seed.

    Args:
        recipe: completed.
        task: what is to be learned.
        input_shape: of one example, (c, h, w) or (features,).
        model: where the recipe's was given as an object.
        method: likewise.

    Raises:
        BadValue: the recipe names something given that is not there, or nothing that is known.
    """
    made = _method(recipe, task=task, input_shape=input_shape, model=model, method=method)
    _choose_metrics(made, recipe, task=task)
    return made


def _method(
    recipe: Recipe,
    *,
    task: Task,
    input_shape: Sequence[int],
    model: nn.Module | None,
    method: Method | None,
) -> Method:
    if method is not None:
        return method
    if recipe.method.name == GIVEN:
        raise _missing("method", recipe.method)
    with _random.isolated(_random.derive(recipe.seed, "weights")):
        made = METHODS.load(recipe.method.name)
        if not (isinstance(made, type) and issubclass(made, Method)):
            raise must_be(
                "method", "a class derived from netwright Method", recipe.method.name, error=BadType
            )
        build = _model_builder(recipe, input_shape=input_shape, given=model)
        with naming_options("method", recipe.method.options):
            return made.for_task(task, build_model=build, **recipe.method.options)


def _choose_metrics(method: Method, recipe: Recipe, *, task: Task) -> None:
    """Judge the method by what the recipe asks for; refuse what it can't be judged by."""
    asked, first = recipe.metrics, recipe.training.select_by
    if not asked and first is None:
        method.choose(None)
        return
    pairs = tuple((one.name, one.options) for one in asked or ())
    choice = partial(_choice, asked=pairs, first=first, kind=task.kind, names=task.names)
    with naming_options("metrics", {name: options for name, options in pairs if options}):
        made = choice(method.metrics())
        if isinstance(method, Supervised) and task.targets is not None and len(task.targets):
            _try_out(made, method, targets=task.targets[:2])
    method.choose(choice)


def _choice(
    own: Mapping[str, Metric],
    *,
    asked: Sequence[tuple[str, Mapping[str, Any]]],
    first: str | None,
    kind: str,
    names: Sequence[str],
) -> Mapping[str, Metric]:
    made = chosen(asked, own, kind=kind, names=names) if asked else own
    return made if first is None else selecting(made, first)


def _try_out(metrics: Mapping[str, Metric], method: Supervised, *, targets: Tensor) -> None:
    """Show each an answer: one that needs what the unit doesn't give says so beforehand."""
    scores = torch.zeros(len(targets), method.unit.width)
    prediction = method.unit.predict(scores)
    for metric in metrics.values():
        metric.update(prediction, targets.cpu())


def _model_builder(
    recipe: Recipe, *, input_shape: Sequence[int], given: nn.Module | None
) -> Callable[[int], nn.Module]:
    from netwright.models.catalogue import create

    if given is not None:
        return lambda width: given
    part = recipe.model
    if part is None:
        raise must_be("model", "named in a completed recipe", None)
    if part.name == GIVEN:
        raise _missing("model", part)

    if len(input_shape) not in (1, 3):
        raise must_be(
            "inputs",
            "rows (features) or pictures (c, h, w) for a model of the catalogue",
            tuple(input_shape),
            "Give a module of your own: fit(data, model=my_module).",
        )

    # trained weights are put in when a run begins: one that is there has its own
    options = {name: value for name, value in part.options.items() if name != "pretrained"}

    def build(width: int) -> nn.Module:
        size = tuple(input_shape[1:]) if len(input_shape) == 3 else None
        with naming_options("model", options):
            made: nn.Module = create(
                part.name,
                num_classes=width,
                in_channels=input_shape[0],
                image_size=size,
                **options,
            )
        return made

    return build


def make_optimizers(recipe: Recipe, method: Method) -> MakeOptimizer:
    """Builds the optimisers of a stage as the recipe says.

    Args:
        recipe: completed.
        method: that learns, whose names of parameters the recipe's groups match.
    """
    part = recipe.optimizer
    if part is None or part.learning_rate is None:
        return _without_optimizers
    rate, options, rules = part.learning_rate, part.options, rules_of(part)

    def make(name: str, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
        divided = apply_rules(groups, rules, names=parameter_names(method)) if rules else groups
        with naming_options("optimizer", options):
            return build_optimizer(
                divided, name=part.name, learning_rate=rate, l1=part.l1, **options
            )

    return make


def _without_optimizers(name: str, _: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    raise must_be("optimizer", "complete in a completed recipe", None, f"It is asked for {name}.")


def rules_of(part: OptimizerPart) -> list[GroupRule]:
    """The options of single layers."""
    rules = []
    for group in part.groups:
        options = dict(group.options)
        if group.learning_rate is not None:
            options["lr"] = group.learning_rate
        if group.learning_rate_scale != 1.0:
            options["lr_scale"] = group.learning_rate_scale
        rules.append(GroupRule(match=group.match, options=options))
    return rules


def check_optimizer(recipe: Recipe, method: Method) -> None:
    """Refuse what the recipe asks of an optimiser that this method or run can't do.

    Raises:
        BadValue: a group that matches nothing, L1 where zeros can't be; in one sentence.
    """
    part = recipe.optimizer
    if part is None:
        return
    refuse_idle_rules(rules_of(part), method)
    if part.reaches_zeros and recipe.training.ema_decay is not None:
        raise must_be(
            "training.ema_decay",
            "left out with optimizer.l1",
            recipe.training.ema_decay,
            "An average of weights over time is not 0 where they have become 0.",
        )
    if part.reaches_zeros and recipe.training.distribution == "fsdp":
        raise must_be(
            "training.distribution",
            "data-parallel with optimizer.l1",
            "fsdp",
            "The soft threshold and the share of zeros need whole weights.",
        )


def schedule_of(recipe: Recipe) -> schedules.Schedule:
    """The learning-rate schedule of a completed recipe; a controller's is constant here."""
    part = recipe.schedule or Named(name="constant")
    if part.name == schedules.ON_PLATEAU:
        return schedules.constant()
    with naming_options("schedule", part.options):
        return schedules.create(part.name, **part.options)


def settings_of(recipe: Recipe) -> Settings:
    """The loop's numbers."""
    part, noise = recipe.training, recipe.training.gradient_noise
    return Settings(
        epochs=part.epochs or 1,
        seed=recipe.seed,
        micro_batch_size=part.micro_batch_size,
        precision=part.precision,
        clip_norm=part.clip_norm,
        clip_value=part.clip_value,
        noise_eta=None if noise is None else noise.eta,
        noise_gamma=0.55 if noise is None else noise.gamma,
        ema_decay=part.ema_decay,
        swa_start=part.swa_start,
        compile=part.compile,
        validate_every=part.validate_every,
        snapshot_every=1 if part.snapshot_every is None else part.snapshot_every,
        snapshot_steps=part.snapshot_steps,
        restore_best=part.restore_best,
    )


def snapshots_of(recipe: Recipe, path: Path, *, record: Recorder) -> SnapshotFolder:
    """Where a run keeps its whole states; what `record` holds is on the disk before they are."""
    part = recipe.training
    budget = part.snapshot_budget
    return SnapshotFolder(
        path,
        keep=part.snapshots_kept,
        budget=None if budget is None else parse_space(budget),
        beforehand=record.sync,
    )


def build_early_stopping(training: TrainingPart, method: Method) -> list[EarlyStopping]:
    """The controller a recipe asks for, on the metric that the method is selected by."""
    part, metrics = training.early_stopping, method.judged_by()
    if part is None:
        return []
    if not metrics:
        raise must_be("early_stopping", "left out for a method without metrics", part.trigger)
    scores = -(-part.epochs // training.validate_every)  # there is one a validation
    triggers: Mapping[str, Callable[[], Any]] = {
        "no-change": lambda: no_change(epochs=scores, least=part.least),
        "steady-decrease": lambda: steady_decrease(epochs=scores),
        "average-change": lambda: average_change(epochs=scores, least=part.least),
    }
    name, metric = next(iter(metrics.items()))
    return [
        EarlyStopping(
            triggers[part.trigger](), metric=name, higher_is_better=metric.higher_is_better
        )
    ]


def build_on_plateau(recipe: Recipe, method: Method) -> list[OnPlateau]:
    """The controller of the learning rate that a recipe asks for.

    It goes by the metric that the method is selected by, or by the one that the option `metric`
    names.
    """
    part, metrics = recipe.schedule, method.judged_by()
    if part is None or part.name != schedules.ON_PLATEAU:
        return []
    if not metrics:
        raise must_be("schedule", "a function of the step for a method without metrics", part.name)
    options = part.options
    name = options.pop("metric", next(iter(metrics)))
    if name not in metrics:
        raise unknown("metric", str(name), metrics)
    known = set(inspect.signature(OnPlateau).parameters) - {"higher_is_better"}
    for option in options:
        if option not in known:
            raise unknown(f"option of schedule {part.name}", option, known)
    better = metrics[name].higher_is_better
    with naming_options("schedule", options):
        return [OnPlateau(metric=name, higher_is_better=better, **options)]


def resolved_path(name: str) -> str:
    """A path made absolute, so that a recipe means the same elsewhere; other names as they are."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else name


def _missing(what: str, part: Named) -> Exception:
    kind = part.options.get("class", "?")
    return must_be(
        what,
        "one that can be made again from the recipe alone",
        f"an object of class {kind}",
        f"It was given from Python: call netwright.fit or netwright.load with {what}=....",
    )
