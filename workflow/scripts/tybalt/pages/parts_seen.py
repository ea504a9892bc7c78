"""Files of models that see some blocks of a matrix: they lack the rows and genes of the others."""

import numpy as np
import pandas as pd

from tybalt.jobs.files import read_by_sample, read_table
from tybalt.plan.errors import InputError


def read_weights(gene_weights: str, genes: pd.Index) -> pd.DataFrame:
    """Read the weights of the genes that a model sees, in the order of the matrix.

    Raises
    ------
    InputError
        If it has genes that the matrix lacks.
    """
    weights = read_table(gene_weights, index="gene")
    strange = weights.index.difference(genes)
    if len(strange):
        raise InputError(
            f"{gene_weights}: the matrix has no {strange[0]} ({len(strange)} such genes); make "
            "both from the same dataset"
        )
    return weights.loc[genes[genes.isin(weights.index)]]


def samples_seen(
    samples: pd.Index, genes: pd.Index, observed: np.ndarray | None, weights: pd.DataFrame
) -> pd.Index:
    """Return the samples of which something of a model's genes was measured: those with a code.

    Parameters
    ----------
    samples, genes
        Of the matrix.
    observed
        bool, samples x genes: what was measured; None if all was.
    weights
        Of the model, see `read_weights`.
    """
    if observed is None:
        return samples
    return samples[observed[:, genes.isin(weights.index)].any(axis=1)]


def read_seen(path: str, samples: pd.Index, seen: pd.Index) -> pd.DataFrame:
    """Read a table by sample that has those seen: all samples, NaN where it has none.

    Raises
    ------
    InputError
        If one of those seen is missing.
    """
    return read_by_sample(path, seen).reindex(samples)
