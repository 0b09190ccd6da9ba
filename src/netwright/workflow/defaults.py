"""Whatever a recipe leaves out, filled in by the data: every choice ends up in the run's recipe.

The numbers come from the runs in `benchmarks/`: small networks on a few hundred to a few ten
thousand examples, on a processor.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from netwright.data.augment.catalogue import DEFAULT_FOR_PICTURES
from netwright.data.sampler import batch_count
from netwright.models.catalogue import describe
from netwright.runs.recipe import Named, OptimizerPart, Recipe, TrainingPart
from netwright.workflow.build import GIVEN

__all__ = ["AS_MADE", "Facts", "complete"]

AS_MADE = "default"  # name of weights as the model's own code draws them
SMALL_PICTURE = 64  # pixels a side up to which our own small residual net is the better choice
LEAST_MOVED = 13  # pixels a side from which moving by one is less than the usual share of it
LEAST_MOVES = 10  # passes below which seeing a picture as it is teaches more than moving it
LEAST_STEPS = 600  # updates that even a few dozen pictures need, within 200 epochs
LARGE_BATCH = 2048  # examples of a step that looks for its own length: a small batch misleads it
SEARCHED_STEPS = 50  # each as good as some tens of cheap ones
SEARCHES = ("lbfgs", "truncated-newton")  # the length of a step is theirs to find
RECORDED_STEPS = 1000  # steps that a curve needs at most
FROZEN = "frozen-features"  # each epoch costs next to nothing
FINE_TUNED = 0.3  # of the usual rate, where trained weights are to be kept in the main
CLOSED_FORMS = ("normal-equations", "grid-search")  # which are there for a linear model
SNAPSHOTS = 10  # whole states written in the course of a run


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the defaults depend on.

    Attributes:
        count: training examples.
        picture_size: (height, width) of the pictures; None where the inputs are none.
        reads_items: the examples are read while they are learned from.
        preprocess: name of what suits the inputs.
        batches: an epoch has, where that is not ours to choose.
    """

    count: int
    preprocess: str
    picture_size: tuple[int, int] | None = None
    reads_items: bool = False
    batches: int | None = None


@dataclass(frozen=True)
class _Views:
    """How long to train: so many views of examples, within bounds on the epochs."""

    views: int
    least: int
    most: int

    def epochs(self, count: int) -> int:
        return min(max(round(self.views / count), self.least), self.most)


_PICTURES = _Views(views=600_000, least=12, most=40)
_ROWS = _Views(views=200_000, least=20, most=200)


def complete(recipe: Recipe, facts: Facts) -> Recipe:
    """The recipe with nothing left open."""
    model = _fully_named(recipe.model) if recipe.model else _model(recipe, facts)
    optimizer = _optimizer(recipe, model=model.name)
    frozen = recipe.method.name == FROZEN  # begins again sooner than it writes ten whole networks
    training = _training(
        recipe.training, facts, optimizer=optimizer.name, snapshots=1 if frozen else SNAPSHOTS
    )
    schedule = "constant" if optimizer.name in SEARCHES else "one-cycle"
    return recipe.model_copy(
        update={
            "preprocess": recipe.preprocess or Named(name=facts.preprocess),
            "augment": _augment(recipe, facts, epochs=training.epochs or 1),
            "model": model,
            "initialise": recipe.initialise or (Named(name=AS_MADE),),
            "optimizer": optimizer,
            "schedule": recipe.schedule or _schedule(recipe, usual=schedule),
            "training": training,
        }
    )


def _fully_named(model: Named) -> Named:
    """A bare name with its library before it: what it stands for may change, a run doesn't."""
    if model.name == GIVEN:
        return model
    return model.model_copy(update={"name": describe(model.name).name})


def _schedule(recipe: Recipe, *, usual: str) -> Named:
    part = recipe.ensemble
    if part is not None and part.kind == "snapshots":
        cycles = {"cycles": part.members, "multiplier": 1.0}
        return Named.model_validate({"name": "cosine-restarts", **cycles})
    if recipe.training.swa_start is not None:  # weights that have come to rest have no mean to take
        return Named(name="constant")
    return Named(name=usual)


def _model(recipe: Recipe, facts: Facts) -> Named:
    if recipe.method.name in CLOSED_FORMS:
        return Named(name="linear")
    if recipe.method.name == "capsules":
        return Named(name="capsnet")
    if facts.picture_size is None:
        return Named(name="mlp")
    small = max(facts.picture_size) <= SMALL_PICTURE
    return Named(name="small-resnet" if small else "torchvision:resnet18")


def _augment(recipe: Recipe, facts: Facts, *, epochs: int) -> tuple[Named, ...]:
    if recipe.augment is not None:
        return recipe.augment
    if facts.picture_size is None:
        return ()
    if recipe.method.name == FROZEN and recipe.method.options.get("views", 1) == 1:
        return ()  # one view that is kept is best the picture itself
    if facts.reads_items:  # cut while they are whole, finer than whole pixels
        return (Named.model_validate({"name": "random-resized-crop", "scale": (0.5, 1.0)}),)
    if epochs < LEAST_MOVES or min(facts.picture_size) < LEAST_MOVED:
        return ()
    return tuple(Named.model_validate(one) for one in DEFAULT_FOR_PICTURES)


def _optimizer(recipe: Recipe, *, model: str) -> OptimizerPart:
    asked = recipe.optimizer or OptimizerPart.model_validate({"name": "adamw"})
    usual = 0.005 if model == "small-resnet" else 0.001
    share = FINE_TUNED if recipe.method.name == "fine-tuning" else 1.0
    adaptive = {"learning_rate": usual * share}
    defaults: Mapping[str, Mapping[str, float | str]] = {
        "adamw": {**adaptive, "weight_decay": 0.05},
        "sgd": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4},
        "lbfgs": {"learning_rate": 1.0, "line_search_fn": "strong_wolfe"},
        "truncated-newton": {"learning_rate": 1.0},
        "moving-average-momentum": {"learning_rate": 0.5, "momentum": 0.9, "weight_decay": 5e-4},
        "lookahead-nesterov": {"learning_rate": 0.01},
        "adagrad": {"learning_rate": 0.01},
    }
    filled = {**defaults.get(asked.name, adaptive), **asked.options, "name": asked.name}
    if asked.learning_rate is not None:
        filled["learning_rate"] = asked.learning_rate
    return OptimizerPart.model_validate({**filled, "l1": asked.l1, "groups": asked.groups})


def _training(part: TrainingPart, facts: Facts, *, optimizer: str, snapshots: int) -> TrainingPart:
    batch_size = part.batch_size
    if batch_size is None and facts.batches is None:
        searches = optimizer in SEARCHES
        batch_size = min(facts.count, LARGE_BATCH) if searches else _batch_size(facts.count)
    batches = facts.batches or batch_count(facts.count, batch_size or 1)
    epochs = part.epochs or _epochs(facts, batches=batches, optimizer=optimizer)
    workers = min(os.cpu_count() or 1, 8) if facts.reads_items else 0
    filled = {
        "batch_size": batch_size,
        "epochs": epochs,
        "record_every": part.record_every or -(-epochs * batches // RECORDED_STEPS),
        "snapshot_every": _or(part.snapshot_every, -(-epochs // snapshots)),
        "workers": _or(part.workers, workers) if facts.batches is None else None,
    }
    return part.model_copy(update=filled)


def _epochs(facts: Facts, *, batches: int, optimizer: str) -> int:
    if optimizer in SEARCHES:
        return max(-(-SEARCHED_STEPS // batches), 5)
    views = _PICTURES if facts.picture_size is not None else _ROWS
    return max(views.epochs(facts.count), min(-(-LEAST_STEPS // batches), 200))


def _batch_size(count: int) -> int:
    """About 20 updates an epoch for small sets, 128 examples each for large ones."""
    for size in (16, 32, 64):
        if count < 20 * size:
            return size
    return 128


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
