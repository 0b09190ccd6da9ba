from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import googlenet

from netwright._errors import BadValue
from netwright.data.batch import Batch
from netwright.methods.auxiliary_heads import AuxiliaryHeads
from netwright.methods.output_units.catalogue import create
from netwright.models.backbones.torchvision_auxiliaries import WithAuxiliaries


@pytest.fixture(scope="module")
def theirs():
    network = googlenet(num_classes=3, aux_logits=True, init_weights=False)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return network


def test_scores_are_torchvisions_the_lowest_classifier_first(theirs):
    theirs.train()
    ours, pictures = WithAuxiliaries(theirs), torch.randn(2, 3, 64, 64)
    expected = theirs(pictures)
    found = ours.auxiliary_scores(pictures)
    torch.testing.assert_close(found, (expected.logits, expected.aux_logits1, expected.aux_logits2))
    torch.testing.assert_close(ours(pictures), expected.logits)
    ours.eval()
    assert torch.equal(ours(pictures), theirs(pictures))
    with pytest.raises(BadValue, match="network must be in training mode"):
        ours.auxiliary_scores(pictures)


def test_it_learns_by_auxiliary_heads(theirs):
    unit = create("classes", names=("a", "b", "c"), targets=None)
    method = AuxiliaryHeads(WithAuxiliaries(theirs), unit).train()
    pictures, targets = torch.randn(2, 3, 64, 64), torch.tensor([0, 2])
    cost = method.loss(Batch(pictures, targets, torch.arange(2)))
    given = theirs(pictures)
    losses = [nn.functional.cross_entropy(one, targets, reduction="sum") for one in given]
    torch.testing.assert_close(cost.total, losses[0] + 0.3 * (losses[1] + losses[2]))
    assert method.predict(pictures).probabilities.shape == (2, 3)


def test_a_network_without_auxiliaries_is_refused():
    with pytest.raises(BadValue, match="network must be one with auxiliary classifiers, got netwo"):
        WithAuxiliaries(nn.Linear(2, 2))
