"""What a code and its map say about the samples."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import judging_part, read_obs
from tybalt.errors import InputError, suggest
from tybalt.files import read_table, write_table

log = logging.getLogger(__name__)

#: Fewer positives or negatives than this in the judged part: "not testable".
MINIMUM_PER_SIDE = 10

BOOTSTRAP_SAMPLES = 1000

#: Only the features that rank first on training samples get a bootstrap interval.
INTERVALS = 10


def associate_features(
    matrix: str,
    encoding: str,
    signals: Mapping[str, Mapping[str, Any]],
    seed: int,
    associations: str,
) -> None:
    """Ask every latent feature every question: chosen on training samples, judged on others.

    Parameters
    ----------
    matrix
        expression.h5ad; only its clinical columns and split are read.
    encoding
        encoding.tsv.gz of one cell.
    signals
        Name -> {covariate, positive, within?}, see config/README.md.
    seed
        Of the bootstrap.
    associations
        Output table, one row per signal and feature; columns as in `ask`.
    """
    obs = read_obs(matrix)
    codes = read_table(encoding, index="sample").loc[obs.index]
    tables = [
        ask(codes, obs, question, seed).assign(signal=name) for name, question in signals.items()
    ]
    columns = ["signal", *ASSOCIATION_COLUMNS]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    write_table(table[columns], associations)


ASSOCIATION_COLUMNS = [
    "rank",
    "feature",
    "auroc_train",
    "auroc_test",
    "auroc_test_low",
    "auroc_test_high",
    "judged_on",
    "testable",
    "n_positive_train",
    "n_negative_train",
    "n_positive_test",
    "n_negative_test",
    "strata",
]


def ask(
    codes: pd.DataFrame, obs: pd.DataFrame, question: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Score every feature by how well it separates the positive samples of one question.

    The AUROC is that of *higher values in positive samples*; below 0.5 the feature is lower in
    them. Features are ranked by |AUROC - 0.5| on the training samples; the first ten have a
    bootstrap interval of the AUROC of the judged samples (2.5 % to 97.5 %, within strata).

    Parameters
    ----------
    codes
        Samples x latent features.
    obs
        Clinical columns and `split` of the same samples.
    question
        `covariate`, the list `positive`, and optionally `within`.
    """
    part = judging_part(obs["split"])
    label = answers(obs, question)
    stratum = strata(obs, label, question)
    known = label.notna() & stratum.notna()
    train = known & (obs["split"] == "train")
    judged = with_both_sides(known & (obs["split"] == part), label, stratum)
    auroc_train = stratified_auroc(codes[train], label[train], stratum[train])
    auroc_test = stratified_auroc(codes[judged], label[judged], stratum[judged])
    positives, negatives = (int((label[judged] == side).sum()) for side in (1, 0))
    enough = min(positives, negatives) >= MINIMUM_PER_SIDE
    table = pd.DataFrame(
        {
            "feature": codes.columns,
            "auroc_train": auroc_train,
            "auroc_test": auroc_test,
            "judged_on": part,
            "testable": "yes" if enough else f"fewer than {MINIMUM_PER_SIDE} on one side",
            "n_positive_train": int((label[train] == 1).sum()),
            "n_negative_train": int((label[train] == 0).sum()),
            "n_positive_test": positives,
            "n_negative_test": negatives,
            "strata": ",".join(sorted(stratum[known].unique())) if "within" in question else "",
        }
    )
    strength = (table["auroc_train"] - 0.5).abs().fillna(-1).to_numpy()
    table = table.iloc[np.argsort(-strength, kind="stable")].reset_index(drop=True)
    table.insert(0, "rank", range(1, len(table) + 1))
    first = table["feature"].iloc[:INTERVALS]
    low, high = bootstrap_interval(codes.loc[judged, first], label[judged], stratum[judged], seed)
    return table.assign(
        auroc_test_low=pd.Series(low, index=first.index),
        auroc_test_high=pd.Series(high, index=first.index),
    )


def with_both_sides(chosen: pd.Series, label: pd.Series, stratum: pd.Series) -> pd.Series:
    """Narrow a choice of samples to strata that hold both answers: others cannot be judged."""
    sides = label[chosen].groupby(stratum[chosen]).nunique()
    return chosen & stratum.isin(sides.index[sides == 2])


def answers(obs: pd.DataFrame, question: Mapping[str, Any]) -> pd.Series:
    """Return 1 for positive samples, 0 for other known values, NaN for missing ones.

    Raises
    ------
    InputError
        If no sample has a positive value: as a rule it is misspelt.
    """
    values = obs[question["covariate"]].astype("object")
    known = values.notna() & (values != "")
    positive = values.astype(str).isin([str(value) for value in question["positive"]])
    if not (positive & known).any():
        found = sorted(values[known].astype(str).unique())
        raise InputError(
            f"signals: no sample has {question['covariate']} {question['positive']}; "
            f"{suggest(question['positive'][0], found[:40])}"
        )
    return positive.astype(float).where(known)


def strata(obs: pd.DataFrame, label: pd.Series, question: Mapping[str, Any]) -> pd.Series:
    """Return the stratum of each sample; NaN where it has too few training samples of a side."""
    if "within" not in question:
        return pd.Series("all", index=obs.index)
    values = obs[question["within"]].astype("object")
    train = (obs["split"] == "train") & label.notna()
    counts = pd.crosstab(values[train], label[train]).reindex(columns=[0.0, 1.0], fill_value=0)
    large = counts.index[(counts >= MINIMUM_PER_SIDE).all(axis=1)]
    return values.where(values.isin(large))


def stratified_auroc(codes: pd.DataFrame, label: pd.Series, stratum: pd.Series) -> np.ndarray:
    """AUROC of every feature within strata, combined with van Elteren's weights.

    Each stratum's rank sum is divided by its size + 1 (van Elteren 1960, Bull. Int. Stat. Inst.
    37:351-361), so its AUROC has the weight n1 * n0 / (n1 + n0 + 1).

    Returns
    -------
    array of shape (features,)
        In 0..1; NaN if no stratum has both sides.
    """
    total, weights = np.zeros(codes.shape[1]), 0.0
    for name in sorted(stratum.unique()):
        inside = (stratum == name).to_numpy()
        side = label.to_numpy()[inside] == 1
        positives, negatives = side.sum(), (~side).sum()
        if not positives or not negatives:
            continue
        weight = positives * negatives / (positives + negatives + 1)
        total += weight * auroc(codes.to_numpy()[inside], side)
        weights += weight
    return total / weights if weights else np.full(codes.shape[1], np.nan)


def auroc(values: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column (Mann-Whitney U over n1 * n0; ties count half)."""
    from scipy.stats import rankdata

    n_positive = positive.sum()
    ranks = rankdata(values, axis=0)[positive].sum(axis=0)
    wins = ranks - n_positive * (n_positive + 1) / 2
    return wins / (n_positive * (len(positive) - n_positive))


def bootstrap_interval(
    codes: pd.DataFrame, label: pd.Series, stratum: pd.Series, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap of the stratified AUROC, resampling within stratum and side."""
    if label.nunique() < 2:
        missing = np.full(codes.shape[1], np.nan)
        return missing, missing
    rng = np.random.default_rng(seed)
    groups = [
        np.flatnonzero((stratum == name) & (label == side))
        for name in sorted(stratum.unique())
        for side in (0.0, 1.0)
    ]
    drawn = []
    for _ in range(BOOTSTRAP_SAMPLES):
        rows = np.concatenate([rng.choice(group, len(group)) for group in groups if len(group)])
        drawn.append(stratified_auroc(codes.iloc[rows], label.iloc[rows], stratum.iloc[rows]))
    return np.percentile(drawn, 2.5, axis=0), np.percentile(drawn, 97.5, axis=0)
