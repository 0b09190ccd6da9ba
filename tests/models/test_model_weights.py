"""Weights from files, and how they are fitted into a network."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from netwright._errors import BadData, BadValue
from netwright.models.changes import apply_changes
from netwright.models.weights import WeightsMisfit, fit_weights, load_weights, read_weights


def network(classes=3, channels=3):
    torch.manual_seed(classes)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, classes),
    )


WRITTEN = {
    "plain.safetensors": save_file,
    "plain.pt": torch.save,
    "wrapped.pth": lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path),
    "model.pth": lambda state, path: torch.save({"model_state_dict": state, "loss": 0.1}, path),
    "prefixed.pt": lambda state, path: torch.save(
        {f"module.{key}": value for key, value in state.items()}, path
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_kind_of_file_gives_the_same_answers(name, tmp_path):
    trained, fresh = network(), network(3)
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1)
    WRITTEN[name](trained.state_dict(), tmp_path / name)
    load_weights(fresh, tmp_path / name)
    inputs = torch.rand(2, 3, 8, 8)
    assert torch.equal(fresh.eval()(inputs), trained.eval()(inputs))


def test_a_file_that_would_run_code_or_holds_no_tensors_is_refused(tmp_path):
    torch.save(network(), tmp_path / "module.pt")
    with pytest.raises(BadData, match=r"tensors alone.*Save them with torch.save"):
        read_weights(tmp_path / "module.pt")
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "numbers.pt")
    with pytest.raises(BadData, match=r"tensors by key, got .*numbers\.pt with epoch, loss"):
        read_weights(tmp_path / "numbers.pt")
    torch.save([torch.zeros(2)], tmp_path / "list.pt")
    with pytest.raises(BadData, match=r"list\.pt with list"):
        read_weights(tmp_path / "list.pt")
    (tmp_path / "torn.pth").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(BadData, match="tensors alone"):
        read_weights(tmp_path / "torn.pth")
    with pytest.raises(BadValue, match=r"existing file \(.safetensors, .pt, .pth\)"):
        read_weights(tmp_path / "weights.bin")


def test_a_misfit_is_listed_key_by_key_and_nothing_is_taken():
    patient = network()
    before = {key: value.clone() for key, value in patient.state_dict().items()}
    state = {key: value + 1 for key, value in network().state_dict().items()}
    del state["1.weight"]
    state["extra"] = torch.zeros(1)
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    with pytest.raises(WeightsMisfit, match=r"1 missing \(1.weight\), 1 not in the network") as met:
        fit_weights(patient, state, source="there", find_head=lambda: "4")
    assert met.value.missing == ("1.weight",)
    assert met.value.unexpected == ("extra",)
    assert met.value.unlike == ("0.weight is (4, 3, 5, 5) and should be (4, 3, 3, 3)",)
    assert all(torch.equal(before[key], value) for key, value in patient.state_dict().items())


def test_a_prefix_of_some_keys_alone_is_part_of_them(tmp_path):
    torch.save({"module.a": torch.zeros(1), "b": torch.zeros(1)}, tmp_path / "mixed.pt")
    assert set(read_weights(tmp_path / "mixed.pt")) == {"module.a", "b"}


def test_weights_of_a_part_leave_the_rest_as_it_is():
    donor = nn.ModuleDict({"features": network(), "head": nn.Linear(3, 2)})
    patient = nn.ModuleDict({"features": network(5)[:4], "head": nn.Linear(4, 2)})
    drawn = patient["head"].weight.clone()
    state = {key: value for key, value in donor.state_dict().items() if key[:10] < "features.4"}
    fit_weights(patient, state, source="there", part="features")
    assert torch.equal(patient["features"][0].weight, donor["features"][0].weight)
    assert torch.equal(patient["head"].weight, drawn)
    with pytest.raises(WeightsMisfit, match=r"2 missing \(head.weight, head.bias\)"):
        fit_weights(patient, state, source="there")
    state["head.weight"] = drawn
    with pytest.raises(WeightsMisfit, match=r"1 not in the network \(head.weight\)"):
        fit_weights(patient, state, source="there", part="features")


def test_only_the_head_may_have_other_classes():
    patient, state = network(5), network(7).state_dict()
    drawn = patient[4].weight.clone()
    fitted = fit_weights(patient, state, source="there", find_head=lambda: "4")
    assert fitted.fresh == ("4.weight", "4.bias")
    assert torch.equal(patient[4].weight, drawn)
    assert torch.equal(patient[0].weight, state["0.weight"])
    with pytest.raises(WeightsMisfit, match="2 of another shape"):
        fit_weights(network(5), state, source="there")
    deeper = {**state, "4.weight": torch.zeros(7, 9)}
    with pytest.raises(WeightsMisfit, match=r"4.weight is \(7, 9\)"):
        fit_weights(network(5), deeper, source="there", find_head=lambda: "4")
    wider = {**network(5).state_dict(), "0.weight": torch.zeros(6, 3, 3, 3)}
    with pytest.raises(WeightsMisfit, match="1 of another shape"):
        fit_weights(network(5), wider, source="there", find_head=lambda: "4")


def test_grey_pictures_are_answered_like_the_same_in_three_colours():
    trained, grey = network(), network(3, channels=1)
    fitted = fit_weights(grey, trained.state_dict(), source="there", find_head=lambda: "4")
    assert fitted.spread == ("0.weight",)
    pictures = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(
        grey.eval()(pictures), trained.eval()(pictures.expand(-1, 3, -1, -1))
    )


def test_more_channels_take_the_colours_in_turn_at_the_same_strength():
    trained, many = network(), network(3, channels=6)
    fit_weights(many, trained.state_dict(), source="there", find_head=lambda: "4")
    pictures = torch.rand(2, 3, 8, 8)
    twice = torch.cat([pictures, pictures], dim=1)
    torch.testing.assert_close(many.eval()(twice), trained.eval()(pictures))


def test_counters_may_be_left_out():
    state = {key: value for key, value in network().state_dict().items() if "tracked" not in key}
    fit_weights(network(), state, source="there")


def test_attributes_that_are_there_are_changed_and_no_others():
    patient = network()
    apply_changes(patient, {"0": {"stride": [2, 2]}, "1": {"eps": 0.5}})
    assert (patient[0].stride, patient[1].eps) == ((2, 2), 0.5)
    for changes, match in (
        ({"9": {"stride": 1}}, "modules that the network has"),
        ({"0": {"steps": 1}}, "plain attributes of Conv2d, got changes='steps'"),
        ({"0": {"training": False}}, "plain attributes"),
        ({"0": {"_forward_hooks": 1}}, "plain attributes"),
    ):
        with pytest.raises(BadValue, match=match):
            apply_changes(patient, changes)
