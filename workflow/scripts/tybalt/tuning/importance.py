"""Which hyperparameters of a search mattered, and whether the search is large enough to tell."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tybalt.jobs.files import read_table, write_table

log = logging.getLogger(__name__)

#: Fewer trainings with a score cannot tell hyperparameters apart.
FEWEST_TRAININGS = 10

#: Parts into which the trainings are cut; each is predicted from the others.
FOLDS = 5

TREES = 200

#: Times that each hyperparameter is shuffled in each part.
SHUFFLES = 20

#: A score that spans more than this factor is predicted by its logarithm.
LOGARITHMIC_ABOVE = 20


def measure_importance(trials: str, searched: Sequence[str], seed: int, importance: str) -> None:
    """Measure how much of the score each hyperparameter explains.

    A random forest predicts the score from the hyperparameters. The importance of one of them is by
    how much the squared error rises when its values are shuffled (Breiman 2001,
    https://doi.org/10.1023/A:1010933404324), always on trainings that the forest has not seen, over
    twice the variance of the score: for hyperparameters varied independently that is the share of
    the variance in which it takes part, alone or with others (the total Sobol index; Benard 2022,
    https://arxiv.org/abs/2102.13347). Settings that share a training (they differ in `epochs`) stay
    together; the out-of-bag samples of a forest would part them, and flatter it.

    Parameters
    ----------
    trials
        Table of the search, see `tybalt.tuning.ranking.rank_trials`.
    searched
        Hyperparameters of the space.
    seed
        Of the forest, the parts and the shuffling.
    importance
        Output table, the most important first: hyperparameter, importance (mean over the parts,
        about 0..1), sd (over the parts), r2 (share of the variance that the unshuffled forest
        predicts, all parts together), settings, trainings, scale (of the score: linear or
        logarithmic). Importance and r2 are empty if fewer than 10 trainings have a score.
    """
    table = read_table(trials)
    scored = table[np.isfinite(table["mean"])].reset_index(drop=True)
    varied = [name for name in searched if scored[name].nunique(dropna=False) > 1]
    training = scored["round"] + "/" + scored["trial"]
    score, scale = _transformed(scored["mean"].to_numpy(float))
    facts = {"settings": len(scored), "trainings": training.nunique(), "scale": scale}
    shares, r2 = np.full((1, len(varied)), np.nan), np.nan
    if varied and facts["trainings"] >= FEWEST_TRAININGS and np.ptp(score) > 0:
        X = np.column_stack([_codes(scored[name]) for name in varied])
        shares, r2 = held_out_importance(X, score, training.to_numpy(), seed)
        log.info("R2 on held-out trainings: %.3f", r2)
    result = pd.DataFrame(
        {
            "hyperparameter": varied,
            "importance": shares.mean(axis=0),
            "sd": shares.std(axis=0, ddof=1) if len(shares) > 1 else np.nan,
            "r2": r2,
            **facts,
        }
    )
    result = result.sort_values(["importance", "hyperparameter"], ascending=[False, True])
    write_table(result, importance)


def held_out_importance(
    X: np.ndarray, score: np.ndarray, training: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Predict each part of the trainings from the others, and shuffle one column at a time.

    Parameters
    ----------
    X
        Settings x hyperparameters.
    score
        What is predicted, per setting.
    training
        Which training a setting was read off; those of one training are in one part.

    Returns
    -------
    numpy.ndarray, float
        Parts x hyperparameters: the importance; and the R2 of all predictions together.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GroupKFold

    rng = np.random.default_rng(seed)
    predicted, rises = np.empty_like(score), []
    parts = GroupKFold(FOLDS, shuffle=True, random_state=seed).split(X, groups=training)
    for known, held_out in parts:
        forest = RandomForestRegressor(TREES, random_state=seed).fit(X[known], score[known])
        predicted[held_out] = forest.predict(X[held_out])
        error = np.mean((score[held_out] - predicted[held_out]) ** 2)
        rises.append(
            [
                _error_shuffled(forest, X[held_out], score[held_out], column, rng) - error
                for column in range(X.shape[1])
            ]
        )
    return np.array(rises) / (2 * np.var(score)), float(r2_score(score, predicted))


def _error_shuffled(
    forest: object, X: np.ndarray, score: np.ndarray, column: int, rng: np.random.Generator
) -> float:
    """Return the squared error after one column is shuffled, mean over the shuffles."""
    shuffled = np.tile(X, (SHUFFLES, 1))
    shuffled[:, column] = np.concatenate([rng.permutation(X[:, column]) for _ in range(SHUFFLES)])
    return float(np.mean((np.tile(score, SHUFFLES) - forest.predict(shuffled)) ** 2))


def _transformed(score: np.ndarray) -> tuple[np.ndarray, str]:
    """Take the logarithm of a score that spans orders of magnitude."""
    if len(score) and score.min() > 0 and score.max() > LOGARITHMIC_ABOVE * score.min():
        return np.log10(score), "logarithmic"
    return score, "linear"


def _codes(column: pd.Series) -> np.ndarray:
    """Return the place of each value in their order; -1 where there is none (no effect)."""
    return pd.Categorical(column).codes.astype(float)
