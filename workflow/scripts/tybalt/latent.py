"""What a trained model says of the samples: codes, gene weights, reconstruction."""

import logging

import numpy as np
import pandas as pd
from scipy.special import xlog1py, xlogy

from tybalt.bundle import Bundle, feature_names, load_bundle
from tybalt.data.matrix import (
    judging_part,
    present_parts,
    read_obs,
    read_parts,
    read_values,
    read_var,
)
from tybalt.errors import InputError
from tybalt.files import write_table

log = logging.getLogger(__name__)

#: What is measured of every sample, in the order of `reconstruction_samples`.
SAMPLE_MEASURES = ["mse", "mse_of_mean", "pearson", "bce", "bce_floor", "bce_clipped"]

#: Reconstructions are kept this far from 0 and 1 before their logarithm is taken.
CLIP = 1e-7


def encode_samples(matrix: str, model: str, encoding: str) -> None:
    """Write the mean code of every sample.

    Parameters
    ----------
    matrix, model
        Inputs ``expression.h5ad`` and ``model.zip``.
    encoding
        Output ``encoding.tsv.gz``: sample, z1 ... zK.
    """
    bundle = load_for(matrix, model)
    codes = bundle.autoencoder.encode(read_values(matrix))
    write_table(named(codes, "sample", read_obs(matrix).index), encoding)
    log.info("%d samples, %d features", *codes.shape)


def weigh_genes(model: str, gene_weights: str) -> None:
    """Write the decoder's weight of every gene in every feature.

    The weights are the kernel of the decoder's last layer or, in a deep decoder, the derivative by
    the features at the mean code of the training samples (the product of the kernels, with each
    hidden unit's slope between them).

    Parameters
    ----------
    model
        Input ``model.zip``.
    gene_weights
        Output ``gene_weights.tsv.gz``: gene, z1 ... zK.
    """
    bundle = load_bundle(model)
    weights = bundle.autoencoder.gene_weights(bundle.codes.to_numpy().mean(axis=0))
    write_table(named(weights, "gene", bundle.genes.index), gene_weights)


def measure_reconstruction(
    matrix: str, model: str, reconstruction_genes: str, reconstruction_samples: str
) -> None:
    """Compare every gene and every sample with its deterministic reconstruction.

    Parameters
    ----------
    matrix, model
        Inputs ``expression.h5ad`` and ``model.zip``.
    reconstruction_genes
        Output: gene, the mean squared error over the samples of each part (``mse_train`` ...) and
        the correlation over the samples of the part that judges (``pearson_test``); NaN where a
        gene is constant.
    reconstruction_samples
        Output: sample, split, cancer_type and sample_type (where the data have them), mse,
        mse_of_mean (that of the mean training sample, which every model must beat), pearson over
        the genes, and as `cross_entropy` has them bce, bce_floor and bce_clipped (NaN where
        the matrix is not in 0..1).
    """
    bundle = load_for(matrix, model)
    obs = read_obs(matrix)
    parts = read_parts(matrix)
    judge = judging_part(obs["split"])
    genes = pd.DataFrame({"gene": bundle.genes.index})
    labels = [name for name in ("split", "cancer_type", "sample_type") if name in obs]
    samples = obs[labels].assign(**dict.fromkeys(SAMPLE_MEASURES, np.nan))
    typical = parts["train"].mean(axis=0, keepdims=True)
    for part in present_parts(obs["split"]):
        X = parts[part]
        X_hat = bundle.autoencoder.reconstruct(X)
        rows = obs["split"] == part
        samples.loc[rows, SAMPLE_MEASURES] = np.column_stack(
            [
                mean_squared_error(X, X_hat, axis=1),
                mean_squared_error(X, typical, axis=1),
                correlation(X, X_hat, axis=1),
                *cross_entropy(X, X_hat),
            ]
        )
        genes[f"mse_{part}"] = mean_squared_error(X, X_hat, axis=0)
        if part == judge:
            pearson = correlation(X, X_hat, axis=0)
        log.info("%s: mean squared error %.6g", part, genes[f"mse_{part}"].mean())
    genes[f"pearson_{judge}"] = pearson
    write_table(genes, reconstruction_genes)
    write_table(samples.rename_axis("sample").reset_index(), reconstruction_samples)


def load_for(matrix: str, model: str) -> Bundle:
    """Load a model, and check that the matrix has its genes in its order; else InputError."""
    bundle = load_bundle(model)
    genes = list(read_var(matrix).index)
    if genes != list(bundle.genes.index):
        missing = set(bundle.genes.index) - set(genes)
        found = f"lacks {len(missing)} of its genes" if missing else "has them in another order"
        raise InputError(f"{matrix}: {found} compared with {model}; train the model again")
    return bundle


def named(values: np.ndarray, index: str, names: pd.Index) -> pd.DataFrame:
    """Make a table of rows x features: the column `index`, then z1 ... zK."""
    table = pd.DataFrame(values, columns=feature_names(values.shape[1]))
    table.insert(0, index, list(names))
    return table


def mean_squared_error(X: np.ndarray, X_hat: np.ndarray, axis: int) -> np.ndarray:
    """Mean squared difference along an axis, in double precision."""
    return np.mean(np.square(X - X_hat), axis=axis, dtype=np.float64)


def correlation(X: np.ndarray, X_hat: np.ndarray, axis: int) -> np.ndarray:
    """Pearson correlation along an axis, summed in double; NaN where either side is constant."""
    a = X - X.mean(axis=axis, keepdims=True, dtype=np.float64).astype(X.dtype)
    b = X_hat - X_hat.mean(axis=axis, keepdims=True, dtype=np.float64).astype(X.dtype)
    scale = np.sqrt(
        np.sum(a * a, axis=axis, dtype=np.float64) * np.sum(b * b, axis=axis, dtype=np.float64)
    )
    product = np.sum(a * b, axis=axis, dtype=np.float64)
    return np.divide(product, scale, out=np.full_like(scale, np.nan), where=scale > 0)


def cross_entropy(X: np.ndarray, X_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Binary cross-entropy of every sample, so that models with other losses can be compared.

    Parameters
    ----------
    X, X_hat
        Samples x genes; `X` in 0..1.

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
    clipped = np.clip(X_hat, CLIP, 1 - CLIP)
    bce = -(X * np.log(clipped) + (1 - X) * np.log1p(-clipped))
    floor = -(xlogy(X, X) + xlog1py(1 - X, -X))
    share = (X_hat < CLIP) | (X_hat > 1 - CLIP)
    return tuple(values.mean(axis=1, dtype=np.float64) for values in (bce, floor, share))
