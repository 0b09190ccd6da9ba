"""Maps of a model beside those of its twin that learned noise."""

from __future__ import annotations

import torch
from torch import nn

from netwright import explain

ROWS = torch.randn(5, 30)


def test_linear_models_compare_by_their_weights():
    model, twin = nn.Linear(30, 3), nn.Linear(30, 3)
    with torch.no_grad():
        twin.weight.copy_(-2 * model.weight)
    found = explain.label_randomisation(model, ROWS, twin=twin, method="gradient")
    assert torch.allclose(found.signed, torch.full((5,), -1.0))
    assert torch.allclose(found.unsigned, torch.ones(5))
    assert torch.allclose(found.highest, torch.ones(5))
    assert found.structural is None


def test_a_model_is_like_itself_and_its_class_is_explained_in_both():
    model, twin, asked = nn.Linear(30, 3), nn.Linear(30, 3), []

    def note(given, inputs, *, target):
        asked.append((given, target))
        return explain.gradient(given, inputs, target=target)

    same = explain.label_randomisation(model, ROWS, twin=model, method=note)
    assert torch.equal(same.signed, torch.ones(5))
    explain.label_randomisation(model, ROWS, twin=twin, method=note)
    assert [given for given, _ in asked] == [model, model, model, twin]
    assert all(torch.equal(target, model(ROWS).argmax(1)) for _, target in asked)
