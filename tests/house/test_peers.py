"""The loops whose speed is compared do the same work: they end with the same weights."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from functools import partial

import pytest
import torch

from package_tree import ROOT

spec = importlib.util.spec_from_file_location("loops", ROOT / "benchmarks" / "_loops.py")
loops = importlib.util.module_from_spec(spec)
sys.modules["loops"] = loops  # dataclasses look their module up
spec.loader.exec_module(loops)

STEPS = 60  # past the first batch that comes again
WORK = loops.MLP
PEERS = loops.peers(WORK)


def hand(steps):
    return loops.hand(steps, work=WORK)


def weights(loop):
    _, network = loop(STEPS)
    return torch.cat([value.detach().flatten() for value in network.state_dict().values()])


@pytest.mark.parametrize("doctor", [False, True])
def test_ours_learns_what_the_loop_written_by_hand_learns(doctor):
    assert torch.equal(weights(partial(loops.ours, work=WORK, doctor=doctor)), weights(hand))


def test_the_hand_written_loop_learns_something():
    assert not torch.equal(weights(hand), weights(lambda steps: hand(1)))


@pytest.mark.peers
@pytest.mark.parametrize("name", PEERS)
def test_a_peer_learns_what_the_loop_written_by_hand_learns(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what others warn of is not ours to mend
        learned = weights(PEERS[name])
    assert torch.equal(learned, weights(hand))
