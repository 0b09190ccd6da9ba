"""What several say together: means of laws and numbers, votes, and their errors' parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright._errors import BadValue
from netwright.methods.ensemble import Ensemble, Member, combined
from netwright.methods.output_units.catalogue import create
from netwright.methods.supervised import Supervised
from netwright.metrics.base import Prediction
from netwright.metrics.ranking import RocAuc


def law(*rows):
    probabilities = torch.tensor(rows)
    return Prediction(outputs=probabilities.argmax(1), probabilities=probabilities)


def test_laws_are_averaged_and_not_votes():
    # two weak votes for the first class, one strong one for the second
    answer = combined([law([0.6, 0.4]), law([0.55, 0.45]), law([0.0, 1.0])])
    assert answer.outputs.tolist() == [1]
    torch.testing.assert_close(answer.probabilities, torch.tensor([[1.15 / 3, 1.85 / 3]]))
    assert answer.logits is None


def test_two_classes():
    parts = [
        Prediction(outputs=(p > 0.5).long(), probabilities=p)
        for p in (torch.tensor([0.2, 0.9]), torch.tensor([0.7, 0.9]))
    ]
    answer = combined(parts)
    assert answer.outputs.tolist() == [0, 1]
    assert answer.outputs.dtype is torch.int64
    torch.testing.assert_close(answer.probabilities, torch.tensor([0.45, 0.9]))


def test_labels():
    parts = [
        Prediction(outputs=(p > 0.5).float(), probabilities=p)
        for p in (torch.tensor([[0.2, 0.9]]), torch.tensor([[0.9, 0.3]]))
    ]
    assert combined(parts).outputs.tolist() == [[1.0, 1.0]]


def test_numbers_and_bins():
    first = Prediction(outputs=torch.tensor([1.0]), probabilities=torch.tensor([[1.0, 0.0]]))
    second = Prediction(outputs=torch.tensor([4.0]), probabilities=torch.tensor([[0.0, 1.0]]))
    assert combined([first, second]).outputs.tolist() == [2.5]
    plain = [Prediction(outputs=torch.tensor([[1.0, 2.0]])), Prediction(outputs=torch.zeros(1, 2))]
    assert combined(plain).outputs.tolist() == [[0.5, 1.0]]


def test_votes():
    parts = [Prediction(outputs=torch.tensor(votes)) for votes in ([2, 0], [2, 1], [1, 3])]
    assert combined(parts).outputs.tolist() == [2, 0]


def test_votes_are_ranked_by_the_mean_margin():
    margins = [torch.tensor([[0.5], [-3.0]]), torch.tensor([[0.25], [1.0]])]
    answer = combined([Prediction(outputs=(m[:, 0] > 0).long(), logits=m) for m in margins])
    torch.testing.assert_close(answer.logits, torch.tensor([[0.375], [-1.0]]))
    metric = RocAuc()
    metric.update(answer, torch.tensor([1, 0]))
    assert metric.compute() == 1


def test_laws_of_every_token_and_of_every_pixel():
    tokens = torch.tensor([[[0.1, 0.9, 0.0], [0.5, 0.2, 0.3]]])
    parts = [Prediction(outputs=tokens.argmax(-1), probabilities=tokens)] * 2
    assert combined(parts).outputs.tolist() == [[1, 0]]
    pixels = tokens.permute(0, 2, 1)
    parts = [Prediction(outputs=pixels.argmax(1), probabilities=pixels)] * 2
    assert combined(parts).outputs.tolist() == [[1, 0]]


def test_whole_numbers_stay_label_sets():
    parts = [
        Prediction(outputs=(p > 0.5).long(), probabilities=p)
        for p in (torch.tensor([[0.2, 0.9]]), torch.tensor([[0.9, 0.3]]))
    ]
    answer = combined(parts).outputs
    assert answer.tolist() == [[1, 1]]
    assert answer.dtype is torch.int64


def test_deviations_are_those_of_the_mixed_laws():
    means, deviations = ([1.0, 2.0], [3.0, 2.0], [8.0, 2.0]), ([1.0, 0.5], [2.0, 1.0], [3.0, 1.5])
    answer = combined(
        [
            Prediction(outputs=torch.tensor(mean), deviations=torch.tensor(deviation))
            for mean, deviation in zip(means, deviations, strict=True)
        ]
    )
    drawn = np.random.default_rng(0).normal(np.array(means), deviations, (200_000, 3, 2))
    expected = drawn.reshape(-1, 2).std(axis=0)  # a draw of a member drawn evenly
    np.testing.assert_allclose(answer.deviations.numpy(), expected, rtol=0.01)


def test_members_without_deviations_leave_none():
    sure = Prediction(outputs=torch.ones(2), deviations=torch.ones(2))
    assert combined([sure, Prediction(outputs=torch.ones(2))]).deviations is None


def test_lists_and_other_shapes_are_refused():
    with pytest.raises(BadValue, match="members must be methods whose answers are tensors"):
        combined([Prediction(outputs=[{"boxes": torch.zeros(0, 4)}])] * 2)
    with pytest.raises(BadValue, match="members must be alike in the shape of their probabilities"):
        combined([law([0.6, 0.4]), law([0.6, 0.3, 0.1])])


def test_members_without_laws_don_t_mix_with_others():
    with pytest.raises(BadValue, match="members must be all with probabilities"):
        combined([law([0.6, 0.4]), Prediction(outputs=torch.tensor([1]))])


def test_an_empty_one_is_refused():
    with pytest.raises(BadValue, match="members must be at least one"):
        Ensemble([])


class Halving(nn.Module):
    def forward(self, raw):
        return raw / 2


def supervised(seed):
    torch.manual_seed(seed)
    unit = create("classes", names=("a", "b", "c"), targets=None)
    return Supervised(nn.Linear(4, 3), unit)


def test_each_member_has_its_own_preprocessing():
    first, second = supervised(0), supervised(1)
    ensemble = Ensemble([Member(nn.Identity(), first), Member(Halving(), second)])
    raw = torch.randn(5, 4)

    def softmax(scores):
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def scores(method, inputs):
        weight, bias = (p.detach().numpy() for p in method.model.parameters())
        return inputs.numpy() @ weight.T + bias

    expected = (softmax(scores(first, raw)) + softmax(scores(second, raw / 2))) / 2
    answer = ensemble.predict(raw)
    np.testing.assert_allclose(answer.probabilities.numpy(), expected, atol=1e-6)
    assert answer.outputs.tolist() == expected.argmax(1).tolist()
    assert list(ensemble.metrics()) == list(first.metrics())
    assert ensemble.stages() == ()


def test_answering_leaves_modes_as_they_are():
    ensemble = Ensemble([Member(nn.Identity(), supervised(0))])
    ensemble.train()
    ensemble.predict(torch.zeros(2, 4))
    assert all(part.training for part in ensemble.modules())
