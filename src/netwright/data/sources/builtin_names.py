"""Which small sets are built in, without loading them."""

from __future__ import annotations

__all__ = ["BUILTIN"]

LICENCE = "CC BY 4.0"
FREE = "free to use; distributed with scikit-learn (BSD-3-Clause)"

BUILTIN = {
    "digits": ("load_digits", LICENCE, "UCI: Optical Recognition of Handwritten Digits (test)"),
    "iris": ("load_iris", LICENCE, "UCI: Iris, as R.A. Fisher published it in 1936"),
    "wine": ("load_wine", LICENCE, "UCI: Wine"),
    "breast-cancer": ("load_breast_cancer", LICENCE, "UCI: Breast Cancer Wisconsin (Diagnostic)"),
    "diabetes": ("load_diabetes", FREE, "Efron et al., Least Angle Regression, 2004"),
}
"""Name → scikit-learn's loader, licence, origin."""
