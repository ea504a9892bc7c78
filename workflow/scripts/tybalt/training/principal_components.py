"""Principal components, exact whatever the size of the matrix."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

#: Values of a chunk that is held in double precision at a time: 64 MiB.
CHUNK_VALUES = 8 * 2**20

#: Components of less than this share of the largest standard deviation are rounding errors: the
#: eigenvalues of a matrix of products are exact to 1e-16 of the largest one, which is 1e-8 of
#: standard deviations, and ten times that is left between them and what counts.
NEGLIGIBLE = 1e-7


class Components(NamedTuple):
    """Principal components of rows x columns.

    Parameters
    ----------
    mean
        Of every column, shape (columns,).
    directions
        Orthonormal rows, shape (components, columns), largest variance first; the largest number of
        each is positive. Where the rows span fewer directions, the rest are 0.
    deviations
        Standard deviation of the rows along each (divided by n), shape (components,).
    """

    mean: np.ndarray
    directions: np.ndarray
    deviations: np.ndarray


def principal_components(X: np.ndarray, n_components: int) -> Components:
    """Find the directions of largest variance (Pearson 1901; Jolliffe 2002, section 3.5).

    They are eigenvectors of the products of the centred columns or, where there are fewer rows
    than columns, follow from those of the rows. The products are summed in double precision over
    chunks, and only the leading eigenvectors are computed, so it takes the memory of one square
    matrix of the smaller side (and about as much again in LAPACK). Nothing is drawn: the same
    matrix gives the same components.

    Parameters
    ----------
    X
        Rows x columns, any float type.
    n_components
        At most the smaller side of X.

    Returns
    -------
    Components
        In the float type of `X`.
    """
    n, width = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    by_columns = width <= n
    products = (
        sum(rows.T @ rows for rows in _centred_rows(X, mean))
        if by_columns
        else sum(part @ part.T for part in _centred_columns(X, mean))
    )
    variances, vectors = _leading(products, n_components)
    lengths = np.sqrt(variances)
    kept = lengths > NEGLIGIBLE * lengths[0]
    if by_columns:
        directions = np.where(kept, vectors, 0).T
    else:
        vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=kept)
        directions = np.hstack([vectors.T @ part for part in _centred_columns(X, mean)])
    largest = np.argmax(np.abs(directions), axis=1)
    signs = np.where(np.take_along_axis(directions, largest[:, None], axis=1) < 0, -1.0, 1.0)
    kind = X.dtype
    return Components(
        mean.astype(kind), (directions * signs).astype(kind), np.sqrt(variances / n).astype(kind)
    )


def _leading(products: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues of a symmetric matrix, none below 0, and their vectors."""
    from scipy.linalg import eigh

    last = len(products) - 1
    values, vectors = eigh(
        products, subset_by_index=(last - count + 1, last), overwrite_a=True, check_finite=False
    )
    return np.maximum(values[::-1], 0), vectors[:, ::-1]


def _centred_rows(X: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, CHUNK_VALUES // X.shape[1])
    for start in range(0, len(X), step):
        yield X[start : start + step] - mean


def _centred_columns(X: np.ndarray, mean: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, CHUNK_VALUES // len(X))
    for start in range(0, X.shape[1], step):
        yield X[:, start : start + step] - mean[start : start + step]
