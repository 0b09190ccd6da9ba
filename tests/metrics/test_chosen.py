from functools import partial

import pytest

from netwright._errors import BadValue
from netwright.metrics.accuracy import TopError
from netwright.metrics.chosen import chosen, create, selecting
from netwright.metrics.per_class import ClassF1, WeightedF1
from netwright.metrics.pinball import Pinball
from netwright.metrics.standard import quantile_metrics, standard_metrics

ANIMALS = ("cat", "dog", "emu", "fox", "gnu", "hen", "ibex")


def own():
    return standard_metrics("classes", num_outputs=7)


ask = partial(chosen, kind="classes", names=ANIMALS)


def test_in_the_order_they_are_asked_for_and_only_they():
    asked = [("top-3-error", {}), ("weighted_f1", {}), ("class-f1", {"of_class": "emu"})]
    made = ask(asked, own())
    assert list(made) == ["top_3_error", "weighted_f1", "class_f1 (of_class=emu)"]
    assert [type(one) for one in made.values()] == [TopError, WeightedF1, ClassF1]
    top, weighted, one = made.values()
    assert (top.n, weighted.num_classes, one.num_classes, one.of_class) == (3, 7, 7, 2)


def test_a_number_may_stand_in_the_options_too():
    assert list(ask([("top_error", {"n": 2})], own())) == ["top_2_error"]


def test_what_the_method_has_is_taken_as_the_method_has_it():
    levels = (0.2, 0.7)
    mine = quantile_metrics(levels)
    made = chosen([("coverage-error", {}), ("pinball", {})], mine, kind="quantiles", names=("y",))
    assert made["pinball"] is mine["pinball"]
    other = chosen([("pinball", {"quantiles": (0.5,)})], mine, kind="quantiles", names=("y",))
    (metric,) = other.values()
    assert isinstance(metric, Pinball)
    assert metric.quantiles == (0.5,)


def test_ones_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from netwright.metrics.accuracy import TopError as Missed\n")
    assert list(ask([(f"{file}:Missed", {"n": 2})], own())) == ["Missed (n=2)"]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("weightd_f1", {}, "metric must be a known metric, .* Did you mean weighted_f1"),
        ("mean_iou", {}, "judge classes targets, got mean_iou, which judges masks"),
        ("r2", {}, "got r2, which judges real, counts, bins, ordinal. There are accuracy"),
        ("class_f1", {"of_class": "dgo"}, "class must be a known class, .* Did you mean dog"),
        ("class_f1", {"of_class": 7}, "of_class must be the place of a class, 0 to 6"),
        ("log_loss", {"bins": 3}, "option of log_loss must be a known one"),
        ("top_0_error", {}, "n must be at least 1"),
    ],
)
def test_refusals_are_one_sentence(name, options, sentence):
    with pytest.raises(BadValue, match=sentence):
        ask([(name, options)], own())


def test_twice_the_same_is_refused():
    with pytest.raises(BadValue, match="named once each"):
        ask([("f1", {}), ("f1", {})], own())


def test_what_only_an_answer_of_ones_own_can_tell_has_to_be_told():
    with pytest.raises(BadValue, match="pinball must be given quantiles"):
        create("pinball", kind="quantiles", names=("y",))


def test_the_one_to_select_by_comes_first():
    made = selecting(own(), "log-loss")
    assert next(iter(made)) == "log_loss"
    assert sorted(made) == sorted(own())
    with pytest.raises(BadValue, match=r"select_by must be one of the run's metrics \(accuracy"):
        selecting(own(), "los")


def test_known_names_are_hinted_at():
    with pytest.raises(BadValue, match="Did you mean told"):
        create("tolt", kind="classes", names=ANIMALS, known={"told": TopError()})
