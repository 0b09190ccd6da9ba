import pytest
import torch

from netwright.evaluate.abstention import Abstention
from netwright.evaluate.calibration import Calibration, reliability
from netwright.evaluate.conformal import Conformal
from netwright.metrics.base import Prediction


def test_what_holds_is_counted():
    """Four answers: three are right, three are sure enough, two of those are right."""
    law = torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.2, 0.7], [0.1, 0.5, 0.4], [0.1, 0.9, 0.0]])
    targets = torch.tensor([0, 2, 1, 0])
    made = Calibration(
        split="val",
        n=9,
        conformal=Conformal(score="lac", alpha=0.2, n=9, quantiles=(0.6,)),
        abstention=Abstention(threshold=0.6, risk=0.4, delta=0.1, bound=0.4, coverage=0.7, n=9),
    )
    found = reliability(
        Prediction(outputs=law.argmax(dim=1), probabilities=law.double().round(decimals=2)),
        targets,
        kind="classes",
        calibration=made,
    )
    assert found["sets"]["coverage"]["value"] == pytest.approx(3 / 4)
    assert found["sets"]["size"] == pytest.approx((1 + 1 + 2 + 1) / 4)
    assert found["sets"]["asked"] == pytest.approx(0.8)
    assert found["answered"]["share"] == pytest.approx(3 / 4)
    assert found["answered"]["wrong"]["value"] == pytest.approx(1 / 3)
    assert "before" not in found
