"""Per-gene statistics and the scaling of the chosen genes."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tybalt.data.features import mean_absolute_deviation


def gene_statistics(values: np.ndarray) -> pd.DataFrame:
    """Describe each gene.

    Parameters
    ----------
    values
        float64, genes x samples, raw scale.

    Returns
    -------
    pandas.DataFrame
        A row per gene: mean, sd (divided by n), mean_absolute_deviation (about the mean),
        minimum, maximum, zero_fraction.
    """
    return pd.DataFrame(
        {
            "mean": values.mean(axis=1),
            "sd": values.std(axis=1),
            "mean_absolute_deviation": mean_absolute_deviation(values),
            "minimum": values.min(axis=1),
            "maximum": values.max(axis=1),
            "zero_fraction": (values == 0).mean(axis=1),
        }
    )


def zero_one(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale that take each gene's (genes x samples) minimum to 0, its maximum to 1."""
    minimum = values.min(axis=1)
    return minimum, values.max(axis=1) - minimum


def z_score(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale that give each gene (genes x samples) mean 0, standard deviation 1."""
    return values.mean(axis=1), values.std(axis=1)


#: Fitted on genes x samples; x_scaled = (x - offset) / scale.
SCALERS: dict[str, Callable] = {"zero_one": zero_one, "z_score": z_score}


def is_constant(values: np.ndarray) -> np.ndarray:
    """Tell which genes (genes x samples) have one value only."""
    return values.min(axis=1) == values.max(axis=1)


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
