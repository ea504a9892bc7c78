"""Genes that new samples lack: filled in with the model's own reconstruction of them."""

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
    clipped = genes["block"].map(bundle.notes["scaling"]).eq("zero_one").to_numpy()
    return np.where(clipped, np.clip(scaled, 0, 1), scaled).astype(np.float32), measured


def scaled_statistic(genes: pd.DataFrame, name: str) -> np.ndarray:
    """Return the training mean, minimum or maximum of every gene as the model sees it: float32."""
    return ((genes[name] - genes["offset"]) / genes["scale"]).to_numpy(dtype=np.float32)


def hide_genes(bundle: Bundle, X: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Put the training mean in the place of the genes that were not found."""
    return np.where(found, X, scaled_statistic(bundle.genes, "mean"))


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
    bundle: Bundle, held_out: Rows, hidden: np.ndarray, found: np.ndarray
) -> dict[str, float]:
    """Measure what missing genes cost held-out samples, which have them.

    Parameters
    ----------
    held_out
        Held-out samples of the training cohort, whole.
    hidden
        The same with the missing genes filled in by `fill_missing`.
    found
        bool, genes of the model: those that are not missing.

    Returns
    -------
    dict
        ``mse``, ``mse_genes_hidden``, ``mse_genes_found``: mean squared error of the reconstruction
        of whole samples; of all genes, with genes hidden; of the genes found alone, then. Of each
        sample what was measured counts. If genes are missing: ``code_error`` and
        ``code_error_of_means``, the root mean square error of their codes in units of
        `spread_of_codes`, as they are filled in and with training means in their place.
    """
    X, seen, reconstruct = held_out.X, held_out.observed, bundle.model.reconstruct
    given_back = reconstruct(hidden)
    whole = given_back if found.all() else reconstruct(X)
    seen_found = None if seen is None else seen[:, found]
    cost = {
        "mse": float(mean_squared_error(X, whole, 1, seen).mean()),
        "mse_genes_hidden": float(mean_squared_error(X, given_back, 1, seen).mean()),
        "mse_genes_found": float(
            mean_squared_error(X[:, found], given_back[:, found], 1, seen_found).mean()
        ),
    }
    spread = spread_of_codes(bundle)
    if found.all() or spread == 0:
        return cost
    true = bundle.model.encode(X)
    filled = {"code_error": hidden, "code_error_of_means": hide_genes(bundle, X, found)}
    for name, values in filled.items():
        moved = distance_in_spreads(bundle.model.encode(values), true, spread)
        cost[name] = float(np.sqrt(np.square(moved).mean()))
    return cost
