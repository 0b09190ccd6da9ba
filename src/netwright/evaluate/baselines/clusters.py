"""Clusters found without targets, which then answer for all that falls into them."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans

__all__ = ["ClusterClassifier", "ClusterRegressor"]


class _Clusters(BaseEstimator):  # type: ignore[misc]
    """k-means; Paper: Least squares quantization in PCM, 1982, https://doi.org/10.1109/TIT.1982.1056489.

    Args:
        n_clusters: how many; no more than there are examples.
        random_state: of the beginning.
    """

    def __init__(self, n_clusters: int = 8, *, random_state: int = 0) -> None:
        self.n_clusters = n_clusters
        self.random_state = random_state

    def _found(self, rows: np.ndarray) -> np.ndarray:
        count = min(self.n_clusters, len(rows))
        self.clusters_ = KMeans(count, n_init=3, random_state=self.random_state).fit(rows)
        return np.asarray(self.clusters_.labels_)


class ClusterClassifier(ClassifierMixin, _Clusters):  # type: ignore[misc]
    """The share of each class in the cluster, one example of every class added."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> Self:
        """Cluster the rows, then count."""
        self.classes_, places = np.unique(targets, return_inverse=True)
        found = self._found(rows)
        counts = np.ones((found.max() + 1, len(self.classes_)))
        np.add.at(counts, (found, places), len(self.classes_))
        self.shares_ = counts / counts.sum(axis=1, keepdims=True)
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """(n, k) of the clusters that the rows fall into."""
        return np.asarray(self.shares_[self.clusters_.predict(rows)])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The class that is most of the cluster."""
        return np.asarray(self.classes_[self.predict_proba(rows).argmax(axis=1)])


class ClusterRegressor(RegressorMixin, _Clusters):  # type: ignore[misc]
    """The mean of the targets in the cluster."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> Self:
        """Cluster the rows, then average."""
        found = self._found(rows)
        counts = np.bincount(found)
        self.means_ = np.bincount(found, weights=targets) / counts
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The mean of the cluster that each row falls into."""
        return np.asarray(self.means_[self.clusters_.predict(rows)])
