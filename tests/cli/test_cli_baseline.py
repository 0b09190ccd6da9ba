from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from netwright.cli.main import app

FEW = ["--only", "constant,naive-bayes,k-nn,linear"]


def said(*words):
    done = CliRunner().invoke(app, ["baseline", *words])
    assert done.exit_code == 0, done.output
    return done


def test_the_table_names_the_simplest(tmp_path):
    out = said("wine", *FEW, "--root", str(tmp_path)).stdout
    lines = [line.split() for line in out.splitlines()]
    rows = {line[0]: line for line in lines if line}
    assert rows["constant"][1] == "0.389"
    assert "←" in rows["naive-bayes"]
    assert "the simplest that does the job: naive-bayes, accuracy 1 [" in out
    assert "from simple to not: constant, naive-bayes, k-nn" in out
    assert "left out: linear: no form for classes" in out


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_files_hold_what_is_shown(tmp_path, suffix):
    path = tmp_path / f"found.{suffix}"
    plain = json.loads(said("wine", *FEW, "--json", "-o", str(path)).stdout)
    if suffix == "json":
        written = json.loads(path.read_text())
        names = [one["name"] for one in written["outcomes"]]
        assert written["simplest"] == "naive-bayes"
        assert written["skipped"] == plain["skipped"] == {"linear": "no form for classes"}
    else:
        rows = list(csv.DictReader(path.read_text().splitlines()))
        names = [row["model"] for row in rows[:-1]]
        assert [row["model"] for row in rows if row["simplest"] == "yes"] == ["naive-bayes"]
        assert rows[-1]["notes"] == "left out: no form for classes"
        assert float(rows[0]["accuracy_low"]) <= float(rows[0]["accuracy"])
    assert names == [one["name"] for one in plain["outcomes"]]
