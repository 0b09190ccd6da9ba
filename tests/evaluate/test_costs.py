import pytest
import torch

from netwright._errors import BadData, BadValue
from netwright.evaluate.costs import Costs, cost_metrics, read_costs, surprise
from netwright.metrics.base import Prediction

SICK = {"well": {"well": 0, "ill": 1}, "ill": {"well": 9, "ill": 0}}
NAMES = ("well", "ill")


def test_the_threshold_is_the_closed_form():
    costs = Costs.of(SICK, names=NAMES)
    positive = torch.linspace(0, 1, 1001, dtype=torch.float64)
    decided = costs.decide(torch.stack([1 - positive, positive], dim=1))
    threshold = 1 / (1 + 9)
    assert torch.equal(decided == 1, positive > threshold + 1e-12)


def test_abstaining_is_worth_its_price():
    table = {name: {**row, "abstain": 0.5} for name, row in SICK.items()}
    costs = Costs.of(table, names=NAMES)
    assert costs.decisions == ("well", "ill", "abstain")
    positive = torch.tensor([0.01, 0.2, 0.9])
    decided = costs.decide(torch.stack([1 - positive, positive], dim=1))
    assert [costs.decisions[place] for place in decided] == ["well", "abstain", "ill"]


def test_the_order_of_the_table_does_not_matter():
    turned = {"ill": {"ill": 0, "well": 9}, "well": {"ill": 1, "well": 0}}
    assert torch.equal(
        Costs.of(turned, names=NAMES).matrix, torch.tensor([[0.0, 1.0], [9.0, 0.0]]).double()
    )


def test_figures_are_written_out():
    positive = torch.tensor([0.05, 0.3, 0.6, 0.95])
    targets = torch.tensor([1, 0, 1, 1])
    prediction = Prediction(outputs=(positive > 0.5).long(), probabilities=positive)
    found = {}
    for name, metric in cost_metrics(Costs.of(SICK, names=NAMES)).items():
        metric.update(prediction, targets)
        found[name] = metric.compute()
    # decided: well, ill, ill, ill → 9, 1, 0, 0; the likeliest: well, well, ill, ill → 9, 0, 0, 0
    assert found["cost"] == pytest.approx(10 / 4)
    assert found["expected_cost"] == pytest.approx((0.05 * 9 + 0.7 + 0.4 + 0.05) / 4)
    assert found["cost_of_likeliest"] == pytest.approx(9 / 4)


def test_surprise_is_a_standard_normal_of_right_probabilities():
    costs, found = Costs.of(SICK, names=NAMES), []
    for seed in range(200):
        random = torch.Generator().manual_seed(seed)
        positive = torch.rand(400, generator=random)
        targets = torch.bernoulli(positive, generator=random).long()
        prediction = Prediction(outputs=targets, probabilities=positive)
        found.append(surprise(prediction, targets, costs=costs))
    z = torch.tensor(found)
    assert abs(z.mean()) < 0.25
    assert 0.85 < z.std() < 1.15
    sharp = Prediction(outputs=targets, probabilities=(6 * positive.logit()).sigmoid())
    assert surprise(sharp, targets, costs=costs) > 5


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"well": {"well": 0, "ill": 1}}, "no row of ill"),
        ({**SICK, "odd": {"well": 0, "ill": 1}}, "got odd"),
        ({"well": {"well": 0}, "ill": {"well": 1, "ill": 0}}, "well decided as ill"),
        ({"well": {"well": 0, "x": 1}, "ill": {"well": 1, "x": 0}}, "got x"),
        ({"well": {"well": float("nan"), "ill": 1}, "ill": {"well": 1, "ill": 0}}, "finite"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, said):
    with pytest.raises(BadData, match=said):
        Costs.of(table, names=NAMES)


def test_files(tmp_path):
    file = tmp_path / "costs.csv"
    file.write_text("true,well,ill\nwell,0,1\nill,9,0\n\n")
    assert read_costs(file) == SICK
    for text in ("", "true,well\n", "true,well,ill\nwell,0\n", "true,well\nwell,much\n"):
        file.write_text(text)
        with pytest.raises(BadData, match="costs must be"):
            read_costs(file)
    for text, said in (
        ("true,well,ill\nwell,0,1\nill,9,0\nwell,5,5\n", "one row a name, got .*well"),
        ("true,well,ill,ill\nwell,0,1,2\nill,9,0,0\n", "one column a name, got .*ill"),
        ("true;well;ill\nwell;0;1\nill;9;0\n", "commas"),
    ):
        file.write_text(text)
        with pytest.raises(BadData, match=said):
            read_costs(file)
    file.write_bytes(b"true,well,\xe9\nwell,0,1\n")
    with pytest.raises(BadData, match="in UTF-8"):
        read_costs(file)
    with pytest.raises(BadValue, match="a readable file"):
        read_costs(tmp_path / "gone.csv")
