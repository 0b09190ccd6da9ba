"""The trained runs that a recipe names as teachers, ready to be asked by a pupil."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netwright._errors import BadType, must_be
from netwright.data.preprocess.base import Restorable
from netwright.methods.base import Task
from netwright.runs.recipe import Named, Recipe
from netwright.workflow.run import Run, load, network_input_shape

if TYPE_CHECKING:
    from torch import Tensor, nn

    from netwright.methods.distillation import Teacher
    from netwright.methods.ensemble import Member
    from netwright.workflow.loaders import PreparedLoaders
    from netwright.workflow.prepare import Prepared

__all__ = ["paths_of", "taught", "with_paths"]

_OPTION = "teachers"


def paths_of(teachers: Sequence[Any]) -> list[str]:
    """Runs, and paths or names of runs, as a recipe has them."""
    if isinstance(teachers, (str, os.PathLike, Run)):
        teachers = [teachers]
    strange = [one for one in teachers if not isinstance(one, (str, os.PathLike, Run))]
    if strange:
        raise must_be("teachers", "runs, or paths of runs", strange[0], error=BadType)
    return [
        os.fspath(one.folder.path.resolve() if isinstance(one, Run) else one) for one in teachers
    ]


def with_paths(recipe: Recipe) -> Recipe:
    """The recipe with its teachers' paths made absolute, so that a resumed run finds them."""
    if _OPTION not in recipe.method.options:
        return recipe
    found = [os.fspath(run.folder.path.resolve()) for run in _runs(recipe)]
    part = {"name": recipe.method.name, **recipe.method.options, _OPTION: found}
    return recipe.model_copy(update={"method": Named.model_validate(part)})


def taught(task: Task, recipe: Recipe, *, prepared: Prepared | PreparedLoaders) -> Task:
    """The task with the teachers that the recipe names; as it is where it names none.

    Raises:
        BadValue: one that has learned something else, or takes inputs that can't be made from the
            pupil's.
        DamagedRun: one that is not there, or not finished.
    """
    if _OPTION not in recipe.method.options:
        return task
    teachers = [
        teacher for run in _runs(recipe) for teacher in _teachers(run, task, prepared=prepared)
    ]
    return replace(task, teachers=tuple(teachers))


def _runs(recipe: Recipe) -> list[Run]:
    named = recipe.method.options[_OPTION]
    if isinstance(named, str) or not isinstance(named, Sequence) or not named:
        fix = f"method: {{name: {recipe.method.name}, teachers: [runs/a]}}"
        raise must_be("method.teachers", "a list of finished runs", named, fix)
    return [load(str(one)) for one in named]


def _teachers(run: Run, task: Task, *, prepared: Prepared | PreparedLoaders) -> list[Teacher]:
    """One, or, of an ensemble, each member: each takes inputs preprocessed for itself."""
    from netwright.methods.distillation import Teacher, order_among
    from netwright.methods.ensemble import Ensemble, Member

    target = run.state["target"]
    if target["kind"] != task.kind:
        rule = f"taught {task.kind}, as the data have"
        raise must_be("teachers", rule, f"{run.name}, which was taught {target['kind']}")
    order = order_among(task.names, target["names"], of=run.name)
    own = prepared.state()
    _refuse_other_inputs(run, own)
    if isinstance(run.method, Ensemble):
        members: list[Any] = list(run.method.members)
    else:
        members = [Member(run.preprocess, run.method)]
    return [
        Teacher(
            method=_frozen(member),
            bring=_bridge(member.preprocess, prepared, own=own, of=run.name),
            order=order,
            name=run.name,
        )
        for member in members
    ]


def _frozen(member: Member) -> Any:
    for parameter in member.method.parameters():
        parameter.requires_grad_(False)
    return member.method.eval()


def _refuse_other_inputs(run: Run, own: Mapping[str, Any]) -> None:
    theirs, ours = network_input_shape(run.state), network_input_shape(own)
    if tuple(theirs) != tuple(ours):
        rule = f"taught inputs of the pupil's shape {tuple(ours)}"
        fix = "Set data.image_size or data.channels as the teacher's recipe has them."
        raise must_be("teachers", rule, f"{run.name}, which takes {tuple(theirs)}", fix)
    if run.state["encoder"] != own["encoder"]:
        rule = "taught columns encoded as the pupil's"
        fix = "Train both on the same table and splits."
        raise must_be("teachers", rule, f"{run.name}, which encodes them otherwise", fix)


def _bridge(
    preprocess: nn.Module, prepared: Prepared | PreparedLoaders, *, own: Mapping[str, Any], of: str
) -> Callable[[Tensor], Tensor] | None:
    """From what the pupil's preprocessing gave to what the teacher's would have given."""
    theirs: Any = preprocess
    if theirs.state() == own["preprocess"]:
        return None
    ours = getattr(prepared, "preprocess", None)
    if not isinstance(ours, Restorable) or not isinstance(theirs, Restorable):
        rule = "preprocessed as the pupil is, or both by a preprocessing that can be taken back"
        fix = "Name the same preprocess, and train both on the same splits."
        raise must_be("teachers", rule, f"{of}, which has another {theirs.state()['name']}", fix)
    back = ours

    def bring(inputs: Tensor) -> Tensor:
        preprocess.to(inputs.device)
        return theirs.of_unit(back.restore(inputs))

    return bring
