"""What a run says about itself: findings with their causes, interventions, and how it ended.

Every record turns into plain data and back: ``Finding.from_json(finding.to_json()) == finding``.
The keys of `to_json` are those of the run's events, so that ``recorder.record("finding",
**finding.to_json())`` writes one; `from_json` leaves alone whatever else an event carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from enum import StrEnum
from typing import Any, Self, TypeAlias

from netwright._errors import BadType, BadValue, must_be, offenders

__all__ = ["Cause", "Ended", "Finding", "Intervention", "Severity", "Where"]

Where: TypeAlias = str | tuple[str | int, ...]
"""A module or parameter path, "data", "optimizer", "loss", "loop", or several; sample indices."""


class Severity(StrEnum):
    """How much a finding matters; ordered, note < warning < error."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for a note, 2 for an error."""
        return list(Severity).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


class _Record:
    """Plain data both ways, for the records below."""

    def to_json(self) -> dict[str, Any]:
        """The record as numbers, text, lists and mappings."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The record again.

        Raises:
            BadValue: fields are missing, or break a rule.
        """
        own = fields(cls)  # type: ignore[arg-type]
        missing = [f.name for f in own if f.name not in data and _is_required(f)]
        if missing:
            raise must_be(
                cls.__name__.lower(),
                f"a record with the fields {', '.join(f.name for f in own)}",
                dict(data),
                f"Missing: {offenders(missing)}.",
            )
        return cls(**{f.name: data[f.name] for f in own if f.name in data})


@dataclass(frozen=True, kw_only=True)
class Cause(_Record):
    """Why a symptom may have come about.

    Attributes:
        name: the cause, in the catalogue's spelling ("learning-rate-too-high").
        probability: of this cause given the evidence, in [0, 1].
        reason: the check that told it apart from the others, in words.
    """

    name: str
    probability: float
    reason: str

    def __post_init__(self) -> None:
        _require_text(self, "name", "reason")
        if isinstance(self.probability, bool) or not isinstance(self.probability, (int, float)):
            raise must_be("probability", "a number", self.probability, error=BadType)
        if not 0 <= self.probability <= 1:
            raise must_be("probability", "between 0 and 1", self.probability)


@dataclass(frozen=True, kw_only=True)
class Finding(_Record):
    """Something that is wrong, where, and on what evidence.

    Attributes:
        symptom: its name in the catalogue ("exploding-gradient").
        severity: note, warning or error.
        where: module or parameter path, `data`, `optimizer`, `loss`, `loop`, or a tuple of such
            and of class or sample indices.
        step: of the training, at which it was found.
        measurements: the evidence by name: numbers, text, lists and mappings of them.
        causes: the most probable first.
        repairs: names of what may mend it, the best first.
        message: one sentence for people.
        picture: file within the run, or within its `pictures/`, that shows it; None for none.
    """

    symptom: str
    severity: Severity
    where: Where
    step: int
    measurements: Mapping[str, Any] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    repairs: tuple[str, ...] = ()
    message: str = ""
    picture: str | None = None

    def __post_init__(self) -> None:
        _require_text(self, "symptom")
        _require_step(self.step)
        _require_plain("measurements", self.measurements)
        _set(self, severity=_severity(self.severity), where=_where(self.where))
        _set(self, measurements=_plain(self.measurements))
        _set(self, repairs=_texts("repairs", self.repairs), causes=_causes(self.causes))
        if not isinstance(self.message, str):
            raise must_be("message", "text", self.message, error=BadType)
        if self.picture is not None:
            _require_text(self, "picture")


@dataclass(frozen=True, kw_only=True)
class Intervention(_Record):
    """A command that was carried out on a running training.

    Attributes:
        command: its name ("roll-back", "set-learning-rate", "stop").
        arguments: what it was given, as plain data.
        step: of the training, at which it was carried out.
        cause: the finding that led to it; None for a command that needs none (a schedule's).
    """

    command: str
    step: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cause: Finding | None = None

    def __post_init__(self) -> None:
        _require_text(self, "command")
        _require_step(self.step)
        _require_plain("arguments", self.arguments)
        _set(self, arguments=_plain(self.arguments))
        if isinstance(self.cause, Mapping):
            _set(self, cause=Finding.from_json(self.cause))
        elif not isinstance(self.cause, Finding | None):
            raise must_be("cause", "a Finding or None", self.cause, error=BadType)


@dataclass(frozen=True, kw_only=True)
class Ended(_Record):
    """How a run came to its end.

    Attributes:
        reason: in words ("finished", "early stopping", "interrupted", "non-finite loss").
        step: the last one that was done.
    """

    reason: str
    step: int

    def __post_init__(self) -> None:
        _require_text(self, "reason")
        _require_step(self.step)


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _plain(value: Any) -> Any:
    if isinstance(value, _Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _set(record: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(record, name, value)


def _require_text(record: Any, *names: str) -> None:
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, str):
            raise must_be(name, "text", value, error=BadType)
        if not value.strip():
            raise must_be(name, "text that says something", value)


def _require_step(step: Any) -> None:
    if isinstance(step, bool) or not isinstance(step, int):
        raise must_be("step", "a whole number", step, error=BadType)
    if step < 0:
        raise must_be("step", "at least 0", step)


def _require_plain(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise must_be(name, "a mapping of names to plain data", value, error=BadType)
    wrong = list(_not_plain(name, value))
    if wrong:
        raise must_be(
            name,
            "plain data (numbers, text, lists, mappings with text keys)",
            value,
            f"Not plain: {offenders(wrong)}.",
            error=BadType,
        )


def _not_plain(path: str, value: Any) -> Sequence[str]:
    if value is None or isinstance(value, (bool, int, float, str)):
        return []
    if isinstance(value, (list, tuple)):
        return [w for place, v in enumerate(value) for w in _not_plain(f"{path}[{place}]", v)]
    if isinstance(value, Mapping):
        keys = [f"{path} key {key!r}" for key in value if not isinstance(key, str)]
        return keys + [w for key, v in value.items() for w in _not_plain(f"{path}.{key}", v)]
    return [f"{path} ({type(value).__name__})"]


def _severity(value: Any) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        raise must_be("severity", f"one of {', '.join(Severity)}", value) from None


def _where(value: Any) -> Where:
    if isinstance(value, str):
        if value.strip():
            return value
        raise must_be("where", "the name of a place", value)
    if isinstance(value, (list, tuple)):
        whole = [item for item in value if isinstance(item, str | int)]
        if value and len(whole) == len(value):
            return tuple(value)
    raise must_be("where", "a path, or a list of paths or indices", value, error=BadType)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise must_be(name, "a list of names", value, error=BadType)
    wrong = [item for item in value if not isinstance(item, str)]
    if wrong:
        raise must_be(name, "a list of names", value, f"Not text: {offenders(wrong)}.")
    return tuple(value)


def _causes(value: Any) -> tuple[Cause, ...]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise must_be("causes", "a list of causes", value, error=BadType)
    causes = tuple(Cause.from_json(c) if isinstance(c, Mapping) else c for c in value)
    wrong = [cause for cause in causes if not isinstance(cause, Cause)]
    if wrong:
        raise must_be("causes", "a list of Cause", value, f"Not one: {offenders(wrong)}.")
    odds = [cause.probability for cause in causes]
    if odds != sorted(odds, reverse=True):
        raise BadValue(
            f"causes must be ranked, the most probable first, got probabilities={odds}. "
            "Sort them by probability."
        )
    return causes
