"""Classical models by name, in the order of their simplicity, which is the order of the table.

Simpler is what has fewer numbers to explain: a constant; one product a column; products of columns;
a few questions; prototypes and neighbours; then sums of hundreds of trees. A network comes last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netwright._catalogue import Catalogue, Entry
from netwright._errors import BadType, must_be
from netwright.evaluate.baselines.family import Family, Maker

__all__ = ["BASELINES", "family_of"]

_LINEAR = "sklearn.linear_model"
_OURS = "netwright.evaluate.baselines"
_LONG = {"max_iter": 1000}
_STRENGTHS = (1000.0, 100.0, 10.0, 1.0, 0.1)


def _grid(name: str, values: Iterable[Any], **more: Any) -> tuple[dict[str, Any], ...]:
    return tuple({name: value, **more} for value in values)


def _entry(name: str, summary: str, family: Family, *, paper: str = "") -> Entry:
    maker = family.classes or family.numbers
    return Entry(
        name=name,
        target="" if maker is None else maker.target,
        summary=summary,
        paper=paper,
        facts={"family": family},
    )


_SIMPLE = (
    _entry(
        "constant",
        "the shares of the classes, or the mean: looks at nothing",
        Family(
            classes=Maker(target="sklearn.dummy:DummyClassifier", options={"strategy": "prior"}),
            numbers=Maker(target="sklearn.dummy:DummyRegressor"),
            counts=Maker(target="sklearn.dummy:DummyRegressor"),
        ),
    ),
    _entry(
        "naive-bayes",
        "a Gaussian a class and column, taken as independent",
        Family(
            classes=Maker(
                target="sklearn.naive_bayes:GaussianNB",
                grid=_grid("var_smoothing", (0.1, 1e-3, 1e-9)),
            )
        ),
    ),
    _entry(
        "linear",
        "least squares; for counts the same with a logarithmic link",
        Family(
            numbers=Maker(target=f"{_LINEAR}:LinearRegression"),
            counts=Maker(target=f"{_LINEAR}:PoissonRegressor", options={"alpha": 0.0, **_LONG}),
        ),
    ),
    _entry(
        "ridge",
        "least squares with small weights",
        Family(
            classes=Maker(target=f"{_LINEAR}:RidgeClassifier", grid=_grid("alpha", _STRENGTHS)),
            numbers=Maker(target=f"{_LINEAR}:Ridge", grid=_grid("alpha", _STRENGTHS)),
            counts=Maker(
                target=f"{_LINEAR}:PoissonRegressor",
                options=_LONG,
                grid=_grid("alpha", (1.0, 0.1, 0.01, 0.001)),
            ),
        ),
        paper="Ridge Regression, 1970, https://doi.org/10.1080/00401706.1970.10488634",
    ),
    _entry(
        "perceptron",
        "a line moved by each mistake",
        Family(
            classes=Maker(
                target=f"{_LINEAR}:Perceptron",
                grid=({"penalty": "l2"}, {"penalty": None}),
            )
        ),
        paper="The perceptron, 1958, https://doi.org/10.1037/h0042519",
    ),
    _entry(
        "logistic",
        "logistic regression with small weights",
        Family(
            classes=Maker(
                target=f"{_LINEAR}:LogisticRegression",
                options=_LONG,
                grid=_grid("C", (0.001, 0.01, 0.1, 1.0, 10.0)),
            )
        ),
    ),
    _entry(
        "linear-svm",
        "the line with the widest margin; for numbers, deaf to small errors",
        Family(
            classes=Maker(
                target="sklearn.svm:LinearSVC",
                options=_LONG,
                grid=_grid("C", (0.001, 0.01, 0.1, 1.0)),
            ),
            numbers=Maker(
                target="sklearn.svm:LinearSVR",
                options={"max_iter": 10_000},
                grid=_grid("C", (0.1, 1.0, 10.0, 100.0)),
            ),
        ),
        paper="Support-Vector Networks, 1995, https://doi.org/10.1007/BF00994018",
    ),
    _entry(
        "pca",
        "a linear model on the principal components",
        Family(
            classes=Maker(
                target=f"{_OURS}.pipelines:on_components",
                options={"estimator": f"{_LINEAR}:LogisticRegression", **_LONG},
                grid=_grid("share", (0.5, 0.8, 0.95)),
            ),
            numbers=Maker(
                target=f"{_OURS}.pipelines:on_components",
                options={"estimator": f"{_LINEAR}:Ridge"},
                grid=_grid("share", (0.5, 0.8, 0.95)),
            ),
            counts=Maker(
                target=f"{_OURS}.pipelines:on_components",
                options={"estimator": f"{_LINEAR}:PoissonRegressor", "alpha": 0.01, **_LONG},
                grid=_grid("share", (0.5, 0.8, 0.95)),
            ),
        ),
    ),
    _entry(
        "polynomial",
        "a linear model on all products of two columns",
        Family(
            classes=Maker(
                target=f"{_OURS}.pipelines:on_products",
                options={"estimator": f"{_LINEAR}:LogisticRegression", **_LONG},
                grid=_grid("C", (0.0001, 0.001, 0.1)),
            ),
            numbers=Maker(
                target=f"{_OURS}.pipelines:on_products",
                options={"estimator": f"{_LINEAR}:Ridge"},
                grid=_grid("alpha", (1000.0, 100.0, 10.0, 1.0)),
            ),
            counts=Maker(
                target=f"{_OURS}.pipelines:on_products",
                options={"estimator": f"{_LINEAR}:PoissonRegressor", **_LONG},
                grid=_grid("alpha", (1.0, 0.1)),
            ),
            squares=True,
        ),
    ),
)

_LOCAL = (
    _entry(
        "tree",
        "questions about one column at a time",
        Family(
            classes=Maker(
                target="sklearn.tree:DecisionTreeClassifier",
                grid=_grid("max_depth", (3, 6, 12, None), min_samples_leaf=3),
            ),
            numbers=Maker(
                target="sklearn.tree:DecisionTreeRegressor",
                grid=_grid("max_depth", (2, 4, 8, None), min_samples_leaf=5),
            ),
            counts=Maker(
                target="sklearn.tree:DecisionTreeRegressor",
                options={"criterion": "poisson"},
                grid=_grid("max_depth", (2, 4, 8), min_samples_leaf=5),
            ),
        ),
        paper="Classification and Regression Trees, 1984, https://doi.org/10.1201/9781315139470",
    ),
    _entry(
        "k-means",
        "clusters; each answers as its training examples are",
        Family(
            classes=Maker(
                target=f"{_OURS}.clusters:ClusterClassifier",
                grid=_grid("n_clusters", (10, 40, 160)),
            ),
            numbers=Maker(
                target=f"{_OURS}.clusters:ClusterRegressor", grid=_grid("n_clusters", (4, 16, 64))
            ),
            counts=Maker(
                target=f"{_OURS}.clusters:ClusterRegressor", grid=_grid("n_clusters", (4, 16, 64))
            ),
        ),
    ),
    _entry(
        "k-nn",
        "the nearest training examples",
        Family(
            classes=Maker(
                target="sklearn.neighbors:KNeighborsClassifier",
                grid=_grid("n_neighbors", (25, 9, 3, 1)),
            ),
            numbers=Maker(
                target="sklearn.neighbors:KNeighborsRegressor",
                grid=_grid("n_neighbors", (50, 25, 9, 3)),
            ),
            counts=Maker(
                target="sklearn.neighbors:KNeighborsRegressor",
                grid=_grid("n_neighbors", (50, 25, 9, 3)),
            ),
        ),
        paper="Nearest neighbor pattern classification, 1967, https://doi.org/10.1109/TIT.1967.1053964",
    ),
    _entry(
        "gaussian-mixture",
        "a mixture of Gaussians a class",
        Family(
            classes=Maker(
                target=f"{_OURS}.class_densities:MixtureClassifier",
                grid=(
                    {"n_components": 1},
                    {"n_components": 4},
                    {"n_components": 1, "covariance_type": "full"},
                    {"n_components": 1, "covariance_type": "full", "reg_covar": 0.3},
                ),
            )
        ),
    ),
    _entry(
        "kde",
        "a kernel on every training example of a class",
        Family(
            classes=Maker(
                target=f"{_OURS}.class_densities:KernelDensityClassifier",
                grid=_grid("bandwidth", (0.4, 0.2, 0.1, 0.05)),
            )
        ),
    ),
    _entry(
        "random-forest",
        "the mean of 200 trees on resampled examples",
        Family(
            classes=Maker(
                target="sklearn.ensemble:RandomForestClassifier",
                options={"n_estimators": 200},
                grid=_grid("min_samples_leaf", (3, 1)),
            ),
            numbers=Maker(
                target="sklearn.ensemble:RandomForestRegressor",
                options={"n_estimators": 200},
                grid=_grid("min_samples_leaf", (10, 3)),
            ),
            counts=Maker(
                target="sklearn.ensemble:RandomForestRegressor",
                options={"n_estimators": 200, "criterion": "poisson"},
                grid=_grid("min_samples_leaf", (20, 5)),
            ),
        ),
        paper="Random Forests, 2001, https://doi.org/10.1023/A:1010933404324",
    ),
    _entry(
        "gradient-boosting",
        "trees that each mend what those before left over",
        Family(
            classes=Maker(
                target="sklearn.ensemble:HistGradientBoostingClassifier",
                options={"early_stopping": False},
                grid=_grid("max_iter", (30, 100)),
            ),
            numbers=Maker(
                target="sklearn.ensemble:HistGradientBoostingRegressor",
                options={"early_stopping": False, "learning_rate": 0.05},
                grid=_grid("max_iter", (30, 100)),
            ),
            counts=Maker(
                target="sklearn.ensemble:HistGradientBoostingRegressor",
                options={"early_stopping": False, "learning_rate": 0.05, "loss": "poisson"},
                grid=_grid("max_iter", (30, 100)),
            ),
        ),
        paper="Greedy Function Approximation, 2001, https://doi.org/10.1214/aos/1013203451",
    ),
)

BASELINES = Catalogue("baseline", _SIMPLE + _LOCAL)


def family_of(entry: Entry) -> Family:
    """The family behind an entry; one of a third party or of a file is loaded.

    Raises:
        BadType: it is no `Family`.
    """
    found = entry.facts["family"] if "family" in entry.facts else entry.load()
    if not isinstance(found, Family):
        raise must_be("baseline", "a Family", entry.name, error=BadType)
    return found
