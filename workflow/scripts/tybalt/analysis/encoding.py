"""What a trained model says of the samples: codes, gene weights, reconstruction."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import present_parts, read_column, read_features
from tybalt.data.samples import read_samples
from tybalt.jobs.files import write_table
from tybalt.plan.errors import InputError
from tybalt.training.bundle import Bundle, feature_table, load_bundle
from tybalt.training.metrics import correlation, cross_entropy, mean_squared_error
from tybalt.training.rows import Rows, read_seen

log = logging.getLogger(__name__)

#: What is measured of every sample, in the order of `reconstruction_samples`.
SAMPLE_MEASURES = ["mse", "mse_of_mean", "pearson", "bce", "bce_floor", "bce_clipped"]


def encode_samples(matrix: str, model: str, encoding: str) -> None:
    """Write the features of every sample that the model can see: its mean code, rotated or not.

    Samples of which none of its blocks measured anything have no code, and no row.

    Parameters
    ----------
    matrix, model
        Inputs ``matrix.h5ad`` and ``model.zip``.
    encoding
        Output ``encoding.tsv.gz``: sample, z1 ... zK.
    """
    bundle, rows = load_for(matrix, model)
    codes = bundle.rotate(bundle.model.encode(rows.X))
    write_table(feature_table(codes, "sample", rows.names), encoding)
    log.info("%d samples, %d features", *codes.shape)


def weigh_genes(model: str, gene_weights: str) -> None:
    """Write the decoder's weight of every gene in every feature, rotated as the features are.

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
    weights = bundle.model.gene_weights(bundle.codes.to_numpy().mean(axis=0))
    write_table(feature_table(bundle.rotate(weights), "gene", bundle.genes.index), gene_weights)


def measure_reconstruction(
    matrix: str,
    samples: str,
    model: str,
    roles: Mapping[str, Any],
    reconstruction_genes: str,
    reconstruction_samples: str,
) -> None:
    """Compare every gene and every sample with its deterministic reconstruction.

    Blocks that are scaled to 0..1 have no value outside of it, so neither has a reconstruction of
    them: what a linear decoder gives beyond is 0 or 1, as a sigmoid could not say it either.

    Parameters
    ----------
    matrix, model
        Inputs ``matrix.h5ad`` and ``model.zip``.
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    reconstruction_genes
        Output: gene, the mean squared error over the samples of each part (``mse_train`` ...) and
        the correlation over the held-out samples (``pearson_test``); NaN where a gene is constant.
    reconstruction_samples
        Output: sample, split, the columns of the label and of the strata, mse,
        mse_of_mean (that of the mean training sample, which every model must beat), pearson over
        the genes, and as `cross_entropy` has them bce, bce_floor and bce_clipped (NaN where
        the matrix is not in 0..1).
    """
    bundle, rows = load_for(matrix, model)
    known = read_samples(samples, roles).only(rows.names)
    genes = pd.DataFrame({"gene": bundle.genes.index})
    of_roles = dict.fromkeys([known.roles.get("label"), *known.roles["strata"]])
    columns = ["split", *(name for name in of_roles if name is not None)]
    by_sample = known.table[columns].assign(**dict.fromkeys(SAMPLE_MEASURES, np.nan))
    typical = _mean_sample(rows.only(known.is_train))
    for part in present_parts(known.split):
        chosen = known.split == part
        X, seen = rows.X[chosen], None if rows.observed is None else rows.observed[chosen]
        X_hat = bundle.limit(bundle.model.reconstruct(X))
        by_sample.loc[chosen, SAMPLE_MEASURES] = np.column_stack(
            [
                mean_squared_error(X, X_hat, 1, seen),
                mean_squared_error(X, typical, 1, seen),
                correlation(X, X_hat, 1, seen),
                *cross_entropy(X, X_hat, seen),
            ]
        )
        genes[f"mse_{part}"] = mean_squared_error(X, X_hat, 0, seen)
        if part == known.held_out:
            pearson = correlation(X, X_hat, 0, seen)
        log.info("%s: mean squared error %.6g", part, genes[f"mse_{part}"].mean())
    genes[f"pearson_{known.held_out}"] = pearson
    write_table(genes, reconstruction_genes)
    write_table(by_sample.rename_axis("sample").reset_index(), reconstruction_samples)


def _mean_sample(train: Rows) -> np.ndarray:
    """Return the mean of every gene over the samples that measured it: shape (1, genes)."""
    if train.observed is None:
        return train.X.mean(axis=0, keepdims=True)
    return np.mean(train.X, axis=0, keepdims=True, where=train.observed)


def tabulate_values(matrix: str, model: str, values: str) -> None:
    """Write every value beside its reconstruction; for matrices of a few genes.

    Parameters
    ----------
    matrix, model
        Inputs ``matrix.h5ad`` and ``model.zip``.
    values
        Output: sample, split, gene, true, reconstructed; a row for each value.
    """
    bundle, rows = load_for(matrix, model)
    X, split = rows.X, read_column(matrix, "split")
    X_hat = bundle.model.reconstruct(X)
    n_samples, n_genes = X.shape
    table = pd.DataFrame(
        {
            "sample": np.repeat(rows.names, n_genes),
            "split": np.repeat(split, n_genes),
            "gene": np.tile(bundle.genes.index.to_numpy(), n_samples),
            "true": X.ravel(),
            "reconstructed": X_hat.ravel(),
        }
    )
    write_table(table, values)


def load_for(matrix: str, model: str) -> tuple[Bundle, Rows]:
    """Load a model and the rows that it can see; InputError if the matrix has other genes."""
    bundle = load_bundle(model)
    genes = read_features(matrix, bundle.blocks)
    if genes != list(bundle.genes.index):
        missing = set(bundle.genes.index) - set(genes)
        found = f"lacks {len(missing)} of its genes" if missing else "has them in another order"
        raise InputError(f"{matrix}: {found} compared with {model}; train the model again")
    return bundle, read_seen(matrix, bundle.blocks)
