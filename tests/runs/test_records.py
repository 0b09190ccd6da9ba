from __future__ import annotations

import dataclasses
import itertools
import math

import pytest

from netwright._errors import BadType, BadValue
from netwright.runs.files import decode, encode
from netwright.runs.records import Cause, Ended, Finding, Intervention, Severity

CAUSES = (
    Cause(name="learning-rate-too-high", probability=0.7, reason="a tenth of it is calm"),
    Cause(name="bad-sample", probability=0.2, reason="sample 17 has a loss of 40"),
)
FINDING = Finding(
    symptom="loss-spike",
    severity=Severity.WARNING,
    where=("blocks.3.weight", 17),
    step=120,
    measurements={"ratio": 1 / 3, "by_layer": {"a": [1.5, math.inf]}, "note": "<b>"},
    causes=CAUSES,
    repairs=("roll-back", "clip"),
    message="The loss rose to 3 times its level.",
    picture="spike.png",
)
RECORDS = [
    *CAUSES,
    FINDING,
    Finding(symptom="x", severity="note", where="data", step=0),
    Intervention(command="roll-back", arguments={"step": 100}, step=120, cause=FINDING),
    Intervention(command="stop", step=3),
    Ended(reason="finished", step=300),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_come_back_through_json(record):
    data = record.to_json()
    again = type(record).from_json(decode(encode(data)))
    assert again == record
    assert again.to_json() == data
    assert type(record).from_json({**data, "kind": "finding", "attempt": 1}) == record


def test_records_are_frozen_and_lists_become_what_json_has():
    finding = dataclasses.replace(FINDING, where=["a", 1], measurements={"shape": (1, 2)})
    assert finding.where == ("a", 1)
    assert finding.measurements == {"shape": [1, 2]}
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.step = 3


def test_severity_is_ordered():
    ranked = [Severity.NOTE, Severity.WARNING, Severity.ERROR]
    for low, high in itertools.combinations(ranked, 2):
        assert low < high
        assert low <= high
        assert high > low
        assert high >= low
        assert not high < low
    assert sorted([*ranked[1:], ranked[0]]) == ranked
    assert max(Severity.NOTE, Severity.ERROR) is Severity.ERROR


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"severity": "fatal"}, BadValue, "note, warning, error"),
        ({"symptom": " "}, BadValue, "symptom"),
        ({"symptom": 3}, BadType, "symptom"),
        ({"step": -1}, BadValue, "at least 0"),
        ({"step": 1.0}, BadType, "whole number"),
        ({"step": True}, BadType, "whole number"),
        ({"where": ""}, BadValue, "place"),
        ({"where": ()}, BadType, "where"),
        ({"where": [1.5]}, BadType, "where"),
        (
            {"measurements": {"a": {1}, "b": [object], 3: 1}},
            BadType,
            r"measurements key 3, measurements.a \(set\), measurements.b\[0\]",
        ),
        ({"measurements": [1]}, BadType, "mapping"),
        ({"causes": ["a"]}, BadValue, "causes"),
        ({"causes": CAUSES[::-1]}, BadValue, "ranked"),
        ({"repairs": "clip"}, BadType, "list"),
        ({"repairs": ["a", 1]}, BadValue, "Not text: 1"),
        ({"message": None}, BadType, "message"),
    ],
)
def test_findings_are_checked(change, error, says):
    with pytest.raises(error, match=says):
        dataclasses.replace(FINDING, **change)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_a_probability_is_one(probability):
    with pytest.raises(BadValue, match="between 0 and 1"):
        Cause(name="a", probability=probability, reason="b")
    with pytest.raises(BadType, match="number"):
        Cause(name="a", probability="much", reason="b")


def test_missing_fields_are_all_named():
    with pytest.raises(BadValue, match="Missing: symptom, where, step"):
        Finding.from_json({"severity": "note"})
    with pytest.raises(BadType, match="Finding or None"):
        Intervention(command="stop", step=1, cause="loss")


def test_a_finding_of_an_old_run_has_no_picture():
    old = {key: value for key, value in FINDING.to_json().items() if key != "picture"}
    assert Finding.from_json(old) == dataclasses.replace(FINDING, picture=None)


@pytest.mark.parametrize(("wrong", "error"), [(3, BadType), (" ", BadValue)])
def test_a_picture_is_named(wrong, error):
    with pytest.raises(error, match="picture must be text"):
        dataclasses.replace(FINDING, picture=wrong)
