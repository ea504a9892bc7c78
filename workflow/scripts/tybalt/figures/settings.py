"""What the figures of a search share: its table of settings, and how values are put on an axis."""

import dataclasses

import numpy as np
import pandas as pd

from tybalt.analysis.numbers import value_in_words
from tybalt.jobs.files import read_table
from tybalt.plan.objectives import objective_of

#: A score that spans more than this factor is drawn on a logarithmic axis.
_LOGARITHMIC_ABOVE = 20


@dataclasses.dataclass(frozen=True)
class Settings:
    """The table of a search, as `tybalt.tuning.ranking.rank_trials` writes it.

    Attributes
    ----------
    table
        One row per setting, best first: rank, the hyperparameters of the space, round, trial, mean,
        sd, n, status, best_epoch, parameters, cost, ..., tied (yes, no, not tested), chosen (yes in
        the one row that is trained, else no), warnings (text or empty). A hyperparameter is empty
        where it has no effect.
    hyperparameters
        Columns of the space.
    """

    table: pd.DataFrame
    hyperparameters: list[str]

    @property
    def scored(self) -> pd.DataFrame:
        """The settings that have a score, best first."""
        return self.table[np.isfinite(self.table["mean"])].reset_index(drop=True)

    @property
    def varied(self) -> list[str]:
        """Hyperparameters with more than one value among the settings that have a score."""
        scored = self.scored
        return [name for name in self.hyperparameters if scored[name].nunique(dropna=False) > 1]

    def failures(self) -> str:
        """Count the settings without a score by their status, in a sentence."""
        lacking = self.table.loc[~np.isfinite(self.table["mean"]), "status"]
        words = ", ".join(f"{n:,} {status}" for status, n in sorted(lacking.value_counts().items()))
        return f"Without a score: {words}." if words else ""


def read_settings(trials: str) -> Settings:
    """Read the table of a search."""
    table = read_table(trials)
    table["warnings"] = table["warnings"].fillna("")
    names = list(table.columns)
    return Settings(table, names[names.index("rank") + 1 : names.index("round")])


def score_label(objective: str) -> str:
    """Say what the score of a search is; InputError for an objective that no model has."""
    return objective_of(objective, "objective").axis


def is_logarithmic(score: np.ndarray) -> bool:
    """Tell whether finite scores are better drawn on a logarithmic axis."""
    return score.min() > 0 and score.max() > _LOGARITHMIC_ABOVE * score.min()


def levels(column: pd.Series) -> tuple[list[str], np.ndarray]:
    """Put the values of a hyperparameter at equal distances, in order; no effect comes last.

    Returns
    -------
    list of str, numpy.ndarray
        What is written at places 0, 1 ...; the place of every row.
    """
    shown = column.map(value_in_words)
    order = column.map(lambda value: (isinstance(value, str), value != value, value))
    labels = list(dict.fromkeys(shown[order.sort_values(kind="stable").index]))
    return labels, shown.map({label: i for i, label in enumerate(labels)}).to_numpy(float)


def chosen_setting(scored: pd.DataFrame) -> int:
    """Return the row of the setting that is trained."""
    return int(np.flatnonzero(scored["chosen"] == "yes").item())


def is_tied(scored: pd.DataFrame) -> np.ndarray:
    """Tell which settings are marked as tied with the best; none where nothing is tied."""
    tied = (scored["tied"] == "yes").to_numpy()
    return tied & (tied.sum() > 1)
