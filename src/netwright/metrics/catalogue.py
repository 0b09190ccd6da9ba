"""Every metric by name."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

_HERE = "netwright.metrics"

CATALOGUE = Catalogue(
    "metric",
    (
        Entry(
            name="accuracy",
            target=f"{_HERE}.accuracy:Accuracy",
            summary="share of right answers",
        ),
        Entry(
            name="top_accuracy",
            target=f"{_HERE}.accuracy:TopAccuracy",
            summary="share of examples whose class is among the n likeliest",
        ),
        Entry(
            name="balanced_accuracy",
            target=f"{_HERE}.per_class:BalancedAccuracy",
            summary="mean recall of the classes that occur",
        ),
        Entry(
            name="precision",
            target=f"{_HERE}.per_class:Precision",
            summary="mean precision over classes or labels",
        ),
        Entry(
            name="recall",
            target=f"{_HERE}.per_class:Recall",
            summary="mean recall over classes or labels",
        ),
        Entry(
            name="f1",
            target=f"{_HERE}.per_class:F1",
            summary="mean F1 over classes or labels",
        ),
        Entry(
            name="micro_f1",
            target=f"{_HERE}.per_class:MicroF1",
            summary="F1 over all labels together",
        ),
        Entry(
            name="exact_match",
            target=f"{_HERE}.accuracy:Accuracy",
            summary="share of label sets that are right in every label",
        ),
        Entry(
            name="log_loss",
            target=f"{_HERE}.log_loss:LogLoss",
            summary="mean −log of the true class's probability",
        ),
        Entry(
            name="brier",
            target=f"{_HERE}.brier:Brier",
            summary="mean squared error of the probabilities",
            paper="Verification of Forecasts Expressed in Terms of Probability, 1950",
        ),
        Entry(
            name="expected_calibration_error",
            target=f"{_HERE}.calibration:ExpectedCalibrationError",
            summary="mean gap between confidence and accuracy",
            paper="On Calibration of Modern Neural Networks, 2017, "
            "https://arxiv.org/abs/1706.04599",
        ),
        Entry(
            name="roc_auc",
            target=f"{_HERE}.ranking:RocAuc",
            summary="how often a positive is ranked above a negative",
        ),
        Entry(
            name="average_precision",
            target=f"{_HERE}.ranking:AveragePrecision",
            summary="area under the precision-recall curve",
        ),
        Entry(
            name="quadratic_kappa",
            target=f"{_HERE}.confusion:QuadraticKappa",
            summary="agreement of ordered classes beyond chance",
            paper="Weighted Kappa, 1968, https://doi.org/10.1037/h0026256",
        ),
        Entry(
            name="mean_absolute_error",
            target=f"{_HERE}.regression:MeanAbsoluteError",
            summary="mean of |answer − target|",
        ),
        Entry(
            name="root_mean_squared_error",
            target=f"{_HERE}.regression:RootMeanSquaredError",
            summary="root of the mean squared error",
        ),
        Entry(
            name="r2",
            target=f"{_HERE}.regression:R2",
            summary="share of the targets' variance that is explained",
        ),
        Entry(
            name="poisson_deviance",
            target=f"{_HERE}.regression:PoissonDeviance",
            summary="log-likelihood of counts that is missing to a perfect answer",
        ),
        Entry(
            name="pinball",
            target=f"{_HERE}.pinball:Pinball",
            summary="mean pinball loss of predicted quantiles",
        ),
        Entry(
            name="coverage_error",
            target=f"{_HERE}.pinball:CoverageError",
            summary="how far the share of targets in the interval is from what it should be",
        ),
    ),
)
