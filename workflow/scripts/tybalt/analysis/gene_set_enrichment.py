"""The genes behind a feature, and the gene sets among them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from tybalt.jobs.files import read_table, write_table
from tybalt.plan.gene_sets import read_gmt

log = logging.getLogger(__name__)

#: High-weight genes lie beyond this many standard deviations from the mean weight of a feature
#: (Way and Greene 2018).
DEVIATIONS = 2.5

#: Gene sets with fewer genes in the matrix are not asked for, and fewer genes in both are no row.
MINIMUM_GENES = 2

SIDES = {"positive": 1, "negative": -1}

GENE_COLUMNS = ["feature", "side", "rank", "gene", "weight", "deviations"]
SET_COLUMNS = ["feature", "side", "gene_set", "overlap", "side_genes", "set_genes", "background"]
SET_COLUMNS += ["p", "q", "genes", "source"]


def find_gene_sets(
    gene_weights: str, gmt: Sequence[str], high_weight_genes: str, gene_sets: str
) -> None:
    """List the high-weight genes of every feature, and the gene sets over-represented among them.

    Parameters
    ----------
    gene_weights
        gene_weights.tsv.gz of one experiment.
    gmt
        Files with gene sets (see `tybalt.plan.gene_sets`).
    high_weight_genes
        Output table: for each feature and side (sign of the weight, from the feature's mean) the
        genes beyond 2.5 standard deviations, the largest first; `deviations` from the mean.
    gene_sets
        Output table, one row for each feature, side and set with at least two genes in both. p:
        hypergeometric, with the genes of the matrix as background; q: Benjamini-Hochberg over all
        features, sides and sets.
    """
    weights = read_table(gene_weights, index="gene")
    genes = high_weights(weights)
    sets = [(Path(path).stem, read_gmt(Path(path))) for path in gmt]
    table = over_represented(genes, list(weights.index), sets)
    write_table(genes, high_weight_genes)
    write_table(table, gene_sets)
    log.info(
        "%d high-weight genes of %d features; %d of %d tests with q <= 0.05",
        len(genes),
        weights.shape[1],
        (table["q"] <= 0.05).sum(),
        len(table),
    )


def high_weights(weights: pd.DataFrame) -> pd.DataFrame:
    """List the genes with large weights; see `find_gene_sets`.

    Parameters
    ----------
    weights
        Genes x features.
    """
    values = weights.to_numpy(dtype=float)
    spread = values.std(axis=0)
    centred = values - values.mean(axis=0)
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    tables = []
    for column, feature in enumerate(weights.columns):
        for side, sign in SIDES.items():
            beyond = np.flatnonzero(sign * scaled[:, column] > DEVIATIONS)
            order = beyond[np.argsort(-sign * scaled[beyond, column], kind="stable")]
            tables.append(
                pd.DataFrame(
                    {
                        "feature": feature,
                        "side": side,
                        "rank": np.arange(1, len(order) + 1),
                        "gene": weights.index[order],
                        "weight": values[order, column],
                        "deviations": scaled[order, column],
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)[GENE_COLUMNS]


def over_represented(
    genes: pd.DataFrame,
    background: Sequence[str],
    sets: Sequence[tuple[str, Mapping[str, Sequence[str]]]],
) -> pd.DataFrame:
    """Test every set in every side of every feature; see `find_gene_sets`.

    Parameters
    ----------
    genes
        Output of `high_weights`.
    background
        All genes of the matrix.
    sets
        Pairs of a source and its sets, name -> genes.
    """
    number = {gene: i for i, gene in enumerate(background)}
    known = [
        (source, name, np.array([number[gene] for gene in members if gene in number], dtype=int))
        for source, of_source in sets
        for name, members in of_source.items()
    ]
    known = [entry for entry in known if len(entry[2]) >= MINIMUM_GENES]
    log.info("%d gene sets have %d genes or more in the matrix", len(known), MINIMUM_GENES)
    sides = [(key, group["gene"]) for key, group in genes.groupby(["feature", "side"], sort=False)]
    if not known or not sides:
        return pd.DataFrame(columns=SET_COLUMNS)
    belongs, chosen = np.zeros((len(known), len(number))), np.zeros((len(number), len(sides)))
    for i, (_, _, members) in enumerate(known):
        belongs[i, members] = 1
    for j, (_, names) in enumerate(sides):
        chosen[names.map(number), j] = 1
    overlap = (belongs @ chosen).astype(int)
    set_sizes, side_sizes = belongs.sum(axis=1).astype(int), chosen.sum(axis=0).astype(int)
    p = hypergeom.sf(overlap - 1, len(number), set_sizes[:, None], side_sizes[None, :])
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    rows = []
    for j, ((feature, side), names) in enumerate(sides):
        shown = np.flatnonzero(overlap[:, j] >= MINIMUM_GENES)
        for i in shown[np.argsort(p[shown, j], kind="stable")]:
            source, name, members = known[i]
            both = names[names.map(number).isin(members)]
            rows.append(
                (feature, side, name, overlap[i, j], side_sizes[j], set_sizes[i], len(number))
                + (p[i, j], q[i, j], ",".join(both), source)
            )
    return pd.DataFrame(rows, columns=SET_COLUMNS)
