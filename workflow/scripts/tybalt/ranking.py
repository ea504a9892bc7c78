"""From trials to a ranking and a winner."""

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.autoencoder import load_module
from tybalt.files import read_json, write_json, write_table
from tybalt.hyperparameters import coerce, effective

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Score:
    """The score of one setting in one execution."""

    status: str
    score: float
    best_epoch: int | None
    settled: bool = True


def rank_trials(
    trials: Sequence[str],
    settings: Mapping[str, Sequence[tuple[int, int]]],
    searched: Sequence[str],
    configurations: int,
    ranking: str,
    best: str,
) -> None:
    """Rank every setting of a search by its validation score and name the winner.

    Parameters
    ----------
    trials
        Paths ``.../{round}/{trial}/{execution}.json``, one per training.
    settings
        ``{round}/{trial}`` -> (epochs, number of configurations of the space) that its trainings
        answer.
        A setting with fewer epochs is read off the history of the longest run.
    searched
        Hyperparameters of the space: the columns of the table.
    configurations
        Size of the search as asked for, before equal models were merged.
    ranking, best
        Outputs ``trials.tsv`` and ``best.json``.

    Raises
    ------
    RuntimeError
        If no setting has a finite score.
    """
    records = group_by_trial(trials)
    table = pd.DataFrame(
        [
            row(name, records[name], epochs, count, searched)
            for name, answered in settings.items()
            for epochs, count in answered
        ]
    )
    if not np.isfinite(table["mean"]).any():
        raise RuntimeError(
            "no setting has a finite score: every training diverged; lower learning_rate"
        )
    table = choose(order(table))
    write_table(table, ranking)
    write_json(winner(table, records, configurations, len(trials)), best)


def group_by_trial(paths: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the records of all executions, by round and trial, in the order of executions."""
    records: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(paths, key=lambda path: (len(path), path)):
        records.setdefault("/".join(path.split("/")[-3:-1]), []).append(read_json(path))
    return records


def row(
    name: str,
    records: Sequence[Mapping[str, Any]],
    epochs: int,
    configurations: int,
    searched: Sequence[str],
) -> dict[str, Any]:
    """Summarise one setting over its executions."""
    scores = [score_at(record, epochs) for record in records]
    values = np.array([score.score for score in scores])
    first = records[0]
    HParams = load_module(first["module"]).HParams
    known = effective(coerce(HParams, first["hyperparameters"], "hyperparameters"))
    shown = {key: known.get(key) for key in searched if key != "epochs"}
    if "epochs" in searched:
        shown["epochs"] = epochs
    return {
        **shown,
        "round": name.split("/")[0],
        "trial": name.split("/")[1],
        "mean": values.mean(),
        "sd": values.std(ddof=1) if len(values) > 1 else math.nan,
        "n": len(values),
        "status": "ok" if np.isfinite(values).all() else "diverged",
        "best_epoch": scores[0].best_epoch,
        "parameters": first["parameters"],
        "cost": first["parameters"] * epochs,
        "configurations": configurations,
        "seed": first["seed"],
        "run_epochs": epochs,
        "warnings": "" if scores[0].settled else "the warm-up had not ended",
    }


def score_at(record: Mapping[str, Any], epochs: int) -> Score:
    """Read the score of a run of `epochs` epochs off the history of a run of at least as many.

    As in `tybalt.training`, the score is that of the best eligible epoch (the warm-up has ended),
    or of the last one if none is eligible. A run that was stopped early counts with its best; one
    that diverged counts up to the epoch before.
    """
    scores = record["history"].get("score", [])[:epochs]
    if record["status"] != "ok" and len(scores) < epochs:
        return Score(record["status"], math.nan, None)
    numbers = range(1, len(scores) + 1)
    eligible = [number for number in numbers if record["history"]["eligible"][number - 1]]
    best = min(eligible or [len(scores)], key=lambda number: scores[number - 1])
    return Score("ok", scores[best - 1], best, settled=bool(eligible))


def order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort settings, best first, and mark those that cannot be told from the best.

    `tied` is `yes` where the mean lies within one standard error of the best mean (standard
    deviation pooled over all settings), `no` elsewhere, `not tested` with one execution.
    The order is by mean, then by cost (parameters x epochs), then by name.
    """
    table = table.sort_values(["mean", "cost", "trial"], na_position="last", ignore_index=True)
    error = standard_error(table)
    if math.isnan(error):
        tied = pd.Series("not tested", index=table.index)
    else:
        within = table["mean"] <= table["mean"].iloc[0] + error
        tied = within.map({True: "yes", False: "no"})
    table.insert(0, "rank", range(1, len(table) + 1))
    return table.assign(tied=tied.where(table["status"] == "ok", "no"))


def equals_of_the_best(table: pd.DataFrame) -> pd.DataFrame:
    """Return the settings tied with the best; untested, those of the very same score."""
    return table[(table["tied"] == "yes") | (table["mean"] == table["mean"].iloc[0])]


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Mark the cheapest (parameters x epochs) of the settings that equal the best."""
    cheapest = equals_of_the_best(table).sort_values(["cost", "rank"]).index[0]
    return table.assign(chosen=np.where(table.index == cheapest, "yes", "no"))


def standard_error(table: pd.DataFrame) -> float:
    """Return the pooled standard deviation over root n; NaN if no setting was repeated."""
    repeated = table[(table["n"] > 1) & np.isfinite(table["mean"])]
    if repeated.empty:
        return math.nan
    freedom = repeated["n"] - 1
    pooled = math.sqrt((freedom * repeated["sd"] ** 2).sum() / freedom.sum())
    return pooled / math.sqrt(repeated["n"].max())


def winner(
    table: pd.DataFrame,
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    configurations: int,
    trainings: int,
) -> dict[str, Any]:
    """Describe the cheapest of the settings that are as good as the best."""
    chosen = table[table["chosen"] == "yes"].iloc[0]
    rivals = equals_of_the_best(table)
    first = records[f"{chosen['round']}/{chosen['trial']}"][0]
    hyperparameters = dict(first["hyperparameters"])
    if "epochs" in hyperparameters:
        hyperparameters["epochs"] = int(chosen["run_epochs"])
    note = f"best of {len(table)} distinct settings"
    if len(rivals) > 1:
        same = "tied with the best" if (rivals["tied"] == "yes").all() else "of the same score"
        note = f"cheapest (parameters x epochs) of {len(rivals)} settings {same}"
    log.info("%d configurations, %d trainings; %s", configurations, trainings, note)
    return {
        "module": first["module"],
        "objective": first["objective"],
        "hyperparameters": hyperparameters,
        "parameters": int(chosen["parameters"]),
        "round": chosen["round"],
        "trial": chosen["trial"],
        "seed": int(chosen["seed"]),
        "score": float(chosen["mean"]),
        "sd": None if math.isnan(chosen["sd"]) else float(chosen["sd"]),
        "n": int(chosen["n"]),
        "rank": int(chosen["rank"]),
        "equals": sorted(rivals["trial"].unique()),
        "configurations": configurations,
        "trainings": trainings,
        "note": note,
    }
