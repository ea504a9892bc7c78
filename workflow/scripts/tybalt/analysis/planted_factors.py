"""How much of what was planted in a simulated cohort a code explains."""

import logging
from collections.abc import Mapping
from typing import Any

import anndata
import numpy as np
import pandas as pd

from tybalt.data.samples import read_codes, read_samples
from tybalt.jobs.files import read_table, write_table
from tybalt.jobs.own_files import own_file
from tybalt.training.metrics import correlations

log = logging.getLogger(__name__)

#: Ridge penalties to choose from on the training samples, in units of their number: from hardly
#: any to one that shrinks a standardised feature by half.
PENALTIES = np.geomspace(1e-5, 1, 6)

#: Neighbours whose mean is the prediction that need not be linear.
NEIGHBOURS = 10

#: The nonlinear factor is an angle; its harmonics among the factors are only how it was planted.
PHASE = ["phase:cos", "phase:sin"]

#: Columns of the table of factors.
FACTOR_COLUMNS = [
    "factor",
    "group",
    "n",
    "r2_linear",
    "r2_neighbours",
    "feature",
    "r2_feature",
    "auroc",
]


def measure_planted_factors(
    samples: str, encoding: str, planted: str, roles: Mapping[str, Any], planted_factors: str
) -> None:
    """Measure how much of every planted factor a code explains.

    All is fitted on the training samples and measured on the held-out part.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding
        encoding.tsv.gz of one experiment.
    planted
        planted_factors.h5ad of a simulated cohort; see `tybalt.data.simulation.programmes` for the
        factors.
    planted_factors
        Output table, one row per factor: `factor`; `group`, its name up to the first colon; `n`,
        held-out samples in which it is not 0; `r2_linear` and `r2_neighbours`, the share of its
        variance that a ridge regression and the mean of 10 nearest neighbours explain from the
        whole standardised code (1 = all, 0 = none, below 0 = worse than the mean; NaN if the factor
        does not vary); `feature`, the one most correlated with it in training, and `r2_feature`,
        their squared correlation; `auroc` of the linear prediction, for factors that are absent (0)
        from some samples and present (above 0, however weak) in others.
        The nonlinear factor, an angle, stands as its cosine and sine.
    """
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    factors = read_factors(planted).loc[known.index]
    table = explain_factors(codes, factors, known.is_train, known.split == known.held_out)
    write_table(table, planted_factors)
    for group, rows in table.groupby("group", sort=False):
        log.info("%s: mean R2 %.3f (linear)", group, rows["r2_linear"].mean())


@own_file
def read_factors(planted: str) -> pd.DataFrame:
    """Read the planted factors: samples x factors, the angle as cosine and sine."""
    world = anndata.read_h5ad(planted)
    factors = pd.DataFrame(
        world.obsm["factors"], index=world.obs_names, columns=list(world.uns["factors"])
    )
    factors = factors.loc[:, ~factors.columns.str.startswith("phase_")]
    phase = world.obs["phase"].to_numpy()
    return factors.assign(**dict(zip(PHASE, (np.cos(phase), np.sin(phase)), strict=True)))


def explain_factors(
    codes: pd.DataFrame, factors: pd.DataFrame, train: np.ndarray, held_out: np.ndarray
) -> pd.DataFrame:
    """Measure codes (samples x features) against factors; see `measure_planted_factors`."""
    from sklearn.linear_model import RidgeCV
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(codes[train].to_numpy(np.float64))
    Z, Z_held_out = (
        scaler.transform(codes[part].to_numpy(np.float64)) for part in (train, held_out)
    )
    Y, Y_held_out = (factors[part].to_numpy(np.float64) for part in (train, held_out))
    # One penalty per factor: what suits the strong factors hides the weaker factors.
    ridge = RidgeCV(PENALTIES * len(Z), alpha_per_target=True).fit(Z, Y)
    predicted = ridge.predict(Z_held_out).reshape(Y_held_out.shape)
    nearest = (
        KNeighborsRegressor(NEIGHBOURS).fit(Z, Y).predict(Z_held_out).reshape(Y_held_out.shape)
    )
    best = np.argmax(np.abs(correlations(Z, Y)), axis=0)
    alone = correlations(Z_held_out, Y_held_out)[best, np.arange(len(best))]
    return pd.DataFrame(
        {
            "factor": factors.columns,
            "group": [name.split(":")[0] for name in factors.columns],
            "n": np.count_nonzero(Y_held_out, axis=0),
            "r2_linear": explained(Y_held_out, predicted),
            "r2_neighbours": explained(Y_held_out, nearest),
            "feature": codes.columns[best],
            "r2_feature": np.square(alone),
            "auroc": [_auroc(y, score) for y, score in zip(Y_held_out.T, predicted.T, strict=True)],
        }
    )[FACTOR_COLUMNS]


def explained(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Share of the variance of every column that is predicted; NaN where it does not vary."""
    rest = np.square(true - predicted).sum(axis=0)
    total = np.square(true - true.mean(axis=0)).sum(axis=0)
    return 1 - np.divide(rest, total, out=np.full_like(total, np.nan), where=total > 0)


def _auroc(true: np.ndarray, score: np.ndarray) -> float:
    """How well a score tells samples with a factor from those without; NaN if it is everywhere."""
    from sklearn.metrics import roc_auc_score

    present = true > 0
    if true.min() < 0 or not present.any() or present.all():
        return np.nan
    return float(roc_auc_score(present, score))


def compare_planted_factors(
    found: list[str], experiments: list[list[str]], planted_factors: str
) -> None:
    """Put the planted factors that each model found side by side.

    Parameters
    ----------
    found
        Tables of `measure_planted_factors`.
    experiments
        (model, tuner) of each, in the same order.
    planted_factors
        Output table, one row per model and group of factors: model, tuner, group, `factors`
        (how many vary among held-out samples) and the means of `r2_linear`, `r2_neighbours`,
        `r2_feature` and `auroc` over them.
    """
    tables = [
        summarize(read_table(path)).assign(model=model, tuner=tuner)
        for (model, tuner), path in zip(experiments, found, strict=True)
    ]
    table = pd.concat(tables, ignore_index=True)
    write_table(table[["model", "tuner", *table.columns.drop(["model", "tuner"])]], planted_factors)


def summarize(factors: pd.DataFrame) -> pd.DataFrame:
    """Average a table of factors over each group of factors."""
    varying = factors[factors["r2_linear"].notna()]
    grouped = varying.groupby("group", sort=False)
    means = grouped[["r2_linear", "r2_neighbours", "r2_feature", "auroc"]].mean()
    means.insert(0, "factors", grouped.size())
    return means.reset_index()
