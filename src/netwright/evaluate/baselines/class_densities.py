"""A density a class, and Bayes' rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

__all__ = ["KernelDensityClassifier", "MixtureClassifier"]


class _ClassDensities(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """P(class | x) ∝ p(x | class) · share of the class."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> Self:
        """A density of the rows of each class."""
        self.classes_, counts = np.unique(targets, return_counts=True)
        self.log_shares_ = np.log(counts / counts.sum())
        self.densities_ = [self._density(rows[targets == one]) for one in self.classes_]
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """(n, k) by Bayes' rule."""
        logs = np.stack([density.score_samples(rows) for density in self.densities_], axis=1)
        return np.asarray(np.exp(log_softmax(logs + self.log_shares_, axis=1)))

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The likeliest class."""
        return np.asarray(self.classes_[self.predict_proba(rows).argmax(axis=1)])

    @abstractmethod
    def _density(self, rows: np.ndarray) -> Any:
        """What has `score_samples`, fitted on the rows of one class."""


class KernelDensityClassifier(_ClassDensities):
    """A Gaussian kernel on every training example of a class.

    Paper: On Estimation of a Probability Density Function and Mode, 1962,
        https://doi.org/10.1214/aoms/1177704472

    Args:
        bandwidth: of the kernel, for columns of variance 1, in units of the square root of their
            number.
    """

    def __init__(self, bandwidth: float = 0.3) -> None:
        self.bandwidth = bandwidth

    def _density(self, rows: np.ndarray) -> Any:
        width = self.bandwidth * np.sqrt(rows.shape[1])
        return KernelDensity(bandwidth=width).fit(rows)


class MixtureClassifier(_ClassDensities):
    """A mixture of Gaussians for the examples of each class.

    Paper: Discriminant Analysis by Gaussian Mixtures, 1996,
        https://doi.org/10.1111/j.2517-6161.1996.tb02073.x

    Args:
        n_components: Gaussians a class; no more than it has examples.
        covariance_type: scikit-learn's: "diag" or "full".
        reg_covar: added to every variance.
        random_state: of the beginning.
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "diag",
        reg_covar: float = 0.01,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.reg_covar = reg_covar
        self.random_state = random_state

    def _density(self, rows: np.ndarray) -> Any:
        return GaussianMixture(
            min(self.n_components, len(rows)),
            covariance_type=self.covariance_type,
            reg_covar=self.reg_covar,
            random_state=self.random_state,
        ).fit(np.repeat(rows, 2, axis=0) if len(rows) == 1 else rows)
