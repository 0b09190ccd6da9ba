"""Fine-tuning against written-out updates, and what is frozen against itself."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import batch, loop_of, same_bits
from netwright._errors import BadValue
from netwright.methods.base import Task
from netwright.methods.output_units.classes import Classes
from netwright.methods.output_units.real import Real
from netwright.methods.supervised import Supervised
from netwright.methods.transfer.fine_tuning import FineTuning
from netwright.train.loop import Loop
from netwright.train.snapshot import own_copy
from netwright.train.state import capture

ABC = ("a", "b", "c")
EXAMPLE = torch.linspace(-1, 1, 10).reshape(2, 5)
SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}
BLOCKS = ("0", "3", "6", "9")


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(3):
        layers += [nn.Linear(5, 5), nn.BatchNorm1d(5), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(5, 3))


def classes() -> Classes:
    return Classes(names=ABC, targets=None)


def tuned(model: nn.Module | None = None, **options) -> FineTuning:
    return FineTuning(model or network(), classes(), example=EXAMPLE, **options)


def data(seed: int = 1, count: int = 3):
    generator = torch.Generator().manual_seed(seed)
    pairs = [(torch.randn(12, 5, generator=generator), torch.arange(12) % 3) for _ in range(count)]
    return [batch(x + F.one_hot(y, 5), y) for x, y in pairs]


def run(method, *, epochs=2, **options):
    loop = loop_of(method, data(), optimizer=SGD, epochs=epochs, **options)
    loop.run()
    return method


def held_out():
    return iter(data(seed=2))


# --- what is learned ------------------------------------------------------------------------------


def test_left_as_it_is_it_is_supervised_learning_bit_for_bit():
    assert same_bits(run(tuned()), run(Supervised(network(), classes())))


@pytest.mark.parametrize(("decay", "freeze"), [(1.0, 0), (0.5, 0), (0.5, 2), (1.0, 3)])
def test_one_step_is_the_written_out_one(decay, freeze):
    """Plain descent: each block's rate is decay times that of the block above it."""
    model = network()
    method = tuned(model, layer_decay=decay, freeze=freeze)
    before = copy.deepcopy(model)
    (only,) = data(count=1)
    optimizer = {"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.01}
    loop_of(method, [only], optimizer=optimizer).run()

    written = copy.deepcopy(before).train()
    for place in BLOCKS[:freeze]:
        start = int(place)
        written[start + 1].eval()
    loss = F.cross_entropy(written(only.inputs), only.targets)
    loss.backward()
    for distance, place in enumerate(reversed(BLOCKS)):
        frozen = place in BLOCKS[:freeze]
        for layer in written[int(place) : int(place) + 2]:
            for name, value in layer.named_parameters():
                shrinks = isinstance(layer, nn.Linear) and name == "weight"
                slope = value.grad + (0.01 * value if shrinks else 0)
                moved = value if frozen else value - 0.1 * decay**distance * slope
                value.data = moved.detach()
    found = dict(model.named_parameters())
    for name, value in written.named_parameters():
        torch.testing.assert_close(found[name], value, msg=name)


def test_the_head_alone_comes_to_the_least_squares_on_what_is_frozen():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
    x = torch.randn(40, 5)
    y = x.sin().sum(dim=1)
    method = FineTuning(model, Real(names=("y",), targets=y), example=x[:2], freeze=1)
    lbfgs = {"name": "lbfgs", "learning_rate": 1.0, "line_search_fn": "strong_wolfe"}
    loop_of(method, [batch(x, y)], optimizer=lbfgs, epochs=40).run()
    with torch.no_grad():
        features = torch.cat([model[1](model[0](x)), torch.ones(40, 1)], dim=1)
    solution = torch.linalg.lstsq(features.double(), y.double()[:, None]).solution
    wanted = (features.double() @ solution)[:, 0]
    found = method.predict(x).outputs.double().reshape(-1)
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-3)


# --- what is frozen -------------------------------------------------------------------------------


@pytest.mark.parametrize("freeze", [2, ["0", "1", "3.*", "4.*"], ("model.0.*", "1", "3", "4")])
@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9}])
def test_frozen_blocks_keep_weights_and_statistics_bit_for_bit(freeze, settings):
    method = run(tuned(freeze=freeze), **settings)
    start, end = network().state_dict(), method.model.state_dict()
    for name, value in start.items():
        is_frozen = name.partition(".")[0] in {"0", "1", "3", "4"}
        assert torch.equal(value, end[name]) == is_frozen, name
    assert [part.training for part in method.model] == [False, False, True] * 2 + [True] * 4


def test_no_gradient_is_computed_below_the_lowest_block_that_learns():
    method = tuned(freeze=2)
    method.stages()[0].begin()
    method.train()
    (only,) = data(count=1)
    seen = []
    method.model[5].register_forward_hook(lambda *call: seen.append(call[2].requires_grad))
    method.loss(only).total.backward()
    assert seen == [False]
    without = [name for name, p in method.model.named_parameters() if p.grad is None]
    assert without == [f"{place}.{kind}" for place in "0134" for kind in ("weight", "bias")]


def test_a_norm_without_weights_stands_where_what_is_before_it_is_frozen():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(5, 5),
        nn.BatchNorm1d(5, affine=False),
        nn.Linear(5, 5),
        nn.BatchNorm1d(5, affine=False),
        nn.Linear(5, 3),
    )
    method = run(tuned(model, freeze=1))
    assert torch.equal(method.model[1].running_mean, torch.zeros(5))
    assert not torch.equal(method.model[3].running_mean, torch.zeros(5))


def test_what_asked_for_no_gradient_before_never_learns():
    model = network()
    model[0].requires_grad_(False)
    method = run(tuned(model, unfreeze=2))
    assert torch.equal(method.model[0].weight, network()[0].weight)
    assert not torch.equal(method.model[3].weight, network()[3].weight)


# --- stages ---------------------------------------------------------------------------------------


def named(method):
    return [(stage.name, stage.epochs, stage.keeps_best) for stage in method.stages()]


def test_stages_thaw_one_block_after_the_other():
    assert named(tuned()) == [("main", None, False)]
    assert named(tuned(head_epochs=3)) == [("head", 3, False), ("everything", None, True)]
    gradual = tuned(unfreeze=1, unfreeze_epochs=2)
    assert named(gradual) == [
        ("head", 2, False),
        ("from 6", 2, True),
        ("from 3", 2, True),
        ("everything", None, True),
    ]
    assert named(tuned(unfreeze=2, head_epochs=5, freeze=1)) == [
        ("head", 5, False),
        ("from 3", None, True),
    ]
    assert named(tuned(unfreeze=1, freeze=3)) == [("main", None, False)]
    counts = []
    for stage in gradual.stages():
        stage.begin()
        groups = gradual.parameter_groups(stage)["main"]
        counts.append(sum(len(group.parameters) for group in groups))
    assert counts == [2, 6, 10, 14]


def test_each_stage_moves_what_it_thaws_and_nothing_below():
    method, starts = tuned(unfreeze=1), []

    class Watching(Loop):
        def _enter(self, stage):
            starts.append(own_copy(self.method.model.state_dict()))
            super()._enter(stage)

    loop = loop_of(method, data(), optimizer=SGD)
    loop.__class__ = Watching
    loop.run()
    ends = [*starts[1:], method.model.state_dict()]
    for stage, (start, end) in enumerate(zip(starts, ends, strict=True)):
        moving = set(BLOCKS[len(BLOCKS) - 1 - stage :])
        for place in BLOCKS:
            key = f"{place}.weight"
            assert torch.equal(start[key], end[key]) != (place in moving), (stage, place)
            statistics = f"{int(place) + 1}.running_mean"
            if statistics in start:
                assert torch.equal(start[statistics], end[statistics]) != (place in moving)


@pytest.mark.parametrize("step", [1, 3, 5, 8, 10, 11])
def test_taken_up_in_any_stage_it_ends_with_the_same_bits(step):
    options = {"unfreeze": 1, "layer_decay": 0.5, "freeze": 1}

    def loop(method):
        return loop_of(
            method, data(), optimizer=SGD, ema_decay=0.8, epochs=2, loop={"held_out": held_out}
        )

    kept = []

    class Taking(Loop):
        def _keep(self, done):
            super()._keep(done)
            if done == step:
                kept.append(own_copy({**capture(self), "observers": {}}))

    whole = tuned(**options)
    first = loop(whole)
    first.__class__ = Taking
    first.run()
    again = tuned(**options)
    later = loop(again)
    later.resume(kept[0])
    later.run()
    assert later.counters.step == 12
    assert same_bits(again, whole)
    assert later.best.score == first.best.score


def test_a_stage_that_only_does_harm_is_put_back_to_the_one_before_it():
    """The last stages diverge: what is left is the best of the head's epochs."""
    method = tuned(head_epochs=6)
    rates = iter([0.05, 5.0])

    def loop_at(method):
        made = loop_of(method, data(), optimizer=SGD, epochs=3, loop={"held_out": held_out})
        make = made._make_optimizer

        def wild(name, groups):
            optimizer = make(name, groups)
            rate = next(rates)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] = rate
            return optimizer

        made._make_optimizer = wild
        return made

    loop = loop_at(method)
    loop.run()
    assert loop.best.step <= 18
    assert torch.equal(method.model[0].weight, network()[0].weight)  # as in the head's stage
    assert not torch.equal(method.model[9].weight, network()[9].weight)


# --- options and errors ---------------------------------------------------------------------------


def test_the_first_group_is_the_heads_so_that_the_record_has_the_runs_rate():
    method = tuned(layer_decay=0.5)
    groups = method.parameter_groups(method.stages()[0])["main"]
    assert [group.options["lr_scale"] for group in groups] == [
        0.5**distance for distance in (0, 0, 1, 1, 2, 2, 3, 3)
    ]
    assert [group.options.get("weight_decay") for group in groups] == [None, 0.0] * 4
    assert list(groups[0].parameters) == ["model.9.weight"]


def test_a_recipes_task_gives_the_example():
    task = Task(kind="classes", names=ABC, targets=torch.arange(9) % 3, example=EXAMPLE)
    method = FineTuning.for_task(task, build_model=lambda width: network(), freeze=1)
    assert len(method.stages()) == 1
    with pytest.raises(BadValue, match="example"):
        FineTuning.for_task(task, build_model=lambda width: network(), example=EXAMPLE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": 4}, r"from 0 to 3, so that something is left.*The blocks are 0, 3, 6, 9"),
        ({"freeze": -1}, "freeze must be from 0 to 3"),
        ({"freeze": True}, "freeze must be a number of blocks, or names"),
        ({"freeze": "*"}, "something is left to train"),
        ({"freeze": ["0", "layer1.weight"]}, r"got freeze='layer1.weight'. The nearest are"),
        ({"layer_decay": 0.0}, "layer_decay must be above 0 and at most 1"),
        ({"layer_decay": 1.5}, "layer_decay must be above 0 and at most 1"),
        ({"unfreeze": -1}, "unfreeze must be a whole number of at least 0"),
        ({"unfreeze": 1, "unfreeze_epochs": 0}, "unfreeze_epochs must be a whole number"),
        ({"head_epochs": 1.5}, "head_epochs must be a whole number"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(BadValue, match=message):
        tuned(**options)


def test_without_an_example_it_answers_and_does_not_learn():
    method = FineTuning(network(), classes())
    assert method.predict(EXAMPLE).probabilities.shape == (2, 3)
    with pytest.raises(BadValue, match="example must be given to learn"):
        method.stages()
