"""The loops whose speed is compared do the same work: they end with the same weights."""

from __future__ import annotations

import importlib.util
import warnings

import pytest
import torch

from package_tree import ROOT

spec = importlib.util.spec_from_file_location("loops", ROOT / "benchmarks" / "_loops.py")
loops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loops)

STEPS = 60  # past the first batch that comes again
(HAND,) = loops.HAND.values()
SAME_RATE = {name: loop for name, loop in loops.OURS.items() if "one-cycle" not in name}


def weights(loop):
    _, network = loop(STEPS)
    return torch.cat([value.detach().flatten() for value in network.state_dict().values()])


@pytest.mark.parametrize("name", SAME_RATE)
def test_ours_learns_what_the_loop_written_by_hand_learns(name):
    assert torch.equal(weights(SAME_RATE[name]), weights(HAND))


def test_the_hand_written_loop_learns_something():
    assert not torch.equal(weights(HAND), weights(lambda steps: HAND(1)))


@pytest.mark.peers
@pytest.mark.parametrize("name", loops.PEERS)
def test_a_peer_learns_what_the_loop_written_by_hand_learns(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what others warn of is not ours to mend
        learned = weights(loops.PEERS[name])
    assert torch.equal(learned, weights(HAND))
