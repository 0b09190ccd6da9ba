import copy

import pytest
import torch
from torch import nn

from netwright._errors import BadType, BadValue
from netwright.data.batch import Batch
from netwright.methods.base import Stage, Task
from netwright.methods.distillation import Distillation, Teacher, order_among
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised

ABC = ("a", "b", "c")


def supervised(kind="classes", names=ABC, **more):
    unit = create(kind, names=names, targets=None, **more)
    return Supervised(nn.Linear(4, unit.width), unit)


def teacher(kind="classes", names=ABC, **more):
    return Teacher(method=supervised(kind, names), **more)


def pupil(*teachers, kind="classes", names=ABC, **options):
    given = supervised(kind, names)
    return Distillation(given.model, given.unit, teachers=teachers, **options)


def batch(count=8, targets=None, **more):
    targets = torch.arange(count) % 3 if targets is None else targets
    return Batch(torch.randn(count, 4), targets, torch.arange(count), **more)


def test_value_and_gradient_of_two_teachers_written_out():
    made, given = pupil(teacher(), teacher(), temperature=3.0, label_weight=0.25), batch()
    cost = made.loss(given)
    scores = made.model(given.inputs)
    logits = [one.method.model(given.inputs).detach() for one in made.teachers]
    together = (logits[0].softmax(1) + logits[1].softmax(1)) / 2
    law = (together.log() / 3).softmax(1)
    soft = 9 * (law * (law.log() - (scores / 3).log_softmax(1))).sum(1)
    hard = nn.functional.cross_entropy(scores, given.targets, reduction="none")
    wanted = 0.75 * soft.sum() + 0.25 * hard.sum()
    torch.testing.assert_close(cost.total, wanted)
    torch.testing.assert_close(cost.terms["teachers"], soft.mean().detach())
    torch.testing.assert_close(cost.terms["labels"], hard.mean().detach())
    assert cost.term_weights == {"teachers": 0.75, "labels": 0.25}
    ours = torch.autograd.grad(cost.total, made.model.weight)[0]
    torch.testing.assert_close(ours, torch.autograd.grad(wanted, made.model.weight)[0])


def test_a_perfect_pupil_answers_as_the_ensemble_at_any_temperature():
    teachers, given = [teacher(), teacher()], batch()
    together = torch.stack([one.law(given.inputs) for one in teachers]).mean(dim=0)
    for heat in (1.0, 4.0):
        made = pupil(*teachers, temperature=heat, label_weight=0.0)
        scores = together.log().requires_grad_()
        cost = made.soft_loss(scores, inputs=given.inputs)
        assert cost.abs().max() < 1e-5
        assert torch.autograd.grad(cost.sum(), scores)[0].abs().max() < 1e-5


def test_the_usual_settings():
    made, given = pupil(teacher()), batch()
    spelled = Distillation(
        made.model, made.unit, teachers=made.teachers, temperature=4.0, label_weight=0.1
    )
    torch.testing.assert_close(made.loss(given).total, spelled.loss(given).total)


def test_examples_count_as_often_as_they_weigh():
    made, times = pupil(teacher()), torch.tensor([0, 1, 2, 3, 0, 1, 1, 2])
    given = batch(weight=times.float())
    rows = torch.arange(8).repeat_interleave(times)
    repeated = made.loss(Batch(given.inputs[rows], given.targets[rows], rows))
    cost = made.loss(given)
    torch.testing.assert_close(cost.total, repeated.total)
    assert int(cost.count) == repeated.count == 10


def test_a_pupil_that_is_its_teacher_has_nothing_to_learn():
    given = teacher()
    made = Distillation(given.method.model, given.method.unit, teachers=[given], label_weight=0.0)
    cost = made.loss(batch())
    assert cost.total.item() < 1e-5
    assert torch.autograd.grad(cost.total, made.model.weight)[0].abs().max() < 1e-5


def test_teachers_are_no_part_of_the_pupil():
    given = teacher()
    before = copy.deepcopy(given.method.state_dict())
    given.method.train()
    made = pupil(given)
    assert set(made.state_dict()) == {"model.weight", "model.bias"}
    assert len(list(made.parameters())) == 2
    made.train()
    made.loss(batch()).total.backward()
    assert all(one.grad is None for one in given.method.parameters())
    assert given.method.training  # only asked in evaluation mode, and left as it was
    assert all(torch.equal(before[name], one) for name, one in given.method.state_dict().items())
    assert copy.deepcopy(made).teachers[0].method is given.method


def test_dropout_of_a_teacher_is_off():
    inner = supervised()
    noisy = Supervised(nn.Sequential(inner.model, nn.Dropout(0.9)), inner.unit).train()
    given = batch()
    law = Teacher(method=noisy).law(given.inputs)
    torch.testing.assert_close(law, inner.model(given.inputs).softmax(1).detach())


def test_inputs_are_brought_and_classes_put_in_order():
    plain = teacher()
    other = Teacher(method=plain.method, bring=lambda inputs: inputs * 2, order=(2, 0, 1))
    inputs = torch.randn(5, 4)
    torch.testing.assert_close(other.law(inputs), plain.law(inputs * 2)[:, [2, 0, 1]])
    assert order_among(ABC, ABC, of="x") is None
    assert order_among(("c", "a", "b"), ABC, of="x") == (2, 0, 1)
    with pytest.raises(BadValue, match="x, which differs in c, d"):
        order_among(ABC, ("a", "b", "d"), of="x")


@pytest.mark.parametrize(("mine", "theirs"), [("binary", "classes"), ("classes", "binary")])
def test_two_classes_however_their_scores_are_given(mine, theirs):
    two = ("no", "yes")
    other, given = teacher(theirs, two), batch(targets=torch.arange(8) % 2)
    made = pupil(other, kind=mine, names=two, temperature=1.0, label_weight=0.0)
    cost = made.loss(given)
    yes = other.law(given.inputs)[:, -1]
    own = made.predict(given.inputs).probabilities
    own = own if own.ndim == 1 else own[:, 1]
    gap = yes * (yes / own).log() + (1 - yes) * ((1 - yes) / (1 - own)).log()
    torch.testing.assert_close(cost.total.detach(), gap.sum())
    turned = Teacher(method=other.method, order=(1, 0))
    torch.testing.assert_close(turned.law(given.inputs)[:, -1], 1 - yes)


def test_labels_each_for_itself():
    made = pupil(teacher("multi-label"), kind="multi-label", temperature=2.0, label_weight=0.0)
    given = batch(targets=(torch.rand(8, 3) > 0.5).float())
    wanted = (made.teachers[0].law(given.inputs).logit() / 2).sigmoid()
    cooled = made.model(given.inputs) / 2
    cross = nn.functional.binary_cross_entropy_with_logits
    least = cross(wanted.logit(), wanted, reduction="sum")
    found = 4 * (cross(cooled, wanted, reduction="sum") - least)
    torch.testing.assert_close(made.loss(given).total, found, rtol=1e-4, atol=1e-4)


def test_real_targets_are_learned_as_if_the_teachers_mean_were_true():
    made = pupil(teacher("real", ("y",)), teacher("real", ("y",)), kind="real", names=("y",),
                 label_weight=0.0)  # fmt: skip
    given = batch(targets=torch.randn(8))
    answers = [one.method.predict(given.inputs).outputs for one in made.teachers]
    scores = made.scores(given.inputs)
    wanted = made.unit.total(scores, (answers[0] + answers[1]) / 2)
    torch.testing.assert_close(made.loss(given).total, wanted)
    with pytest.raises(BadValue, match="temperature must be left out for real targets"):
        pupil(teacher("real", ("y",)), kind="real", names=("y",), temperature=2.0)


def test_a_run_hands_the_teachers_over_and_without_any_nothing_is_learned():
    task = Task(kind="classes", names=ABC, teachers=(teacher(),))
    made = Distillation.for_task(task, build_model=lambda width: nn.Linear(4, width))
    assert made.teachers == task.teachers
    assert [phase.name for phase in made.phases(Stage())] == ["main"]
    with pytest.raises(BadValue, match="teachers must be at least one trained run"):
        pupil().phases(Stage())


def test_refusals():
    with pytest.raises(BadType, match="teacher must be a trained Method"):
        Teacher(method=nn.Linear(4, 3))
    with pytest.raises(BadValue, match="temperature must be above 0"):
        pupil(teacher(), temperature=0.0)
    with pytest.raises(BadValue, match=r"label_weight must be in \[0, 1\]"):
        pupil(teacher(), label_weight=1.5)
    with pytest.raises(BadValue, match="unit must be of classes, binary, multi-label or real"):
        pupil(teacher(), kind="ordinal")
    with pytest.raises(BadValue, match="teachers must be such that give probabilities"):
        pupil(teacher("classes-hinge")).loss(batch())
    with pytest.raises(BadValue, match="such that tell 3 classes apart"):
        pupil(teacher(names=("a", "b", "c", "d"))).loss(batch())


def two(width, kernel=3):
    head = nn.Linear(width * (9 - kernel) ** 2, 3)
    return nn.Sequential(nn.Conv2d(1, width, kernel), nn.ReLU(), nn.Flatten(), head)


def hinted(kernel=3, **options):
    unit = create("classes", names=ABC, targets=None)
    given = Teacher(method=Supervised(two(5, kernel), unit), bring=lambda inputs: inputs * 2)
    options = {"hints": {"1": "1"}, "example": torch.rand(2, 1, 8, 8), **options}
    return Distillation(two(2), unit, teachers=[given], **options)


def test_hints_are_mean_squares_after_a_projection():
    made = hinted(hint_weight=0.5)
    pictures = torch.rand(6, 1, 8, 8)
    given = Batch(pictures, torch.arange(6) % 3, torch.arange(6))
    (group,) = made.parameter_groups(Stage())["main"][2:]
    weight, bias = group.parameters["hints.0.weight"], group.parameters["hints.0.bias"]
    mine = made.model[:2](pictures)
    theirs = made.teachers[0].method.model[:2](pictures * 2).detach()
    projected = torch.einsum("oc,nchw->nohw", weight[:, :, 0, 0], mine) + bias[:, None, None]
    apart = (projected - theirs).square().mean(dim=(1, 2, 3))
    plain = Distillation(made.model, made.unit, teachers=made.teachers).loss(given).total
    cost = made.loss(given)
    torch.testing.assert_close(cost.total, plain + 0.5 * apart.sum())
    torch.testing.assert_close(cost.terms["hints"], apart.mean().detach())
    for one in (weight, made.model[0].weight):
        ours = torch.autograd.grad(cost.total, one, retain_graph=True)[0]
        wanted = torch.autograd.grad(
            plain + 0.5 * apart.sum(), one, retain_graph=True, allow_unused=True
        )[0]
        torch.testing.assert_close(ours, wanted)


def test_projections_are_kept_beside_the_pupil_and_not_in_it():
    made = hinted()
    assert not [name for name in made.state_dict() if "hint" in name]
    kept = made.stateful["hints"].state_dict()
    assert {name: tuple(one.shape) for name, one in kept.items()} == {
        "0.weight": (5, 2, 1, 1),
        "0.bias": (5,),
    }
    other = hinted()
    other.stateful["hints"].load_state_dict(kept)
    assert torch.equal(other.stateful["hints"].state_dict()["0.weight"], kept["0.weight"])
    assert not made.model[1]._forward_hooks


def test_rows_and_maps_of_other_sizes():
    made = hinted(kernel=5, hints={"3": "3", "1": "1"})
    pictures = torch.rand(2, 1, 8, 8)
    cost = made.loss(Batch(pictures, torch.tensor([0, 1]), torch.arange(2)))
    mine, theirs = made.model[:2](pictures), made.teachers[0].method.model[:2](pictures * 2)
    averaged = nn.functional.adaptive_avg_pool2d(mine, 4)
    kept = made.stateful["hints"].state_dict()
    projected = nn.functional.conv2d(averaged, kept["1.weight"], kept["1.bias"])
    rows = nn.functional.linear(made.model(pictures), kept["0.weight"], kept["0.bias"])
    of_rows = rows - made.teachers[0].method.model(pictures * 2)
    wanted = (projected - theirs).square().mean() + of_rows.square().mean()
    torch.testing.assert_close(cost.terms["hints"], wanted.detach())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hints": {"1": "3"}}, r"both give maps .* got .*1: 3 of \(2, 6, 6\) and \(3,\)"),
        ({"hints": {"nothing": "1"}}, "layer for method.hints"),
        ({"hints": ["1"]}, "method.hints must be a mapping"),
        ({"hint_weight": 0.0}, "hint_weight must be above 0"),
        ({"example": None}, "example must be given with hints"),
    ],
)
def test_hints_that_make_no_sense_are_refused(options, said):
    with pytest.raises(BadValue, match=said):
        hinted(**options)


def test_hints_of_several_teachers_are_refused():
    two = [teacher(), teacher()]
    with pytest.raises(BadValue, match="teachers must be a single network where there are hints"):
        pupil(*two, hints={"": ""}, example=torch.zeros(2, 4))
