"""Runs on a frozen network: the same as running it in each epoch, and as if never stopped."""

import pytest
import torch

import netwright as nw
from netwright._errors import BadValue
from netwright.workflow import learning
from netwright.workflow.answer import predict
from netwright.workflow.fit import resume
from workflow_kit import Pairs, pictures

FROZEN = [
    "model={name: small-resnet, pretrained: false}",
    "method={name: frozen-features, views: 2}",
    "augment=[{name: flip}, {name: shift, fraction: 0.3}]",
    "training.epochs=5",
    "training.batch_size=4",
]


@pytest.fixture
def photos(tmp_path):
    return pictures(tmp_path / "photos", side=16)


def whole(run):
    return run.method.state_dict()


def test_the_outcome_is_that_of_running_the_frozen_part_in_each_epoch(photos, monkeypatch):
    changes = [*FROZEN, "method.views=5"]
    kept = nw.fit(photos, changes=changes, name="kept")
    with monkeypatch.context() as patched:
        patched.setattr(
            learning,
            "train_source_of",
            lambda session: session.prepared.train_source(session.recipe),
        )
        patched.setattr(
            learning,
            "held_out_of",
            lambda session, split, share: session.prepared.held_out(
                split, session.device, share=share
            ),
        )
        run = nw.fit(photos, changes=changes, name="each")
    ours, theirs = whole(kept), whole(run)
    assert ours.keys() == theirs.keys()
    for key in theirs:
        torch.testing.assert_close(ours[key], theirs[key], rtol=1e-4, atol=1e-5)
    assert not torch.equal(ours["model.head.weight"], torch.zeros(3, 1))


def test_a_run_that_was_stopped_ends_with_the_same_bits(photos, monkeypatch):
    from netwright.train.loop import Loop

    straight = nw.fit(photos, changes=FROZEN, name="straight")
    end = Loop._end_epoch

    def ended(self):
        end(self)
        if self.counters.epoch == 3:
            self.request_stop()

    with monkeypatch.context() as patched:
        patched.setattr(Loop, "_end_epoch", ended)
        nw.fit(photos, changes=FROZEN, name="stopped")
    run = resume("stopped")
    assert all(torch.equal(value, whole(straight)[key]) for key, value in whole(run).items())


def test_only_the_head_has_moved_and_the_run_answers_for_pictures(photos):
    run = nw.fit(photos, changes=FROZEN)
    untrained = nw.fit(photos, changes=[*FROZEN, "optimizer={name: sgd, learning_rate: 1.0e-30}"])
    moved = {
        key for key, value in whole(run).items() if not torch.equal(value, whole(untrained)[key])
    }
    assert moved == {"model.head.weight", "model.head.bias"}
    again = nw.load(run.folder.path)
    answers = predict(again, photos)
    assert len(answers) == 24


def test_one_view_is_the_picture_itself_and_more_want_augmentation(photos):
    plain = ["model={name: small-resnet, pretrained: false}", "training.epochs=1"]
    run = nw.fit(photos, method="frozen-features", changes=plain)
    assert run.recipe.augment == ()
    with pytest.raises(BadValue, match=r"method\.views must be 1 without augmentation"):
        nw.fit(
            photos,
            method="frozen-features",
            changes=[*plain, "method.views=3", "augment=[]"],
            name="refused",
        )
    assert not (run.folder.path.parent / "refused").exists()


def test_of_ones_own_loader_there_is_one_view():
    loader = torch.utils.data.DataLoader(Pairs(torch.rand(8, 3, 16, 16), torch.arange(8) % 2))
    with pytest.raises(BadValue, match=r"method\.views must be 1 for a loader of yours.*data set"):
        nw.fit({"train": loader}, changes=[*FROZEN[:2], "training.epochs=1"])
