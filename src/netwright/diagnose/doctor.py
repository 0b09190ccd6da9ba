"""The doctor of a run: looks before the first step, then at every step, and says what is wrong.

It changes no bit of the run: preflight works on a copy under a random state of its own, and what is
watched afterwards is read from what the loop measures anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from netwright import _random
from netwright.data.batch import Batch
from netwright.diagnose.preflight import PREFLIGHT
from netwright.diagnose.symptoms.non_finite import NonFiniteUpdates
from netwright.diagnose.symptoms.not_learning import NotLearning
from netwright.methods.base import Method
from netwright.runs.records import Ended, Finding
from netwright.train.control import Observer, View

__all__ = ["Doctor", "Symptom"]


class Symptom(Protocol):
    """A check that goes on while a run does.

    Attributes:
        name: key of what it remembers in a snapshot.
    """

    name: str

    def after_epoch(self, view: View, *, loss: float) -> Sequence[Finding]:
        """What is found at the end of a pass over the data, whose mean loss is `loss`."""
        ...

    def at_end(self, view: View) -> Sequence[Finding]:
        """What is found when the run is over, for whatever reason."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it must remember over an interruption."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up where `state_dict` was taken."""
        ...


class Doctor(Observer):
    """Watches a run.

    Args:
        first_batch: gives one training batch, for preflight; None for none.
        floor: the training loss of the best answer that ignores its input, where that is known.
        report: told of each finding as it comes.
        beforehand: what was found in the data, to be reported when the run begins.
    """

    name = "doctor"

    def __init__(
        self,
        *,
        first_batch: Callable[[], Any] | None,
        floor: float | None,
        report: Callable[[Finding], None],
        beforehand: Sequence[Finding] = (),
    ) -> None:
        self.findings: list[Finding] = []
        self._first_batch = first_batch
        self._beforehand = beforehand
        self._report = report
        self._symptoms: tuple[Symptom, ...] = (NonFiniteUpdates(), NotLearning(floor))

    def started(self, view: View) -> None:
        """Preflight, before the first step of a fresh run."""
        if view.step > 0:
            return
        self._say(self._beforehand)
        if self._first_batch is not None:
            self._say(examine(view.method, self._first_batch()))

    def epoch_ended(self, view: View, *, loss: float, examples: int, seconds: float) -> None:
        """Ask every symptom."""
        for symptom in self._symptoms:
            self._say(symptom.after_epoch(view, loss=loss))

    def ended(self, view: View, *, ended: Ended) -> None:
        """Ask every symptom, unless the run is going to be taken up again."""
        if ended.reason != "interrupted":
            for symptom in self._symptoms:
                self._say(symptom.at_end(view))

    def state_dict(self) -> dict[str, Any]:
        """What was found, and what each symptom remembers."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "symptoms": {symptom.name: symptom.state_dict() for symptom in self._symptoms},
        }

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Know again what was found; the record has it already."""
        self.findings = [Finding.from_json(finding) for finding in state["findings"]]
        for symptom in self._symptoms:
            if symptom.name in state["symptoms"]:
                symptom.load_state_dict(state["symptoms"][symptom.name])

    def _say(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            self.findings.append(finding)
            self._report(finding)


def examine(method: Method, batch: Any) -> list[Finding]:
    """Every preflight check on one batch; the method and the random state stay as they are."""
    if not isinstance(batch, Batch):
        return []  # the checks here are of a single stream
    with _random.isolated(0):
        return [finding for check in PREFLIGHT for finding in check(method, batch)]
