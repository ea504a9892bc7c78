"""How far a reconstruction is from the samples, and what goes with what: on one scale for all."""

import numpy as np
from scipy.special import xlog1py, xlogy

#: Reconstructions are kept this far from 0 and 1 before their logarithm is taken.
CLIP = 1e-7


def mean_squared_error(
    X: np.ndarray, X_hat: np.ndarray, axis: int, observed: np.ndarray | None = None
) -> np.ndarray:
    """Mean squared difference along an axis, in double precision.

    Parameters
    ----------
    observed
        bool, as X: what counts; NaN where nothing does. None: everything.
    """
    squares = np.square(X - X_hat)
    if observed is None:
        return np.mean(squares, axis=axis, dtype=np.float64)
    return _mean_seen(squares, axis, observed)


def _mean_seen(values: np.ndarray, axis: int, observed: np.ndarray) -> np.ndarray:
    """Mean of what was observed along an axis, in double precision; NaN where nothing was."""
    count = observed.sum(axis=axis)
    total = np.sum(values, axis=axis, dtype=np.float64, where=observed)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def correlation(
    X: np.ndarray, X_hat: np.ndarray, axis: int, observed: np.ndarray | None = None
) -> np.ndarray:
    """Pearson correlation along an axis, summed in double; NaN where either side is constant.

    Parameters
    ----------
    observed
        As in `mean_squared_error`.
    """
    if observed is not None:
        X, X_hat = (_centred_where(values, axis, observed) for values in (X, X_hat))
    a = X - X.mean(axis=axis, keepdims=True, dtype=np.float64).astype(X.dtype)
    b = X_hat - X_hat.mean(axis=axis, keepdims=True, dtype=np.float64).astype(X.dtype)
    scale = np.sqrt(
        np.sum(a * a, axis=axis, dtype=np.float64) * np.sum(b * b, axis=axis, dtype=np.float64)
    )
    product = np.sum(a * b, axis=axis, dtype=np.float64)
    return np.divide(product, scale, out=np.full_like(scale, np.nan), where=scale > 0)


def _centred_where(values: np.ndarray, axis: int, observed: np.ndarray) -> np.ndarray:
    """Centre what was observed, and set the rest to 0, where it adds nothing to any sum."""
    mean = np.expand_dims(_mean_seen(values, axis, observed), axis)
    return np.where(observed, values - mean, 0.0)


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of every column of `a` with every column of `b`; 0 for constant ones."""
    return _standardised(a).T @ _standardised(b)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Centre each column and give it the length 1; a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-7 * np.maximum(np.linalg.norm(values, axis=0), 1e-30)
    return np.divide(centred, length, out=np.zeros_like(centred), where=varies)


def cross_entropy(
    X: np.ndarray, X_hat: np.ndarray, observed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Binary cross-entropy of every sample, so that models with other losses can be compared.

    Parameters
    ----------
    X, X_hat
        Samples x genes; `X` in 0..1.
    observed
        As in `mean_squared_error`.

    Returns
    -------
    three arrays of shape (samples,)
        The mean over genes with `X_hat` clipped to [1e-7, 1 - 1e-7]; its floor, the entropy of `X`
        itself, which a perfect reconstruction would still cost; and the share of values clipped.
        NaN if `X` is not in 0..1.
    """
    if X.min() < 0 or X.max() > 1:
        missing = np.full(len(X), np.nan)
        return missing, missing, missing
    floor = -(xlogy(X, X) + xlog1py(1 - X, -X))
    share = (X_hat < CLIP) | (X_hat > 1 - CLIP)
    floor, share = (
        values.mean(axis=1, dtype=np.float64)
        if observed is None
        else _mean_seen(values, 1, observed)
        for values in (floor, share)
    )
    return clipped_cross_entropy(X, X_hat, observed), floor, share


def clipped_cross_entropy(
    X: np.ndarray, X_hat: np.ndarray, observed: np.ndarray | None = None
) -> np.ndarray:
    """Binary cross-entropy, mean over genes, of every sample, as `losses.cross_entropy`."""
    X_hat = np.clip(X_hat, CLIP, 1 - CLIP)
    bce = -(X * np.log(X_hat) + (1 - X) * np.log1p(-X_hat))
    return bce.mean(axis=1, dtype=np.float64) if observed is None else _mean_seen(bce, 1, observed)
