"""The latent feature that, with a given one, best separates the positive samples of a contrast."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tybalt.analysis.stratified_tests import stratified_auroc


class Pair(NamedTuple):
    """A second feature and the discriminant of both."""

    partner: int
    weights: np.ndarray  #: of the first feature and the partner; higher = positive


def best_pair(codes: pd.DataFrame, label: pd.Series, stratum: pd.Series, first: int) -> Pair | None:
    """Find the partner whose linear discriminant with `first` has the highest AUROC.

    Fisher's discriminant (Annals of Eugenics 1936, 7:179-188) is fitted to each pair; all values
    are of training samples.

    Parameters
    ----------
    codes
        Training samples x features; centred within strata where there are any, see `midpoints`.
    label, stratum
        1 or 0, and the stratum, of the same samples.
    first
        Column of the given feature.

    Returns
    -------
    Pair or None
        None if no other feature varies within the sides.
    """
    values, positive = codes.to_numpy(float), (label == 1).to_numpy()
    weights = discriminants(values, positive, first)
    candidates = [
        column
        for column in range(values.shape[1])
        if column != first and np.isfinite(weights[column]).all()
    ]
    if not candidates:
        return None
    scores = (
        values[:, [first]] * weights[candidates, 0]
        + values[:, candidates] * (weights[candidates, 1])
    )
    areas = stratified_auroc(scores, label.to_numpy(), stratum.to_numpy())
    partner = candidates[int(np.argmax(areas))]
    return Pair(partner, weights[partner])


def discriminants(values: np.ndarray, positive: np.ndarray, first: int) -> np.ndarray:
    """Fit Fisher's discriminant of column `first` with every column, in closed form.

    Returns
    -------
    numpy.ndarray
        Features x 2: weights of `first` and of the other; NaN where the two are collinear or one
        is constant within the sides.
    """
    sides = [values[positive], values[~positive]]
    difference = sides[0].mean(axis=0) - sides[1].mean(axis=0)
    residuals = np.concatenate([side - side.mean(axis=0) for side in sides])
    variance = (residuals**2).mean(axis=0)
    covariance = (residuals * residuals[:, [first]]).mean(axis=0)
    determinant = variance[first] * variance - covariance**2
    regular = determinant > 1e-9 * variance[first] * variance
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.stack(
            [
                (variance * difference[first] - covariance * difference) / determinant,
                (variance[first] * difference - covariance * difference[first]) / determinant,
            ],
            axis=1,
        )
    weights[~regular] = np.nan
    return weights


def midpoints(codes: pd.DataFrame, label: pd.Series, stratum: pd.Series) -> pd.DataFrame:
    """Return, for each stratum, the middle between the means of its two sides.

    Subtracting it takes away what differs between strata, whatever the share of positives.

    Returns
    -------
    pandas.DataFrame
        Strata x features.
    """
    means = codes.groupby([stratum.to_numpy(), label.to_numpy()]).mean()
    return means.groupby(level=0).mean()
