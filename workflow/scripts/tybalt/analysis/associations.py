"""What a code says about the samples: found on training samples, confirmed on test samples."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from tybalt.analysis.contrasts import AUROC, SPEARMAN, Contrast, read_contrasts
from tybalt.analysis.findings import add_readouts
from tybalt.analysis.marks import CONFIRMED, MARKS, NOT_CONFIRMED, NOT_TESTABLE, add_marks
from tybalt.analysis.stratified_tests import (
    CHANCE,
    Effects,
    answering_strata,
    effect_intervals,
    measure_effects,
    untestable,
)
from tybalt.data.matrix import held_out_part
from tybalt.data.samples import read_codes, read_samples
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.names import in_words, plural
from tybalt.plan.replicates import SEED

log = logging.getLogger(__name__)

#: A p-value says little of thousands of samples: to be confirmed, an effect must also be of this
#: size, as the departure from chance (AUROC of at least 0.7 or at most 0.3, |rho| of at least 0.3).
SMALLEST_EFFECT = {AUROC: 0.2, SPEARMAN: 0.3}

#: Share of false findings that is accepted among all findings on training samples.
FALSE_DISCOVERY_RATE = 0.05

ASSOCIATION_COLUMNS = ["contrast", "named", "rank", "feature", "measure"]
ASSOCIATION_COLUMNS += ["effect_train", "p_train", "q_train"]
ASSOCIATION_COLUMNS += ["effect_test", "effect_test_low", "effect_test_high", "evaluated_on"]
ASSOCIATION_COLUMNS += ["verdict", "reason"]

CONTRAST_COLUMNS = ["contrast", "named", "group", "description", "measure", "evaluated_on"]
CONTRAST_COLUMNS += ["n_train", "n_test", "n_positive_train", "n_positive_test", "strata"]

FINDING_COLUMNS = ["contrast", "named", "group", "description", "measure", "feature"]
FINDING_COLUMNS += ["effect_train", "effect_test", "effect_test_low", "effect_test_high"]
FINDING_COLUMNS += ["q_train", "verdict", "reason", *MARKS, "evaluated_on", "n_train", "n_test"]
FINDING_COLUMNS += ["n_positive_train", "n_positive_test", "strata", "features_separating"]
FINDING_COLUMNS += ["stability", "refits", "refits_again", "stability_over_seeds"]
FINDING_COLUMNS += ["genes", "genes_checked", "genes_agreeing"]
FINDING_COLUMNS += ["gene_set", "gene_set_q", "gene_set_other_features"]
FINDING_COLUMNS += ["readout_test", "readout_test_low", "readout_test_high", "read_from"]


def associate_features(
    samples: str,
    encoding: str,
    columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    seed: int,
    associations: str,
    contrasts: str,
) -> None:
    """Test every latent feature for every contrast: found on training samples, evaluated on others.

    A feature is *found* if its q-value (Benjamini-Hochberg over all contrasts and features) is at
    most 0.05 and its effect is large enough (AUROC >= 0.7 or <= 0.3, |rho| >= 0.3), both on the
    training samples. It is *confirmed* if the 95 % interval of its effect on the test samples
    (`tybalt.analysis.stratified_tests.effect_intervals`) lies on the same side of chance. With
    fewer than ten groups on a side of either part the contrast is *not testable*. p- and q-values
    count samples.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding
        encoding.tsv.gz of one experiment.
    columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    status, mutation_burden
        status.h5ad and mutation_burden.tsv; empty lists where the dataset has no such tables.
    driver_genes
        Table whose column `gene` names the genes whose status is asked for.
    declared
        Contrasts that the config names: name -> {covariate, positive, within?}.
    seed
        Of the bootstrap.
    associations
        Output table, one row per contrast and feature, by rank on the training samples. The
        effect is the AUROC of *higher values in positive samples* (below 0.5: lower in them) or
        Spearman's rho. Intervals are given where something was found, and for rank 1.
    contrasts
        Output table, one row per contrast: what was compared, and how many samples answered.
    """
    started = time.monotonic()
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    asked = read_contrasts(known, declared, columns, status, driver_genes, mutation_burden)
    table, facts = answer(
        codes, asked, known.split, known.group, seed, plural(in_words(roles["group"]))
    )
    write_table(table, associations)
    write_table(facts, contrasts)
    log.info(
        "%d features, %d contrasts, %.1f s: %s",
        codes.shape[1],
        len(asked),
        time.monotonic() - started,
        ", ".join(
            f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items()
        ),
    )


def answer(
    codes: pd.DataFrame,
    contrasts: Sequence[Contrast],
    split: np.ndarray,
    groups: np.ndarray,
    seed: int,
    noun: str = "groups",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answer all contrasts; see `associate_features`.

    Parameters
    ----------
    codes
        Samples x features.
    contrasts
        Their answers are of the same samples in the same order.
    split, groups
        Part and group of each sample.
    noun
        What groups are called: donors.

    Returns
    -------
    associations, contrasts
        With the columns ASSOCIATION_COLUMNS and CONTRAST_COLUMNS.
    """
    if not contrasts:
        return pd.DataFrame(columns=ASSOCIATION_COLUMNS), pd.DataFrame(columns=CONTRAST_COLUMNS)
    values = codes.to_numpy(dtype=float)
    part = held_out_part(split)
    train, held_out = split == "train", split == part
    strata = [answering_strata(contrast, train, groups) for contrast in contrasts]
    on_train = measure_effects(values, contrasts, train, strata)
    on_test = measure_effects(values, contrasts, held_out, strata)
    q = adjust(on_train.p)
    found = (q <= FALSE_DISCOVERY_RATE) & large_enough(on_train.effect, contrasts)
    tables = []
    for i, contrast in enumerate(contrasts):
        departure = np.abs(on_train.effect[i] - CHANCE[contrast.measure])
        order = np.argsort(-np.nan_to_num(departure, nan=-1), kind="stable")
        shown = np.flatnonzero(found[i] | (np.arange(len(order)) == order[0]))
        low, high = (np.full(len(order), np.nan) for _ in range(2))
        low[shown], high[shown] = effect_intervals(
            values[:, shown], contrast, held_out, strata[i], groups, seed
        )
        parts = {"training": train, part: held_out}
        reason = untestable(contrast, parts, strata[i], groups, noun)
        table = pd.DataFrame(
            {
                "contrast": contrast.name,
                "named": "yes" if contrast.named else "no",
                "feature": codes.columns,
                "measure": contrast.measure,
                "effect_train": on_train.effect[i],
                "p_train": on_train.p[i],
                "q_train": q[i],
                "effect_test": on_test.effect[i],
                "effect_test_low": low,
                "effect_test_high": high,
                "evaluated_on": part,
            }
        )
        table["reason"] = reason or give_verdicts(table, found[i], contrast.measure, part)
        table["verdict"] = np.where(table["reason"] == "", CONFIRMED, NOT_CONFIRMED)
        table["verdict"] = NOT_TESTABLE if reason else table["verdict"]
        table = table.iloc[order]
        tables.append(table.assign(rank=range(1, len(table) + 1)))
    facts = describe_contrasts(contrasts, on_train, on_test, part)
    return pd.concat(tables, ignore_index=True)[ASSOCIATION_COLUMNS], facts


def adjust(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg q-values over all p-values that are not missing."""
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q


def large_enough(effects: np.ndarray, contrasts: Sequence[Contrast]) -> np.ndarray:
    """Tell which effects (Q x F) are large enough to be confirmed."""
    chance = np.array([[CHANCE[contrast.measure]] for contrast in contrasts])
    floor = np.array([[SMALLEST_EFFECT[contrast.measure]] for contrast in contrasts])
    return np.abs(effects - chance) >= floor


def give_verdicts(table: pd.DataFrame, found: np.ndarray, measure: str, part: str) -> pd.Series:
    """Say of each feature why it is not confirmed; "" where it is."""
    chance = CHANCE[measure]
    higher = table["effect_train"] > chance
    bound = table["effect_test_low"].where(higher, table["effect_test_high"])
    same_side = (table["effect_test"] > chance) == higher
    beyond = (bound > chance).where(higher, bound < chance)
    reasons = np.select(
        [
            ~(table["q_train"] <= FALSE_DISCOVERY_RATE),
            ~found,
            ~same_side,
            ~beyond,
        ],
        [
            "not significant on training samples",
            "effect too small on training samples",
            f"opposite direction on {part} samples",
            f"interval includes chance on {part} samples",
        ],
        "",
    )
    return pd.Series(reasons, index=table.index)


def describe_contrasts(
    contrasts: Sequence[Contrast], on_train: Effects, on_test: Effects, part: str
) -> pd.DataFrame:
    """Tabulate what was compared, and how many samples answered."""
    rows = []
    for i, contrast in enumerate(contrasts):
        sided = contrast.measure == AUROC
        rows.append(
            {
                "contrast": contrast.name,
                "named": "yes" if contrast.named else "no",
                "group": contrast.group,
                "description": contrast.description,
                "measure": contrast.measure,
                "evaluated_on": part,
                "n_train": on_train.n[i],
                "n_test": on_test.n[i],
                "n_positive_train": on_train.n_positive[i] if sided else None,
                "n_positive_test": on_test.n_positive[i] if sided else None,
                "strata": on_train.strata[i],
            }
        )
    table = pd.DataFrame(rows, columns=CONTRAST_COLUMNS)
    counts = ["n_positive_train", "n_positive_test"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def list_findings(
    associations: str,
    contrasts: str,
    gene_differences: str,
    gene_sets: str,
    stability: Sequence[str],
    refits: Sequence[str],
    readouts: str,
    findings: str,
) -> None:
    """Sum up each contrast in one row: its best feature, three marks, the verdict.

    Parameters
    ----------
    associations, contrasts
        Outputs of `associate_features`.
    gene_differences
        Output of `tybalt.analysis.gene_differences.measure_gene_differences`.
    gene_sets
        Output of `find_gene_sets`.
    stability, refits
        Outputs of `measure_stability` and `compare_refits`; empty lists where nothing was trained
        again.
    readouts
        Output of `measure_readouts`: what the whole code says beside the best feature, and from
        which of them the contrast is read (`tybalt.analysis.findings.add_readouts`).
    findings
        Output table, contrasts of the config first. Feature: the largest effect on training
        samples; missing where none of them answer. Marks (`tybalt.analysis.marks`): yes, no, or
        unknown. Verdict: *confirmed* with all three marks, *partly confirmed* if it separates
        without another.
        Stability: median over bootstrap samples, over seeds the mean, of |r| of the matched
        feature. Genes: those higher in positive samples (for numbers: with more of it) by weight
        and by expression; missing where it does not separate. Gene set: the best named one of that
        side, and how many other features have it named; only where the verdict is *confirmed*.
    """
    table = read_table(associations)
    best = table[table["rank"] == 1].drop(columns=["named", "measure", "evaluated_on"])
    found = read_table(contrasts).merge(best, on="contrast", validate="one_to_one")
    separating = table[table["verdict"] == CONFIRMED].groupby("contrast").size()
    found["features_separating"] = found["contrast"].map(separating).fillna(0).astype(int)
    found["feature"] = found["feature"].where(found["effect_train"].notna())
    found["stability_over_seeds"] = np.nan
    if stability:
        over_seeds = feature_stability(read_table(str(stability)), SEED)
        found["stability_over_seeds"] = found["feature"].map(over_seeds)
    again = read_table(str(refits)) if refits else None
    found = add_marks(found, read_table(gene_differences), again)
    chance = found["measure"].map(CHANCE)
    found["side"] = np.where(found["effect_train"] >= chance, "positive", "negative")
    sets = read_table(gene_sets)
    sets = sets[sets["named"] == "yes"].sort_values(["q", "p"], kind="stable")
    sets = sets.drop_duplicates(["feature", "side"])
    sets = sets.rename(columns={"q": "gene_set_q", "other_features": "gene_set_other_features"})
    columns = ["gene_set", "gene_set_q", "gene_set_other_features"]
    keys = ["feature", "side"]
    found = found.merge(sets[[*keys, *columns]], how="left", on=keys)
    found[columns] = found[columns].where(found["verdict"] == CONFIRMED)
    found["gene_set_other_features"] = found["gene_set_other_features"].astype("Int64")
    found = add_readouts(found, read_table(readouts))
    found = found.sort_values("named", ascending=False, kind="stable")
    write_table(found[FINDING_COLUMNS], findings)


def feature_stability(matches: pd.DataFrame, kind: str) -> pd.Series:
    """Mean over trainings of a kind (seed, bootstrap) of |r| between a feature and its match."""
    mine = matches[matches["kind"] == kind]
    return mine["r"].abs().groupby(mine["feature"]).mean()
