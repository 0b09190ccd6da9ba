"""The curves of a report are those of the record."""

import re

from synthetic_run import classification

from netwright.report.contents import Contents
from netwright.report.rankings import ranking_charts


def drawn(folder, curves):
    record = folder.read_json("evaluation/test.json") | {"curves": curves}
    folder.write_json("evaluation/test.json", record)
    return list(ranking_charts(Contents(folder)))


def curve(name, *, area=0.875):
    points = {"x": [0.0, 0.5, 1.0], "y": [0.0, 0.75, 1.0], "area": area}
    falling = {"x": [0.0, 0.5, 1.0], "y": [1.0, 0.5, 0.25], "area": area / 2}
    return {"name": name, "roc": points, "precision_recall": falling}


def lines(svg):
    """What is drawn in a colour of the series or as chance, as numbers of points."""
    return len(re.findall(r"--series-\d", svg)), svg.count("stroke-dasharray")


def test_one_class_has_both_curves_with_its_areas_and_what_chance_reaches(tmp_path):
    roc, precision = drawn(classification(tmp_path), [curve("yes")])
    assert roc["title"] == "ROC curve, test"
    assert "yes, area 0.875" in roc["svg"]
    assert "yes, area 0.4375" in precision["svg"]
    assert lines(roc["svg"])[1] == lines(precision["svg"])[1] == 1


def test_of_several_four_are_drawn_and_chance_differs_by_class(tmp_path):
    given = [curve(f"class {place}", area=place / 10) for place in range(6)]
    roc, precision = drawn(classification(tmp_path), given)
    assert roc["title"].endswith("the classes told worst")
    assert "class 3, area 0.3" in roc["svg"]
    assert "class 4" not in roc["svg"]
    assert (lines(roc["svg"])[1], lines(precision["svg"])[1]) == (1, 0)


def test_a_run_without_curves_draws_none(tmp_path):
    assert drawn(classification(tmp_path), []) == []
