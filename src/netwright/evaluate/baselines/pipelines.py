"""Linear models on columns that are made first."""

from __future__ import annotations

from typing import Any

from netwright._catalogue import load_target

__all__ = ["on_components", "on_products"]


def on_components(estimator: str, *, share: float = 0.9, **options: Any) -> Any:
    """A model on the principal components that hold a share of the variance.

    Paper: On lines and planes of closest fit to systems of points in space, 1901,
        https://doi.org/10.1080/14786440109462720

    Args:
        estimator: place of its class, "sklearn.linear_model:Ridge".
        share: of the variance, in (0, 1).
        **options: of the estimator.
    """
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline

    return make_pipeline(PCA(share, svd_solver="full"), load_target(estimator)(**options))


def on_products(estimator: str, **options: Any) -> Any:
    """A linear model on the columns, their squares and their products, each with variance 1.

    Args:
        estimator: place of its class.
        **options: of the estimator.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    products = PolynomialFeatures(2, include_bias=False)
    return make_pipeline(products, StandardScaler(), load_target(estimator)(**options))
