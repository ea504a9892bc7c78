"""Labels predicted from codes: which are asked for, by which classifiers, how they are scored."""

from typing import Any

import numpy as np
import pandas as pd

#: Neighbours of the nearest-neighbour classifier.
NEIGHBOURS = 5

#: A label with fewer training samples is not asked for.
MINIMUM_PER_LABEL = 5


def asked_labels(labels: pd.Series, is_train: np.ndarray) -> np.ndarray:
    """Tell which samples have a label of at least `MINIMUM_PER_LABEL` training samples."""
    counts = labels[is_train].value_counts()
    asked = labels.isin(counts.index[counts >= MINIMUM_PER_LABEL]) & (labels != "")
    return asked.to_numpy()


def logistic_regression() -> Any:
    """Make a logistic regression on standardised codes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def nearest_neighbours() -> Any:
    """Make a classifier by the vote of the nearest training samples."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(NEIGHBOURS)


def balanced_accuracy(hits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over labels of the share of samples whose label was found."""
    return float(pd.Series(hits).groupby(labels).mean().mean())
