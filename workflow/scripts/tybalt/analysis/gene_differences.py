"""Whether the expression of genes with high weights differs as the weights say."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.associations import FALSE_DISCOVERY_RATE, adjust
from tybalt.analysis.contrasts import Contrast, read_contrasts
from tybalt.analysis.stratified_tests import CHANCE, answering_strata, measure_effects
from tybalt.data.matrix import read_features, read_observed, read_values
from tybalt.data.samples import Samples, read_samples
from tybalt.jobs.files import read_table, write_table

log = logging.getLogger(__name__)

#: High-weight genes of each side that are looked at, the largest weights first.
GENES_OF_A_SIDE = 20

DIFFERENCE_COLUMNS = ["contrast", "feature", "side", "rank", "gene", "deviations", "direction"]
DIFFERENCE_COLUMNS += ["measure", "effect_train", "p_train", "q_train", "effect_test"]
DIFFERENCE_COLUMNS += ["evaluated_on", "agrees"]


def measure_gene_differences(
    samples: str,
    matrix: str,
    associations: str,
    high_weight_genes: str,
    columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    gene_differences: str,
) -> None:
    """Measure how the high-weight genes of each contrast's best feature differ in expression.

    A weight in a decoder is no difference between groups of samples: a gene is called higher in a
    group only if it *agrees*: on training samples its expression differs in the direction in which
    its weight moves it with the feature (q at most 0.05, Benjamini-Hochberg over all rows), and on
    held-out samples too (same side of chance).

    Parameters
    ----------
    associations, high_weight_genes
        Outputs of `associate_features` and `find_gene_sets`.
    samples, columns, status, mutation_burden, driver_genes, declared, roles
        As in `associate_features`.
    matrix
        matrix.h5ad. Where a value was not measured, the sample does not count for this gene.
    gene_differences
        Output table, for each contrast the genes of its best feature, at most 20 of each side, the
        largest weights first: `side` (sign of the weight), `deviations` of the weight from the
        feature's mean, `direction` in positive samples (for numbers: with more of it) that weight
        and feature imply (higher or lower), effects of the expression (AUROC of higher values in
        positive samples, or Spearman's rho, within the contrast's strata), `agrees`.
    """
    known = read_samples(samples, roles)
    asked = read_contrasts(known, declared, columns, status, driver_genes, mutation_burden)
    table = choose_genes(read_table(associations), read_table(high_weight_genes))
    names = read_features(matrix)
    genes = [name for name in names if name in set(table["gene"])]
    chosen = np.flatnonzero(np.isin(names, genes))
    values, observed = read_values(matrix)[:, chosen], read_observed(matrix)
    observed = None if observed is None else observed[:, chosen]
    table = add_differences(table, genes, values, observed, asked, known)
    write_table(table, gene_differences)
    log.info("%d of %d genes agree", (table["agrees"] == "yes").sum(), len(table))


def choose_genes(associations: pd.DataFrame, high_weight_genes: pd.DataFrame) -> pd.DataFrame:
    """List the high-weight genes of the best feature of each contrast.

    Returns
    -------
    pandas.DataFrame
        contrast, feature, measure, evaluated_on, side, rank, gene, deviations, direction.
    """
    best = associations[(associations["rank"] == 1) & associations["effect_train"].notna()]
    best = best[["contrast", "feature", "measure", "effect_train", "evaluated_on"]]
    genes = high_weight_genes[high_weight_genes["rank"] <= GENES_OF_A_SIDE]
    genes = genes[["feature", "side", "rank", "gene", "deviations"]]
    table = best.merge(genes, on="feature", how="inner")
    feature_is_higher = table["effect_train"] >= table["measure"].map(CHANCE).astype(float)
    moves_with_it = table["side"] == "positive"
    table["direction"] = np.where(feature_is_higher == moves_with_it, "higher", "lower")
    return table.drop(columns="effect_train")


def add_differences(
    table: pd.DataFrame,
    genes: Sequence[str],
    values: np.ndarray,
    observed: np.ndarray | None,
    contrasts: Sequence[Contrast],
    samples: Samples,
) -> pd.DataFrame:
    """Add the effects, q-values and `agrees` to the table of `choose_genes`.

    Parameters
    ----------
    genes
        Of the columns of `values`; all that the table has.
    values, observed
        Samples x genes, and what of it was measured; None if all was.
    contrasts
        Of the same samples; all that the table has.
    samples
        The same samples.
    """
    asked = {contrast.name: contrast for contrast in contrasts}
    names = list(dict.fromkeys(table["contrast"]))
    chosen = [asked[name] for name in names]
    train, held_out = samples.is_train, samples.split == samples.held_out
    shape = (3, len(names), len(genes))
    measured = np.full(shape, np.nan)  # effect and p on training samples, effect on held-out ones
    for members, seen in by_samples(observed, values.shape):
        strata = [answering_strata(contrast, train & seen, samples.group) for contrast in chosen]
        on_train = measure_effects(values[:, members], chosen, train & seen, strata)
        on_test = measure_effects(values[:, members], chosen, held_out & seen, strata)
        measured[:, :, members] = [on_train.effect, on_train.p, on_test.effect]
    rows = table["contrast"].map({name: i for i, name in enumerate(names)}).to_numpy(dtype=int)
    cells = rows, table["gene"].map({name: i for i, name in enumerate(genes)}).to_numpy(dtype=int)
    effect_train, p, effect_test = (part[cells] for part in measured)
    q = adjust(p)
    chance = table["measure"].map(CHANCE).to_numpy(dtype=float)
    sign = np.where(table["direction"] == "higher", 1, -1)
    agrees = (q <= FALSE_DISCOVERY_RATE) & (sign * (effect_train - chance) > 0)
    agrees &= sign * (effect_test - chance) > 0
    table = table.assign(effect_train=effect_train, p_train=p, q_train=q, effect_test=effect_test)
    return table.assign(agrees=np.where(agrees, "yes", "no"))[DIFFERENCE_COLUMNS]


def by_samples(
    observed: np.ndarray | None, shape: tuple[int, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put genes that the same samples have together: (positions of genes, mask of samples)."""
    everywhere = np.full(shape[0], True)
    if observed is None:
        return [(np.arange(shape[1]), everywhere)]
    patterns, place = np.unique(observed.astype(bool), axis=1, return_inverse=True)
    return [(np.flatnonzero(place.ravel() == i), seen) for i, seen in enumerate(patterns.T)]
