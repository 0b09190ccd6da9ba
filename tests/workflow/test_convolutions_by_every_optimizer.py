"""Every optimiser of the catalogue trains a convolutional net: its weights lie channels last."""

from __future__ import annotations

import numpy as np
import pytest

import netwright as nw
from netwright.train.optimizers.catalogue import CATALOGUE


@pytest.mark.parametrize("name", CATALOGUE.names())
def test_a_convolutional_net_is_trained(name, tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(48, 1, 16, 16)).astype(np.float32)
    y = np.arange(48) % 2
    x[y == 1, :, 4:12, 4:12] += 2
    changes = ["model=lenet", "training.epochs=2", "augment=[]", f"optimizer.name={name}"]
    run = nw.fit((x, y), changes=changes, root=tmp_path)
    assert run.metrics["log_loss"] < 0.75
