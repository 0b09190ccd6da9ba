"""Kill -9 at any moment, take the run up, and it ends with the same bits.

Real processes and real signals. Where a kill has to hit a certain moment, the process says that it
has come there and waits; the others come at times drawn uniformly over the run. The last test
counts the moments that were really hit.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kill_cases import CASES
from kill_kit import Killed, Plan, Server, outcome, serving
from netwright.runs.events import events
from netwright.runs.finished import is_finished
from netwright.runs.store import RunFolder

KILLED = -9
ANY_TIME = {"cnn", "gan", "two stages", "early stopping"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture(scope="module")
def hit() -> dict[str, list[Killed]]:
    """Case → where its processes died."""
    return {}


class Chain:
    """A run and its twin that is killed again and again."""

    def __init__(self, server: Server, case: str, folder: Path, *, seed: int = 0) -> None:
        self.server, self.case, self.folder = server, case, folder
        self.chance = random.Random(f"{case} {seed}")
        self.whole = server.run(folder / "whole", case=case, resumed=False)
        assert self.whole.status == 0, self.whole.errors
        self.wanted = outcome(folder / "whole" / "runs" / "run")
        self.run = folder / "killed" / "runs" / "run"
        self.deaths: list[Killed] = []
        self.step = 0  # that the last process came to
        self.seconds = self.whole.seconds

    def anew(self) -> None:
        shutil.rmtree(self.folder / "killed", ignore_errors=True)
        self.step = 0

    def carried_on(self, plan: Plan) -> Killed:
        """Begin the run, or take it up, to its end or its death."""
        folder, there = self.folder / "killed", self.run.exists()
        died = self.server.run(folder, case=self.case, resumed=there, plan=plan)
        assert died.status in (0, KILLED), died.errors
        if died.status == KILLED:
            self.deaths.append(died)
            self.step = died.step
        return died

    def within_a_write(self) -> None:
        """Within the payload of one of the next few snapshots."""
        which = self.chance.randrange(2)
        byte = self.chance.randrange(int(0.8 * min(self.whole.written)))
        died = self.carried_on(Plan(write=which, byte=byte))
        assert died.writing
        assert len(died.written) == which

    def within_an_epoch(self) -> None:
        """Between the ends of two epochs, after a snapshot."""
        later = [step for step in self.whole.within if step > self.step + 3]
        died = self.carried_on(Plan(step=self.chance.choice(later[: len(later) // 2 + 1])))
        assert died.in_epoch
        assert died.written

    def at_any_time(self) -> None:
        """At a moment drawn uniformly; drawn anew where the run was faster."""
        for _ in range(10):
            self.anew()
            died = self.carried_on(Plan(seconds=self.chance.uniform(0, self.seconds)))
            if died.status == KILLED:
                return
            self.seconds = min(died.seconds, self.seconds)  # the machine has become faster
        pytest.fail("ten times the run was over before it could be killed")

    def ends_with_the_same_bits(self) -> None:
        if not is_finished(RunFolder(self.run)):  # it may have died with everything done
            assert self.carried_on(Plan()).status == 0
        assert outcome(self.run) == self.wanted
        assert len(events(self.run, "complete")) == 1


@pytest.mark.parametrize("case", CASES)
def test_killed_and_taken_up_is_uninterrupted(case, server, hit, tmp_path):
    chain = Chain(server, case, tmp_path)
    if case in ANY_TIME:
        chain.at_any_time()
        chain.ends_with_the_same_bits()
        chain.anew()
    chain.within_a_write()
    chain.within_an_epoch()
    chain.ends_with_the_same_bits()
    hit[case] = chain.deaths


def test_enough_kills_hit_the_moments_that_matter(hit):
    if set(hit) != set(CASES):
        pytest.skip("asks for every case to have been killed")
    deaths = [death for case in hit.values() for death in case]
    assert len(deaths) >= 20
    assert sum(death.writing for death in deaths) >= 5
    assert sum(death.in_epoch and bool(death.written) for death in deaths) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_killed_25_times(case, server, tmp_path):
    moments = ("within_a_write", "within_an_epoch", "at_any_time", "at_any_time", "at_any_time")
    chain = Chain(server, case, tmp_path, seed=1)
    while len(chain.deaths) < 25:
        chain.anew()
        chain.chance = random.Random(f"{case} {len(chain.deaths)}")
        for moment in moments if len(chain.deaths) % 2 else reversed(moments):
            if moment != "at_any_time" or chain.chance.random() < 0.7:
                getattr(chain, moment)()
                chain.ends_with_the_same_bits()
                chain.anew()
        chain.within_a_write()
        chain.within_an_epoch()
        chain.ends_with_the_same_bits()
    assert sum(death.writing for death in chain.deaths) >= 5
    assert sum(death.in_epoch and bool(death.written) for death in chain.deaths) >= 5


COMMAND = [sys.executable, "-c", "from netwright.cli import main; main()"]


def test_from_the_command_line(tmp_path):
    words = ["--epochs", "25", "--set", "training.snapshot_steps=20", "--no-doctor"]
    whole, killed = tmp_path / "runs" / "whole", tmp_path / "runs" / "killed"
    subprocess.run(
        [*COMMAND, "train", "iris", "--name", "whole", *words], check=True, capture_output=True
    )
    with subprocess.Popen(
        [*COMMAND, "train", "iris", "--name", "killed", *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not list(killed.glob("snapshots/step-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    assert not (killed / "model.safetensors").exists()
    done = subprocess.run([*COMMAND, "resume", "killed"], check=True, capture_output=True)
    assert b"test: accuracy" in done.stdout
    assert outcome(killed) == outcome(whole)
