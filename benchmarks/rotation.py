"""Which rotation of principal components: what it finds, how far it comes back, what it costs.

    .venv/bin/python benchmarks/rotation.py results/demo [--features 30] [--bootstraps 4] \
        [--truth results/demo/raw/planted_factors.h5ad]

The folder is that of a dataset; its matrix and samples are read. Principal components are fitted on
the training samples, exactly, and rotated in five ways: not at all; by varimax of the loadings
(weights times standard deviation), with standardised codes, as in factor analysis; and by a
rotation alone, whose criterion counts weights times the deviation to the power 0, 1/2 or 1.

Columns: contrasts with a confirmed feature, confirmed pairs of contrast and feature, the mean AUROC
on test samples of the best feature of every yes-or-no contrast, that of sex within cancer types,
accuracy of the five nearest neighbours, mean |r| with the matched features of models fitted on
bootstraps of the training patients (and how many reach 0.9), planted factors explained by one
feature (R2), and seconds.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from tybalt.analysis.associations import CONFIRMED, answer
from tybalt.analysis.contrasts import AUROC, plan_contrasts
from tybalt.analysis.findings import oriented
from tybalt.analysis.planted_factors import explain_factors, read_factors
from tybalt.analysis.stability import match_features
from tybalt.data.known_columns import read_known_columns
from tybalt.data.matrix import read_values
from tybalt.data.samples import read_samples
from tybalt.training import rotation
from tybalt.training.bundle import feature_names

ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type", "sample_type"]}
SEX = {"sex": {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}}

#: Power of the deviation; "standardised" scales the codes too.
WAYS = {"none": None, "standardised": 1.0, "power 0": 0.0, "power 1/2": 0.5, "power 1": 1.0}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--bootstraps", type=int, default=4)
    parser.add_argument("--truth", type=Path)
    options = parser.parse_args()
    logging.disable()
    X = read_values(str(options.folder / "matrix.h5ad")).astype(np.float64)
    known = read_samples(str(options.folder / "samples.tsv"), ROLES)
    columns = Path(__file__).parents[1] / "resources" / "tcga_columns.yaml"
    contrasts = plan_contrasts(known, SEX, read_known_columns(str(columns)))
    factors = read_factors(str(options.truth)).loc[known.index] if options.truth else None
    train = np.flatnonzero(known.is_train)
    rng = np.random.default_rng(0)
    patients = np.unique(known.group[train])
    draws = [
        np.concatenate(
            [train[known.group[train] == one] for one in rng.choice(patients, len(patients))]
        )
        for _ in range(options.bootstraps)
    ]
    rows = []
    for way in WAYS:
        started = time.process_time()
        codes = features(way, X, train, options.features, known.index)
        row = {"way": way, "seconds": time.process_time() - started}
        row |= describe(codes, known, contrasts, factors)
        again = [features(way, X, drawn, options.features, known.index) for drawn in draws]
        r = np.mean([match_features(codes, each, known.split)["r"].abs() for each in again], axis=0)
        rows.append({**row, "stability": r.mean(), "features_found_again": int((r >= 0.9).sum())})
        print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False), flush=True)


def features(
    way: str, X: np.ndarray, fitted_on: np.ndarray, n_features: int, names: pd.Index
) -> pd.DataFrame:
    """Fit principal components on some rows, and rotate them: all samples x features."""
    mean = X[fitted_on].mean(axis=0)
    centred = X[fitted_on] - mean
    _, vectors = np.linalg.eigh(centred @ centred.T)
    weights = centred.T @ vectors[:, ::-1][:, :n_features]
    weights /= np.linalg.norm(weights, axis=0)
    codes = (X - mean) @ weights
    if way == "standardised":
        deviations = codes[fitted_on].std(axis=0)
        codes, weights = codes / deviations, weights * deviations
    if way != "none":
        rotation.POWER = WAYS[way]
        codes = codes @ rotation.find_rotation(codes[fitted_on], weights)
    return pd.DataFrame(codes, names, feature_names(n_features))


def describe(codes, known, contrasts, factors) -> dict[str, float]:
    """Say what a code finds; see the head of this file."""
    table, _ = answer(codes, contrasts, known.split, known.group, seed=1)
    confirmed = table[table["verdict"] == CONFIRMED]
    best = table[(table["rank"] == 1) & (table["measure"] == AUROC)]
    effects = {row["contrast"]: oriented(row).test for row in best.to_dict("records")}
    held_out = known.split == known.held_out
    nearest = KNeighborsClassifier(5).fit(codes[known.is_train], known.label[known.is_train])
    found = {
        "contrasts": confirmed["contrast"].nunique(),
        "pairs": len(confirmed),
        "mean_auroc": np.nanmean(list(effects.values())),
        "sex": effects["sex"],
        "knn": nearest.score(codes[held_out], known.label[held_out]),
    }
    if factors is not None:
        explained = explain_factors(codes, factors, known.is_train, held_out)
        found["planted_r2"] = explained["r2_feature"].mean()
        by_group = explained.groupby("group")["r2_feature"].mean()
        found |= by_group[["y_chromosome", "melanocyte", "immune"]].to_dict()
    return found


if __name__ == "__main__":
    main()
