"""The genes behind a feature, and the gene sets among them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom, norm, rankdata

from tybalt.jobs.files import read_table, write_table
from tybalt.plan.gene_sets import read_gmt

log = logging.getLogger(__name__)

#: High-weight genes lie beyond this many standard deviations from the mean weight of a feature
#: (Way and Greene 2018).
DEVIATIONS = 2.5

#: Gene sets with fewer genes in the matrix are not asked for, and fewer genes in both name no side.
MINIMUM_GENES = 3

#: Share of false sets that is accepted among all that are named.
LARGEST_Q = 0.05

#: Genes of a set move together, so their ranks say less than as many independent ones. The
#: correlation that limma's `cameraPR` takes where it is not estimated (Wu and Smyth 2012,
#: https://doi.org/10.1093/nar/gks461; default `inter.gene.cor = 0.01` of limma).
INTER_GENE_CORRELATION = 0.01

SIDES = {"positive": 1, "negative": -1}

GENE_COLUMNS = ["feature", "side", "rank", "gene", "weight", "deviations"]
SET_COLUMNS = ["feature", "side", "gene_set", "overlap", "side_genes", "set_genes", "background"]
SET_COLUMNS += ["p", "q", "rank_auroc", "rank_p", "rank_q", "named", "other_features"]
SET_COLUMNS += ["genes", "source"]
RANK_COLUMNS = ["rank_auroc", "rank_p", "rank_q", "named", "other_features"]


def find_gene_sets(
    gene_weights: str, gmt: Sequence[str], high_weight_genes: str, gene_sets: str
) -> None:
    """List the high-weight genes of every feature, and the gene sets behind it, by two tests.

    A set is *named* on a side of a feature if both agree: over-representation among the high-weight
    genes (q at most 0.05, at least three genes in both), which a few genes with large weights
    decide, and the ranks of all weights (q at most 0.05), which no threshold does. The background
    of both are all genes of the model.

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
        Output table, one row for each feature, side and set with at least three genes in both.
        p: hypergeometric; q: Benjamini-Hochberg over all features, sides and sets. rank_auroc:
        chance that a gene of the set weighs more on that side than another gene; rank_p, rank_q:
        two-sided (`rank_test`), Benjamini-Hochberg over all features and sets; other_features:
        how many other features have the set named too, which says that it tells little of this.
    """
    weights = read_table(gene_weights, index="gene")
    genes = high_weights(weights)
    sets = known_sets([(Path(path).stem, read_gmt(Path(path))) for path in gmt], weights.index)
    table = name_sets(over_represented(genes, list(weights.index), sets), weights, sets)
    write_table(genes, high_weight_genes)
    write_table(table, gene_sets)
    log.info(
        "%d high-weight genes of %d features; %d of %d sets among them are named",
        len(genes),
        weights.shape[1],
        (table["named"] == "yes").sum(),
        len(table),
    )


class GeneSet(NamedTuple):
    """A gene set, as far as the model has its genes."""

    source: str
    name: str
    members: np.ndarray  #: positions of its genes among those of the model


def known_sets(
    sets: Sequence[tuple[str, Mapping[str, Sequence[str]]]], genes: Sequence[str]
) -> list[GeneSet]:
    """List the sets of which a model has three genes or more.

    Parameters
    ----------
    sets
        Pairs of a source and its sets, name -> genes.
    genes
        All genes of the model.
    """
    number = {gene: i for i, gene in enumerate(genes)}
    known = [
        GeneSet(source, name, np.array([number[gene] for gene in members if gene in number], int))
        for source, of_source in sets
        for name, members in of_source.items()
    ]
    known = [each for each in known if len(each.members) >= MINIMUM_GENES]
    log.info("%d gene sets have %d genes or more in the matrix", len(known), MINIMUM_GENES)
    return known


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
    genes: pd.DataFrame, background: Sequence[str], sets: Sequence[GeneSet]
) -> pd.DataFrame:
    """Test every set in every side of every feature; see `find_gene_sets`.

    Parameters
    ----------
    genes
        Output of `high_weights`.
    background
        All genes of the model.
    sets
        Output of `known_sets`.
    """
    number = {gene: i for i, gene in enumerate(background)}
    sides = [(key, group["gene"]) for key, group in genes.groupby(["feature", "side"], sort=False)]
    columns = [name for name in SET_COLUMNS if name not in RANK_COLUMNS]
    if not sets or not sides:
        return pd.DataFrame(columns=columns)
    belongs, chosen = np.zeros((len(sets), len(number))), np.zeros((len(number), len(sides)))
    for i, each in enumerate(sets):
        belongs[i, each.members] = 1
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
            both = names[names.map(number).isin(sets[i].members)]
            rows.append(
                (feature, side, sets[i].name, overlap[i, j], side_sizes[j], set_sizes[i])
                + (len(number), p[i, j], q[i, j], ",".join(both), sets[i].source)
            )
    return pd.DataFrame(rows, columns=columns)


def name_sets(table: pd.DataFrame, weights: pd.DataFrame, sets: Sequence[GeneSet]) -> pd.DataFrame:
    """Add the rank test to over-represented sets, and say which sets both name.

    Parameters
    ----------
    table
        Output of `over_represented`.
    weights
        Genes x features.
    sets
        Output of `known_sets`.
    """
    if table.empty:
        return table.reindex(columns=SET_COLUMNS)
    auroc, p = rank_test(weights.to_numpy(dtype=float), [each.members for each in sets])
    q = false_discovery_control(p.ravel()).reshape(p.shape)
    place = {(each.source, each.name): i for i, each in enumerate(sets)}
    keys = list(zip(table["source"], table["gene_set"], strict=True))
    cells = [place[key] for key in keys], weights.columns.get_indexer(table["feature"])
    higher = (table["side"] == "positive").to_numpy()
    of_side = np.where(higher, auroc[cells], 1 - auroc[cells])
    table = table.assign(rank_auroc=of_side, rank_p=p[cells], rank_q=q[cells])
    named = (table["q"] <= LARGEST_Q) & (table["rank_q"] <= LARGEST_Q) & (table["rank_auroc"] > 0.5)
    with_set: dict[tuple[str, str], set[str]] = {}
    for key, feature, here in zip(keys, table["feature"], named, strict=True):
        with_set.setdefault(key, set()).update([feature] if here else [])
    others = [len(with_set[key] - {own}) for key, own in zip(keys, table["feature"], strict=True)]
    table = table.assign(named=np.where(named, "yes", "no"), other_features=others)
    return table[SET_COLUMNS]


def rank_test(weights: np.ndarray, sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Test whether the genes of a set weigh more, or less, than all others: by ranks.

    The Wilcoxon rank-sum test with a correlation between the genes of a set (Barry, Nobel and
    Wright 2008, https://doi.org/10.1214/07-AOAS146; Wu and Smyth 2012), as limma's
    `rankSumTestWithCorrelation`, ties and the continuity correction too. It is competitive: genes
    of the set against the other genes of the model.

    Parameters
    ----------
    weights
        Genes x features.
    sets
        Positions of the genes of each set.

    Returns
    -------
    auroc, p
        Sets x features: the chance that a gene of the set has a larger weight than another one
        (ties count half); two-sided. 0.5 and 1 where all genes of a feature weigh the same, or a
        set has all of them.
    """
    n = len(weights)
    ranks = rankdata(weights, axis=0)
    ties = np.array([np.sum(c * (c + 1.0) * (c - 1)) for c in map(_counts, ranks.T)])
    shrink = 1 - ties / (n * (n + 1.0) * (n - 1))
    auroc, p = (np.ones((len(sets), weights.shape[1])) for _ in range(2))
    for i, members in enumerate(sets):
        inside, outside = len(members), n - len(members)
        if not outside:
            auroc[i] = 0.5
            continue
        wins = ranks[members].sum(axis=0) - inside * (inside + 1) / 2
        variance = _rank_sum_variance(inside, outside, INTER_GENE_CORRELATION) * shrink
        departure = np.maximum(np.abs(wins - inside * outside / 2) - 0.5, 0)
        z = np.divide(departure, np.sqrt(variance), out=np.zeros_like(wins), where=variance > 0)
        auroc[i], p[i] = wins / (inside * outside), np.minimum(2 * norm.sf(z), 1)
    return auroc, p


def _counts(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_counts=True)[1].astype(float)


def _rank_sum_variance(inside: int, outside: int, correlation: float) -> float:
    """Variance of the rank sum of genes with this correlation (0: the classical one)."""
    pairs = np.arcsin(1) + np.arcsin(0.5) * (outside - 1)
    pairs += np.arcsin(correlation / 2) * (inside - 1) * (outside - 1)
    pairs += np.arcsin((correlation + 1) / 2) * (inside - 1)
    return inside * outside * pairs / (2 * np.pi)
