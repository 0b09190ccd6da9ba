"""Schedules against torch's where they are equal, and against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch.optim import lr_scheduler

from netwright._errors import BadValue
from netwright.train import schedules

STEPS = 60


def of_torch(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def of_ours(schedule):
    return [schedule(step, STEPS) for step in range(STEPS)]


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (schedules.constant(), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        (schedules.step_decay(), lambda o: lr_scheduler.StepLR(o, 20, gamma=0.1)),
        (
            schedules.step_decay(every=0.25, factor=0.5),
            lambda o: lr_scheduler.StepLR(o, 15, gamma=0.5),
        ),
        (
            schedules.exponential(final=0.03),
            lambda o: lr_scheduler.ExponentialLR(o, gamma=0.03 ** (1 / (STEPS - 1))),
        ),
        (schedules.cosine(), lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 1)),
        (
            schedules.cosine(final=0.2),
            lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 1, eta_min=0.2),
        ),
        (
            schedules.cosine_restarts(cycles=4, multiplier=1, final=0.2),
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=15, eta_min=0.2),
        ),
        (
            schedules.cosine_restarts(cycles=4, multiplier=2),
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2),
        ),
        (
            schedules.warm_up(share=0.25, then="exponential", final=0.1),
            lambda o: lr_scheduler.SequentialLR(
                o,
                [
                    lr_scheduler.LinearLR(o, start_factor=1 / 15, total_iters=14),
                    lr_scheduler.ExponentialLR(o, gamma=0.1 ** (1 / 44)),
                ],
                milestones=[15],
            ),
        ),
        (
            # torch counts the rise as a share of `steps`, less one step
            schedules.one_cycle(rise=(0.3 * STEPS - 1) / (STEPS - 1), start=0.05, final=1e-3),
            lambda o: lr_scheduler.OneCycleLR(
                o,
                max_lr=1.0,
                total_steps=STEPS,
                pct_start=0.3,
                div_factor=20,
                final_div_factor=50,
            ),
        ),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
def test_as_torch_has_it(ours, torchs):
    torch.testing.assert_close(of_ours(ours), of_torch(torchs), rtol=1e-9, atol=1e-9)


def test_one_cycle_is_two_half_cosines():
    rates = of_ours(schedules.one_cycle(rise=20 / 59, start=0.1, final=0.01))
    for step, rate in enumerate(rates):
        if step <= 20:
            wanted = 0.55 - 0.45 * math.cos(math.pi * step / 20)
        else:
            wanted = 0.505 + 0.495 * math.cos(math.pi * (step - 20) / 39)
        assert rate == pytest.approx(wanted, rel=1e-12)
    assert (rates[0], max(rates), rates[-1]) == pytest.approx((0.1, 1.0, 0.01))


FUNCTIONS = [name for name in schedules.CATALOGUE.names() if name != schedules.ON_PLATEAU]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 1000])
def test_every_schedule_is_a_number_of_step_and_steps(name, steps):
    schedule = schedules.create(name)
    rates = [schedule(step, steps) for step in range(steps)]
    assert all(type(rate) is float and 0 <= rate <= 1 for rate in rates)
    assert max(rates) > 0
    assert rates == [schedule(step, steps) for step in range(steps)]


def test_warm_up_rises_in_a_line_and_is_then_the_other():
    rates = of_ours(schedules.warm_up(share=0.1))
    assert rates[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1.0])
    assert rates[6:] == [schedules.cosine()(step, 54) for step in range(54)]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: schedules.step_decay(every=0.0), "every must be above 0 and at most 1"),
        (lambda: schedules.exponential(final=0.0), "final must be above 0"),
        (lambda: schedules.cosine(final=1.5), "final must be between 0 and 1"),
        (lambda: schedules.warm_up(share=math.nan), "share must be above 0"),
        (lambda: schedules.one_cycle(start=0.0), "start must be above 0"),
        (lambda: schedules.one_cycle(rise=1.1), "rise must be above 0"),
        (lambda: schedules.one_cycle(final=-0.1), "final must be between 0 and 1"),
        (lambda: schedules.create("cosin"), "Did you mean cosine"),
        (
            lambda: schedules.create("cosine", last=0.1),
            "option of schedule cosine must be a known one.*last.*Known: final",
        ),
        (lambda: schedules.create("cosine", finale=0.1), "Did you mean final"),
        (
            lambda: schedules.create("warm-up", cycle=2, then="cosine-restarts"),
            "cosine-restarts.*Did you mean cycles",
        ),
        (lambda: schedules.create("warm-up", then="on-plateau"), "a function of the step"),
        (lambda: schedules.step_decay(factor=-1), "factor must be above 0"),
        (lambda: schedules.cosine_restarts(cycles=0), "cycles must be at least 1"),
        (lambda: schedules.cosine_restarts(multiplier=0.5), "multiplier must be at least 1"),
        (lambda: schedules.cosine_restarts(final=2), "final must be between 0 and 1"),
    ],
)
def test_what_is_refused(build, sentence):
    with pytest.raises(BadValue, match=sentence):
        build()
