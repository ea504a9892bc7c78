"""Per-gene statistics and the scaling of the chosen genes."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tybalt.data.features import mean_absolute_deviation


def gene_statistics(values: np.ndarray) -> pd.DataFrame:
    """Describe each gene by what is not missing.

    Parameters
    ----------
    values
        float64, genes x samples, raw scale; NaN where a value is missing.

    Returns
    -------
    pandas.DataFrame
        A row per gene: mean, sd (divided by n), mean_absolute_deviation (about the mean),
        minimum, maximum, zero_fraction.
    """
    known = np.sum(~np.isnan(values), axis=1)
    mean, deviation = _mean_and_deviation(values)
    minimum, maximum = _extremes(values)
    return pd.DataFrame(
        {
            "mean": mean,
            "sd": deviation,
            "mean_absolute_deviation": mean_absolute_deviation(values),
            "minimum": minimum,
            "maximum": maximum,
            "zero_fraction": np.sum(values == 0, axis=1) / known,
        }
    )


def _mean_and_deviation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if np.isnan(values).any():
        return np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    return values.mean(axis=1), values.std(axis=1)


def _extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)  # these pass over NaN


def zero_one(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale that take each gene's (genes x samples) minimum to 0, its maximum to 1."""
    minimum, maximum = _extremes(values)
    return minimum, maximum - minimum


def z_score(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale that give each gene (genes x samples) mean 0, standard deviation 1."""
    return _mean_and_deviation(values)


def unscaled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale that leave each gene (genes x samples) as it is."""
    return np.zeros(len(values)), np.ones(len(values))


#: Fitted on genes x samples; x_scaled = (x - offset) / scale.
SCALERS: dict[str, Callable] = {"zero_one": zero_one, "z_score": z_score, "none": unscaled}


#: A gene whose values spread by no more than this share of the largest of them is constant: what
#: is left is how often numbers were rounded, and dividing by it would blow it up.
LEAST_SPREAD = 1e-4


def is_constant(values: np.ndarray) -> np.ndarray:
    """Tell which genes (genes x samples) have one value only, but for `LEAST_SPREAD`."""
    minimum, maximum = _extremes(values)
    largest = np.maximum(np.abs(minimum), np.abs(maximum))
    return maximum - minimum <= LEAST_SPREAD * largest


def fit_scaler(method: str, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit offset and scale on genes x samples; a constant gene has scale 1."""
    offset, spread = SCALERS[method](values)
    return offset, np.where(is_constant(values), 1.0, spread)


def scale(
    method: str, values: np.ndarray, offset: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, int]:
    """Scale genes x samples; return the scaled values and how many were clipped to 0..1."""
    scaled = (values - offset[:, None]) / spread[:, None]
    if method != "zero_one":
        return scaled, 0
    n_outside = np.count_nonzero((scaled < 0) | (scaled > 1))
    return np.clip(scaled, 0, 1, out=scaled), int(n_outside)
