"""From a raw matrix and a clinical table to `matrix.h5ad`: clean, rank, scale, split.

The header and the clinical table give the split; then the rows stream by once and the best genes
stay.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.features import DUPLICATES, RANK_STATISTICS, select_genes
from tybalt.data.matrix import write_matrix
from tybalt.data.readers.best_rows import BestRows
from tybalt.data.readers.raw_matrix import read_header
from tybalt.data.samples import check_roles, write_samples
from tybalt.data.scaling import SCALERS, fit_scaler, gene_statistics, is_constant, scale
from tybalt.data.split import split_samples
from tybalt.data.tables.clinical import describe_samples, read_sample_ids
from tybalt.plan.errors import InputError, suggest

LOG = logging.getLogger(__name__)

#: Which samples rank the genes or fit the scaler.
SAMPLES_USED = ("train", "all")

_GENES_PER_BLOCK = 128


def preprocess_expression(
    expression: str,
    clinical: str,
    matrix: str,
    samples: str,
    settings: Mapping[str, Any],
    seed: int,
    threads: int = 1,
) -> None:
    """Clean, rank, scale and split an expression matrix.

    Row names are cut at ``|``, rows named ``?`` dropped, doubled genes resolved, missing values
    set to 0, samples sorted by id. Genes are ranked on the raw values, the most variable first,
    and of equal ones the first in the file.

    Parameters
    ----------
    expression
        Genes x samples, TSV or gzip.
    clinical
        TSV or gzip, a row per sample, or per group of samples.
    matrix
        The h5ad file to write: X = samples x genes, float32; `tybalt.data.matrix` reads it.
    samples
        The table of samples to write; `tybalt.data.samples` reads it.
    settings
        Keys of the dataset's entry, completed:

        - `genes`: ``count``; ``rank_by``: mean_absolute_deviation (about the mean) or variance;
          ``rank_on``: train or all samples; ``duplicates``: drop, first or mean, see
          `tybalt.data.features.select_genes`;
        - `scaling`: ``method``: zero_one (values outside, as test samples may have, are clipped)
          or z_score; ``fit_on``: train or all samples. A constant gene has scale 1;
        - `split` and `roles`: see `tybalt.data.split.split_samples`;
        - `clinical` (columns, barcodes) and `minimum_overlap`: see
          `tybalt.data.tables.clinical.describe_samples`.
    seed
        Of the split.
    threads
        For parsing; the result does not depend on it.

    Raises
    ------
    InputError
        For input that cannot be read or understood, and for fewer genes than asked for; nothing
        is written then.
    """
    genes, scaling, split = (settings[key] for key in ("genes", "scaling", "split"))
    roles, barcodes = settings["roles"], settings["clinical"]["barcodes"]
    _check_choice("genes.rank_by", genes["rank_by"], RANK_STATISTICS)
    _check_choice("genes.rank_on", genes["rank_on"], SAMPLES_USED)
    _check_choice("genes.duplicates", genes["duplicates"], DUPLICATES)
    _check_choice("scaling.method", scaling["method"], SCALERS)
    _check_choice("scaling.fit_on", scaling["fit_on"], SAMPLES_USED)

    header = read_header(expression)
    ids = read_sample_ids(header, barcodes, expression)
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__))  # columns of the file
    obs = describe_samples(
        [ids[column] for column in by_id],
        clinical,
        settings["clinical"]["columns"],
        barcodes,
        settings["minimum_overlap"],
        roles,
    )
    check_roles(obs, roles, clinical)
    obs["split"] = split_samples(obs, split, roles, seed)

    rank, ranking = RANK_STATISTICS[genes["rank_by"]], by_id[_used(obs, genes["rank_on"])]
    best, counts = select_genes(
        expression,
        header,
        genes["count"],
        lambda values: rank(_columns(values, ranking)),
        genes["duplicates"],
        threads,
    )
    X, var, clipped_share = _scale_best(
        best,
        genes["count"],
        by_id,
        scaling["method"],
        described=_used(obs, genes["rank_on"]),
        fitted=_used(obs, scaling["fit_on"]),
    )
    notes = {
        **{f"genes_{key}": value for key, value in genes.items()},
        "scaling": scaling["method"],
        "fit_on": scaling["fit_on"],
        "split": split["method"],
        "clipped_share": clipped_share,
        "counts": {**counts, "chosen_genes": len(var), "samples": len(obs)},
    }
    write_matrix(matrix, X, obs, var, notes)
    write_samples(obs, samples)


def _check_choice(key: str, value: object, choices: Iterable[str]) -> None:
    if value not in choices:
        raise InputError(f"{key}: found {value!r}; {suggest(value, choices)}")


def _used(obs: pd.DataFrame, samples: str) -> np.ndarray:
    """Positions of the samples that rank or fit: those of train, or all."""
    return np.flatnonzero((obs["split"] == "train") | (samples == "all"))


def _columns(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return those columns; without a copy if they are all columns in their order."""
    if len(positions) == values.shape[1] and (positions[:-1] < positions[1:]).all():
        return values
    return values.take(positions, axis=1)


def _scale_best(
    best: BestRows,
    count: int,
    by_id: np.ndarray,
    method: str,
    described: np.ndarray,
    fitted: np.ndarray,
) -> tuple[np.ndarray, pd.DataFrame, float]:
    """Sort the samples, describe and scale the genes, block by block to save memory.

    Parameters
    ----------
    by_id
        Columns of the file in the order of the sample ids.
    described, fitted
        Positions, in the order of the ids, of the samples for the statistics and the scaler.

    Returns
    -------
    tuple
        X (float32, samples x genes), var, and the share of clipped values.
    """
    names, rank_statistic, slots = best.ranked(count)
    X = np.empty((len(by_id), count), np.float32)
    described_blocks, n_clipped, n_constant = [], 0, 0
    for start in range(0, count, _GENES_PER_BLOCK):
        block = slice(start, start + _GENES_PER_BLOCK)
        values = _columns(best.rows(slots[block]), by_id)
        values_fitted = _columns(values, fitted)
        offset, spread = fit_scaler(method, values_fitted)
        n_constant += np.count_nonzero(is_constant(values_fitted))
        scaled, n_outside = scale(method, values, offset, spread)
        X[:, block] = scaled.T
        n_clipped += n_outside
        statistics = gene_statistics(_columns(values, described))
        described_blocks.append(statistics.assign(offset=offset, scale=spread))
    var = pd.concat(described_blocks, ignore_index=True).set_axis(pd.Index(names, name="gene"))
    var.insert(0, "rank_statistic", rank_statistic)
    clipped_share = n_clipped / X.size
    LOG.info("genes: %d chosen; %.4g %% of the values clipped", count, 100 * clipped_share)
    if n_constant:
        LOG.info("genes: %d of the chosen are constant and have scale 1", n_constant)
    return X, var, clipped_share
