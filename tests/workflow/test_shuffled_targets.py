"""The twin of a run that learns from targets dealt out anew."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw
from netwright._errors import BadValue
from netwright.data.open import open_data
from netwright.workflow.shuffled_targets import with_shuffled_targets

SPLITS = {
    "train": torch.arange(0, 90),
    "val": torch.arange(90, 120),
    "test": torch.arange(120, 150),
}
TWIN = ["data.shuffle_labels=true", "model={name: mlp, hidden: [16]}"]


def test_what_is_learned_from_is_dealt_out_and_what_judges_is_not():
    data = open_data("iris")
    shuffled = with_shuffled_targets(data, SPLITS, seed=0)
    for split in ("train", "val"):
        before, after = (one.target.values[SPLITS[split]] for one in (data, shuffled))
        assert not torch.equal(before, after)
        assert torch.equal(before.sort().values, after.sort().values)
    test = SPLITS["test"]
    assert torch.equal(data.target.values[test], shuffled.target.values[test])
    assert torch.equal(
        shuffled.target.values, with_shuffled_targets(data, SPLITS, seed=0).target.values
    )
    assert not torch.equal(
        shuffled.target.values, with_shuffled_targets(data, SPLITS, seed=1).target.values
    )
    assert torch.equal(data.target.values, open_data("iris").target.values)  # left as it was


def test_the_twin_has_the_same_data_and_knows_nothing(tmp_path):
    run = nw.fit("wine", epochs=8, learning_rate=0.05, root=tmp_path, changes=TWIN[1:])
    twin = nw.run_recipe(run.recipe.changed(TWIN[:1]), root=tmp_path)
    assert twin.recipe.data.fingerprint == run.recipe.data.fingerprint
    reached, chance = (one.metrics["accuracy"] for one in (run, twin))
    assert reached > 0.85
    assert chance < 0.7


def test_a_loader_deals_its_own(tmp_path):
    loader = DataLoader(TensorDataset(torch.rand(8, 2), torch.arange(8) % 2), batch_size=4)
    with pytest.raises(BadValue, match="shuffle_labels"):
        nw.fit(
            loader,
            model=torch.nn.Linear(2, 2),
            root=tmp_path,
            changes=["data.shuffle_labels=true"],
        )
