"""Each command does what it says, and nothing that its owner did not ask for."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contract_kit import Listed, batch, loop_of
from netwright._errors import BadValue
from netwright.data.source import Position
from netwright.methods.base import Loss, Method, Phase, Prediction, Stage, trained
from netwright.metrics.base import Metric
from netwright.train.commands import execute
from netwright.train.control import (
    ClipGradients,
    Command,
    Controller,
    Observer,
    Rebalance,
    ReplaceModule,
    RollBack,
    SetLearningRate,
    SkipBatch,
    Stop,
)
from netwright.train.schedules import exponential
from netwright.train.snapshot import SnapshotFolder

SGD = {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}


class Two(Method):
    """Two phases, each with an optimiser and a network of its own."""

    def __init__(self, *, stages=("main",)):
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.second = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.names = stages
        self.seen = []

    def stages(self):
        return tuple(Stage(name=name) for name in self.names)

    def phases(self, stage):
        return (
            Phase(name="one", optimizers=("first",), loss=self.loss_one),
            Phase(name="two", optimizers=("second",), loss=self.loss_two),
        )

    def parameter_groups(self, stage):
        return {"first": [trained(self.first)], "second": [trained(self.second)]}

    def loss_one(self, batch):
        self.seen.append(("one", int(batch.index[0])))
        return self.loss(self.first, batch)

    def loss_two(self, batch):
        self.seen.append(("two", int(batch.index[0])))
        return self.loss(self.second, batch)

    def loss(self, net, batch):
        total = F.mse_loss(net(batch.inputs), batch.targets, reduction="sum")
        return Loss(total=total, count=len(batch))

    def predict(self, inputs):
        return Prediction(outputs=self.first(inputs))


def batches(count=5):
    torch.manual_seed(2)
    made = []
    for place in range(count):
        x = torch.randn(6, 3)
        one = batch(x, x.sum(1, keepdim=True))
        made.append(type(one)(one.inputs, one.targets, torch.full((6,), place)))
    return made


class Asks(Controller):
    """Asks for given commands at given steps, in the hook of that name."""

    name = "asks"

    def __init__(self, hook, commands, *, owns=None):
        self.hook, self.commands = hook, dict(commands)
        kinds = owns if owns is not None else {type(c) for cs in self.commands.values() for c in cs}
        self.owns = frozenset(kinds)

    def _asked(self, hook, view):
        return self.commands.pop(view.step, ()) if hook == self.hook else ()

    def after_stage_entered(self, view):
        return self._asked("after_stage_entered", view)

    def after_step(self, view):
        return self._asked("after_step", view)

    def after_epoch(self, view):
        return self._asked("after_epoch", view)

    def after_validation(self, view, *, metrics):
        return self._asked("after_validation", view)


class Notes(Observer):
    def __init__(self):
        self.steps, self.rates, self.commands, self.weights = [], [], [], {}

    def stepped(self, view):
        self.steps.append(view.step)
        self.rates.append(view.learning_rates)
        self.weights[view.step] = copy.deepcopy(view.method.state_dict())

    def commanded(self, view, *, command):
        self.commands.append((view.step, command))


def run(hook="after_step", commands=None, *, method=None, epochs=3, loop=None, **settings):
    method, notes = method or Two(), Notes()
    controllers = (Asks(hook, commands),) if commands else ()
    made = loop_of(
        method,
        batches(),
        optimizer=SGD,
        epochs=epochs,
        loop={"observers": (notes,), "controllers": controllers, **(loop or {})},
        **settings,
    )
    ended = made.run()
    return method, notes, ended, made


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_stop():
    _, notes, ended, _ = run(commands={7: (Stop(reason="enough"),)})
    assert (ended.reason, ended.step) == ("enough", 7)
    assert notes.steps[-1] == 7
    _, notes, ended, _ = run("after_epoch", {10: (Stop(reason="enough"),)})
    assert (ended.step, notes.steps[-1]) == (10, 10)
    _, notes, ended, _ = run("after_stage_entered", {0: (Stop(reason="at once"),)})
    assert (ended.step, notes.steps) == (0, [])


def test_set_learning_rate_goes_on_under_the_schedule():
    commands = {
        4: (SetLearningRate(optimizer="first", factor=0.1),),
        9: (SetLearningRate(optimizer="first", factor=0.5),),
    }
    schedule = exponential(final=0.1)
    _, notes, _, _ = run(commands=commands, loop={"schedule": schedule})
    for step, rates in enumerate(notes.rates):
        factor = 1.0 if step < 4 else 0.1 if step < 9 else 0.05
        assert rates["second"] == pytest.approx(0.05 * schedule(step, 15))
        assert rates["first"] == pytest.approx(0.05 * schedule(step, 15) * factor)


def test_skip_batch_leaves_out_that_place_only():
    method, _, _, loop = run(commands={6: (SkipBatch(position=Position(1, 3)),)})
    firsts = [place for phase, place in method.seen if phase == "one"]
    assert firsts == [0, 1, 2, 3, 4, 0, 1, 2, 4, 0, 1, 2, 3, 4]
    assert loop.counters.step == 15


def test_a_place_to_skip_is_of_its_stage():
    method = Two(stages=("a", "b"))
    run(commands={1: (SkipBatch(position=Position(1, 3)),)}, method=method, epochs=2)
    firsts = [place for phase, place in method.seen if phase == "one"]
    assert firsts == [0, 1, 2, 3, 4, 0, 1, 2, 4] + [0, 1, 2, 3, 4] * 2


def test_clip_gradients_from_now_on():
    method, notes, _, _ = run(commands={7: (ClipGradients(norm=1e-3),)})
    _, plain, _, _ = run()
    _, bounded, _, _ = run(clip_norm=1e-3)
    assert same(notes.weights[7], plain.weights[7])
    assert not same(notes.weights[8], plain.weights[8])
    norm = torch.nn.utils.get_total_norm([p.grad for p in method.first.parameters()])
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)
    assert not same(bounded.weights[1], plain.weights[1])


def test_rebalance_carries_out_a_phase_less_often():
    method, _, _, _ = run(commands={5: (Rebalance(phase="two", every=3),)})
    names = [phase for phase, _ in method.seen]
    assert names[:10] == ["one", "two"] * 5
    # steps 5 to 14, of which 6, 9 and 12 are multiples of 3
    assert "".join(name[0] for name in names[10:]) == "o" + "ot" + "ooot" + "ooot" + "oo"


def test_replace_module_keeps_the_state_of_what_stays():
    torch.manual_seed(9)
    new = nn.Linear(4, 1)
    start = copy.deepcopy(new.state_dict())
    method, notes, _, loop = run(commands={7: (ReplaceModule(path="first.2", module=new),)})
    _, plain, _, _ = run()
    assert method.first[2] is new
    assert same(notes.weights[7], plain.weights[7])
    assert not same(new.state_dict(), start)  # it learns
    # by hand: momentum of the other parameters goes on, that of the new begins
    hand = Two()
    optimizers = [
        torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        for net in (hand.first, hand.second)
    ]
    for step, one in enumerate(batches() * 3):
        if step == 7:
            old, hand.first[2] = hand.first[2], nn.Linear(4, 1)
            hand.first[2].load_state_dict(start)
            fresh = torch.optim.SGD(hand.first.parameters(), lr=0.05, momentum=0.9)
            for parameter, state in optimizers[0].state.items():
                if all(parameter is not gone for gone in old.parameters()):
                    fresh.state[parameter] = state
            optimizers[0] = fresh
        for net, optimizer in zip((hand.first, hand.second), optimizers, strict=True):
            optimizer.zero_grad()
            F.mse_loss(net(one.inputs), one.targets, reduction="mean").backward()
            optimizer.step()
    for name, value in method.state_dict().items():
        torch.testing.assert_close(value, hand.state_dict()[name], rtol=1e-5, atol=1e-7)
    assert loop.counters.step == 15


@pytest.mark.parametrize("hook", ["after_step", "after_epoch"])
def test_roll_back_repeats_what_was(hook):
    at = 10 if hook == "after_epoch" else 12
    method, notes, _, loop = run(hook, {at: (RollBack(step=7),)}, ring=3)
    plain, wanted, _, _ = run()
    assert notes.steps == [*range(1, at + 1), *range(6, 16)]
    assert notes.commands[0][0] == 5  # the run is back when it is told
    assert same(method.state_dict(), plain.state_dict())
    assert all(same(notes.weights[step], wanted.weights[step]) for step in range(1, 16))
    assert (loop.counters.stage, loop.counters.epoch) == (1, 3)


def test_roll_back_to_the_beginning_of_the_stage():
    _, notes, _, _ = run(commands={3: (RollBack(step=3),)}, ring=1)
    assert notes.steps == [1, 2, 3, *range(1, 16)]


def test_roll_back_stays_within_the_stage():
    method = Two(stages=("a", "b"))
    _, notes, _, _ = run(commands={12: (RollBack(step=12),)}, ring=5, epochs=2, method=method)
    assert notes.steps == [*range(1, 13), *range(11, 21)]
    with pytest.raises(BadValue, match=r"oldest snapshot in memory, of \[10\], got step=9"):
        run(commands={12: (RollBack(step=9),)}, ring=5, epochs=2, method=Two(stages=("a", "b")))


def test_the_ring_holds_the_last_few():
    with pytest.raises(BadValue, match=r"of \[5, 10\], got step=3"):
        run(commands={12: (RollBack(step=3),)}, ring=2)


def test_a_different_course_after_a_roll_back():
    commands = {12: (RollBack(step=12), SetLearningRate(optimizer="first", factor=0.1))}
    method, notes, _, _ = run(commands=commands, ring=2)
    assert notes.rates[11]["first"] == pytest.approx(0.05)
    assert notes.rates[12]["first"] == pytest.approx(0.005)
    plain, _, _, _ = run()
    assert not same(method.first.state_dict(), plain.first.state_dict())
    assert same(method.second.state_dict(), plain.second.state_dict())


def test_snapshots_on_disk_follow_the_course(tmp_path):
    folder = SnapshotFolder(tmp_path, keep=5)
    asks = Asks("after_step", {12: (RollBack(step=5), Stop(reason="here"))})
    made = loop_of(
        Two(),
        Listed(batches()),
        optimizer=SGD,
        epochs=3,
        ring=3,
        loop={"snapshots": folder, "controllers": (asks,)},
    )
    assert made.run().step == 5


def test_a_roll_back_past_a_replacement_is_refused():
    commands = {
        6: (ReplaceModule(path="first.0", module=nn.Linear(3, 4)),),
        8: (RollBack(step=5),),
    }
    with pytest.raises(BadValue, match=r"of \[6\], got step=5"):
        run(commands=commands, ring=3)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (SetLearningRate(optimizer="frist", factor=0.5), "Did you mean first"),
        (SetLearningRate(optimizer="first", factor=0.0), "factor must be above 0"),
        (SetLearningRate(optimizer="first", factor=float("nan")), "factor must be above 0"),
        (RollBack(step=2), "settings.ring must be at least 1"),
        (ClipGradients(norm=-1.0), "clip_norm must be above 0"),
        (Rebalance(phase="tow", every=2), "Did you mean two"),
        (Rebalance(phase="two", every=0), "every must be at least 1"),
        (ReplaceModule(path="first.7", module=nn.Identity()), "Did you mean first"),
        (ReplaceModule(path="", module=nn.Identity()), "path must be a known path"),
    ],
)
def test_commands_that_name_nothing(command, sentence):
    with pytest.raises(BadValue, match=sentence):
        run(commands={2: (command,)})


def test_a_command_of_another_owner_is_refused():
    asks = Asks("after_step", {2: (Stop(reason="no"),)}, owns={RollBack})
    with pytest.raises(BadValue, match="of the kinds that asks owns, got commands='Stop'"):
        run(loop={"controllers": (asks,)})


def test_two_owners_or_two_of_a_name_are_refused():
    one = Asks("after_step", {2: (Stop(reason="a"),)})
    other = Asks("after_step", {2: (Stop(reason="b"),)})
    with pytest.raises(BadValue, match="of different names, got controllers='asks'"):
        run(loop={"controllers": (one, other)})
    other.name = "other"
    with pytest.raises(BadValue, match="Stop owned by asks and other"):
        run(loop={"controllers": (one, other)})


def test_a_kind_that_nobody_knows():
    class Dance(Command):
        pass

    loop = loop_of(Two(), batches(), optimizer=SGD)
    with pytest.raises(BadValue, match="must be of a kind that"):
        execute(loop, Dance())


class Constant(Metric):
    higher_is_better = True

    def update(self, prediction, targets, *, weight=None):
        pass

    def compute(self):
        return 0.5


@pytest.mark.parametrize("hook", ["after_epoch", "after_validation"])
def test_what_was_judged_and_kept_is_not_judged_and_kept_again(hook):
    class Judged(Two):
        def metrics(self):
            return {"constant": Constant()}

    at = []

    class Hears(Notes):
        def validated(self, view, *, metrics):
            at.append(view.step)

    heard = Hears()
    asks = Asks(hook, {10: (RollBack(step=7),)})
    later = Asks("after_step", {7: (RollBack(step=2),)})
    later.name, later.owns = "later", frozenset({ClipGradients})

    class Both(Asks):  # one owner, two moments
        def after_step(self, view):
            back = hook in ("after_epoch", "after_validation") and not asks.commands
            return later._asked("after_step", view) if back else ()

        def after_epoch(self, view):
            return asks._asked("after_epoch", view)

        def after_validation(self, view, *, metrics):
            return asks._asked("after_validation", view)

    loop = loop_of(
        Judged(),
        batches(),
        optimizer=SGD,
        epochs=3,
        ring=2,
        loop={
            "observers": (heard,),
            "controllers": (Both("", {}, owns={RollBack}),),
            "held_out": lambda: batches(1),
        },
    )
    loop.run()
    # 1 to 10, back to 5, on to 7, back to the beginning, which two snapshots in memory still hold
    assert heard.steps == [*range(1, 11), 6, 7, *range(1, 16)]
    judged_twice = [10] if hook == "after_validation" else []
    assert at == [5, *judged_twice, 5, 10, 15]


def test_a_loader_that_knows_no_positions_goes_past_what_is_skipped():
    from netwright.data.streams.loader import LoaderSource

    method, made = Two(), batches()
    skip = {1: (SkipBatch(position=Position(0, 3)),)}
    controller = Asks("after_step", skip)
    source = LoaderSource(made)
    loop_of(method, source, optimizer=SGD, epochs=2, loop={"controllers": (controller,)}).run()
    firsts = [place for phase, place in method.seen if phase == "one"]
    assert firsts == [0, 1, 2, 4, 0, 1, 2, 3, 4]
