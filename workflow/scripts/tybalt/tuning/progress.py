"""The best score of a search against the number of trainings, of all tuners of one model."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaln

from tybalt.jobs.files import read_table, write_table

#: Share of all orders that the band of a search without an order of its own holds.
BAND = (0.05, 0.95)

COLUMNS = ["tuner", "in_order", "training", "runs", "epochs", "score", "spent_runs", "spent_epochs"]
COLUMNS += ["low", "best", "high"]


def measure_progress(searches: Sequence[str], tuners: Sequence[str], progress: str) -> None:
    """Follow the best score of every search of a model.

    Parameters
    ----------
    searches
        trials.tsv of each; see `tybalt.tuning.ranking.rank_trials`.
    tuners
        Their names, in the same order.
    progress
        Output table, one row per tuner and training: `in_order`, whether the order means
        something (an adaptive search learns from earlier rounds, a grid or a random sample does
        not); `runs` and `epochs`, what the training cost, and `score`, the best that it reached
        (over the epochs that it answers; missing if it diverged); `spent_runs` and `spent_epochs`
        up to there; `best`, the best score so far, and `low`, `high`: of a search without an
        order the median over all orders, and what holds 90 % of them.
    """
    tables = [follow(path).assign(tuner=name) for path, name in zip(searches, tuners, strict=True)]
    write_table(pd.concat(tables, ignore_index=True)[COLUMNS], progress)


def follow(trials: str) -> pd.DataFrame:
    """Follow one search; an empty slot cost nothing.

    A setting that later rounds trained for longer has one row, that of its last round.
    """
    table = read_table(trials)
    table = table[table["status"] != "empty"]
    trainings = table.groupby(["round", "trial"], as_index=False).agg(
        score=("mean", "min"), runs=("n", "first"), epochs=("epochs_spent", "sum")
    )
    trainings["number"] = trainings["round"].str[1:].astype(int)
    trainings = trainings.sort_values(["number", "trial"], ignore_index=True)
    score = trainings["score"].fillna(np.inf).to_numpy(float)
    in_order = bool(trainings["trial"].str.startswith("s").all())
    numbers = np.arange(1, len(score) + 1)
    if in_order:
        low = best = high = np.minimum.accumulate(score)
        spent = {f"spent_{unit}": trainings[unit].cumsum() for unit in ("runs", "epochs")}
    else:
        low, best, high = best_of_random_orders(score, (BAND[0], 0.5, BAND[1]))
        spent = {f"spent_{unit}": trainings[unit].mean() * numbers for unit in ("runs", "epochs")}
    curves = {"low": low, "best": best, "high": high}
    known = {name: np.where(np.isfinite(curve), curve, np.nan) for name, curve in curves.items()}
    return trainings.assign(
        in_order="yes" if in_order else "no", training=numbers, **spent, **known
    )


def best_of_random_orders(score: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Return quantiles of the best of the first 1, 2 ... n scores over all orders of them.

    The best of k out of n scores is above the i-th smallest in C(n - i, k) of C(n, k) choices.
    (An exact form, without replacement, of Dodge 2019, https://aclanthology.org/D19-1224.)

    Parameters
    ----------
    score
        n scores; infinite where a training diverged.
    shares
        Quantiles, 0 to 1.

    Returns
    -------
    list of numpy.ndarray
        Per quantile, n values: entry k - 1 belongs to k trainings.
    """
    n = len(score)
    ordered = np.sort(score)
    i, k = np.arange(1, n + 1)[:, None], np.arange(1, n + 1)[None, :]
    left = n - i - k
    log_share = np.where(
        left >= 0,
        gammaln(n - i + 1) - gammaln(np.maximum(left, 0) + 1) + gammaln(n - k + 1) - gammaln(n + 1),
        -np.inf,
    )
    reached = 1 - np.exp(log_share)  # share of orders whose best of k is at most the i-th smallest
    return [ordered[np.argmax(reached >= share - 1e-12, axis=0)] for share in shares]
