"""Genes and cells that samples lack: filled in with the model's own reconstruction of them."""

import numpy as np
import pandas as pd

from tybalt.training.bundle import Bundle
from tybalt.training.metrics import mean_squared_error
from tybalt.training.rows import Rows

#: Filling in stops for a sample whose code moves by less than this share of the spread of the
#: training codes (`spread_of_codes`), or after so many rounds. On real samples (350 of TCGA, 5,000
#: genes, 60 features) 500 hidden genes take 4 rounds; docs/proofs.md has what that gains.
TOLERANCE, MOST_ROUNDS = 1e-3, 10


def scale_samples(bundle: Bundle, values: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Scale new samples as the training samples were.

    Parameters
    ----------
    values
        Samples x genes on the scale before scaling; a gene that is no column, and NaN, is missing.

    Returns
    -------
    two arrays of shape (samples, genes of the model)
        float32 scaled values, with the training mean where one is missing; and bool, what was
        measured.
    """
    genes = bundle.genes
    raw = values.reindex(columns=genes.index)
    measured = raw.notna().to_numpy()
    scaled = (raw.fillna(genes["mean"]).to_numpy() - genes["offset"].to_numpy()) / genes[
        "scale"
    ].to_numpy()
    return bundle.limit(scaled).astype(np.float32), measured


def scaled_statistic(genes: pd.DataFrame, name: str) -> np.ndarray:
    """Return the training mean, minimum or maximum of every gene as the model sees it: float32."""
    return ((genes[name] - genes["offset"]) / genes["scale"]).to_numpy(dtype=np.float32)


def hide_genes(bundle: Bundle, X: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Put the training mean in the place of what was not found: bool of genes, or as X."""
    return np.where(found, X, scaled_statistic(bundle.genes, "mean"))


def hide_and_fill(bundle: Bundle, X: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Hide what was not found (as of `hide_genes`) from scaled samples, and fill it in again."""
    return fill_missing(bundle, hide_genes(bundle, X, found), np.broadcast_to(found, X.shape))


def deal_missing(measured: np.ndarray, held_out: Rows, seed: int) -> np.ndarray:
    """Let held-out samples lack what new samples lack, whole genes and single cells alike.

    The new samples are dealt out in random order, again and again, one to each held-out sample. One
    of which nothing would be left takes the next; only one that has nothing in common with any new
    sample is left with nothing.

    Parameters
    ----------
    measured
        bool, new samples x genes of the model.
    held_out
        Samples of the training cohort; what they lack themselves stays missing.
    seed
        Of the order.

    Returns
    -------
    bool array of shape (held-out samples, genes of the model)
        What is left of them.
    """
    observed, order = all_observed(held_out), np.random.default_rng(seed).permutation(len(measured))
    left, empty = np.zeros(observed.shape, bool), np.arange(len(held_out))
    for turn in range(len(order)):
        left[empty] = measured[order[(empty + turn) % len(order)]] & observed[empty]
        empty = np.flatnonzero(~left.any(axis=1))
        if not len(empty):
            break
    return left


def all_observed(rows: Rows) -> np.ndarray:
    """Return what was measured of rows, also where all was: bool, rows x columns."""
    return np.ones(rows.X.shape, bool) if rows.observed is None else rows.observed


def fill_missing(bundle: Bundle, X: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Replace what was not measured by what the model itself reconstructs, again and again.

    Each round encodes the samples, and takes the reconstruction for the missing values, within the
    training range of their gene. For principal components this is SVDimpute (Troyanskaya et al.
    2001, doi:10.1093/bioinformatics/17.6.520) with the components of the training samples. A sample
    stops by itself, so its code does not depend on the samples beside it.

    Parameters
    ----------
    X
        Samples x genes of the model, scaled; a start (the training mean) where a value is missing.
    measured
        bool, as X.

    Returns
    -------
    array as X, float32
    """
    spread = spread_of_codes(bundle)
    open_rows = np.flatnonzero(~measured.all(axis=1))
    if not len(open_rows) or spread == 0:
        return X
    filled, encode, reconstruct = X.copy(), bundle.model.encode, bundle.model.reconstruct
    low, high = (scaled_statistic(bundle.genes, name) for name in ("minimum", "maximum"))
    codes = encode(filled[open_rows])
    for _ in range(MOST_ROUNDS):
        guess = np.clip(reconstruct(filled[open_rows]), low, high)
        filled[open_rows] = np.where(measured[open_rows], filled[open_rows], guess)
        moved = encode(filled[open_rows])
        moves = distance_in_spreads(moved, codes, spread) > TOLERANCE
        open_rows, codes = open_rows[moves], moved[moves]
        if not len(open_rows):
            break
    return filled


def spread_of_codes(bundle: Bundle) -> float:
    """Root of the mean variance of the features over the training samples."""
    return float(np.sqrt(bundle.codes.to_numpy(np.float64).var(axis=0).mean()))


def distance_in_spreads(codes: np.ndarray, others: np.ndarray, spread: float) -> np.ndarray:
    """Root mean square difference of each sample's two codes, in units of `spread_of_codes`."""
    return np.sqrt(mean_squared_error(codes, others, 1)) / spread


def cost_of_missing(
    bundle: Bundle, held_out: Rows, hidden: np.ndarray, left: np.ndarray
) -> dict[str, float]:
    """Measure what missing genes and cells cost held-out samples, which have them.

    Parameters
    ----------
    held_out
        Held-out samples of the training cohort, whole; what they lack is filled in here.
    hidden
        The same with what is missing filled in by `fill_missing`.
    left
        bool, as hidden: what is not missing, as of `deal_missing`.

    Returns
    -------
    dict
        ``mse``, ``mse_genes_hidden``, ``mse_genes_found``: mean squared error of the reconstruction
        of whole samples; of the same values, with some hidden; of those left alone, then. Of each
        sample what was measured counts. If anything is hidden: ``code_error`` and
        ``code_error_of_means``, the root mean square error of their codes in units of
        `spread_of_codes`, as they are filled in and with training means in their place.
    """
    X, observed, reconstruct = held_out.X, all_observed(held_out), bundle.model.reconstruct
    nothing_hidden = bool((left == observed).all())
    whole = hidden if nothing_hidden else hide_and_fill(bundle, X, observed)
    given_back = reconstruct(hidden)
    of_whole = given_back if nothing_hidden else reconstruct(whole)
    cost = {
        "mse": float(mean_squared_error(X, of_whole, 1, held_out.observed).mean()),
        "mse_genes_hidden": float(mean_squared_error(X, given_back, 1, held_out.observed).mean()),
        "mse_genes_found": float(mean_squared_error(X, given_back, 1, left).mean()),
    }
    spread = spread_of_codes(bundle)
    if nothing_hidden or spread == 0:
        return cost
    true = bundle.model.encode(whole)
    filled = {"code_error": hidden, "code_error_of_means": hide_genes(bundle, X, left)}
    for name, values in filled.items():
        moved = distance_in_spreads(bundle.model.encode(values), true, spread)
        cost[name] = float(np.sqrt(np.square(moved).mean()))
    return cost
