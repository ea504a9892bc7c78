"""From trials to a ranking and a winner."""

import dataclasses
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tybalt.jobs.files import group_by_trial, write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.hyperparameters import coerce, effective
from tybalt.plan.objectives import best_epoch, is_as_started
from tybalt.training.model import load_module
from tybalt.tuning.limits import find_limits

#: Columns of whole numbers that are missing where nothing was trained, or a training diverged.
WHOLE_NUMBERS = ("best_epoch", "parameters", "cost", "configurations", "seed", "run_epochs")

#: Columns of the table of read-outs, whose rows are settings, best first, and contrasts.
READOUT_COLUMNS = ["rank", "round", "trial", "run_epochs", "chosen", "module", "setting"]
READOUT_COLUMNS += ["contrast", "covariate", "positive", "within"]
READOUT_COLUMNS += ["effect", "low", "high", "n", "n_positive", "reason"]

#: A hyperparameter above this is named when all trainings diverge: weights of terms are near 1.
LARGE = 1000.0

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Score:
    """The score of one setting in one execution."""

    status: str
    score: float
    best_epoch: int | None
    settled: bool = True
    as_started: bool = False

    @property
    def warnings(self) -> str:
        """What a reader of the ranking should know, in words."""
        said = {"the warm-up had not ended": not self.settled, "as started": self.as_started}
        return "; ".join(words for words, holds in said.items() if holds)


def rank_trials(
    trials: Sequence[str],
    settings: Mapping[str, Sequence[tuple[int, int]]],
    space: Mapping[str, Sequence[Any]],
    configurations: int,
    ranking: str,
    best: str,
    trial_readouts: str,
) -> None:
    """Rank every setting of a search by its validation score and name the winner.

    A setting stands in the ranking once, with all epochs that it was trained: Hyperband's shorter
    rungs are the beginnings of the longer ones. Its score is that of its best epoch, so settings
    of different lengths are compared by the best that each has shown, as KerasTuner does.

    Parameters
    ----------
    trials
        Paths ``.../{round}/{trial}/{execution}.json``, one per training.
    settings
        ``{round}/{trial}`` -> (epochs, number of configurations of the space) that its trainings
        answer. A setting with fewer epochs is read off the history of the longest run. An empty
        list: the one setting that was proposed for this slot.
    space
        Hyperparameters that were searched (the columns of the table) and their values.
    configurations
        Size of the search as asked for, before equal models were merged.
    ranking, best
        Outputs ``trials.tsv`` and ``best.json``. Of each contrast that the trials recorded the
        ranking has a column `readout_{contrast}`: the AUROC on validation samples of a read-out of
        the whole code. It does not rank. ``best.json`` says in ``limits`` where the search was cut
        short (`tybalt.tuning.limits`).
    trial_readouts
        Output table: the same with intervals, numbers of samples, and the definition of the
        contrast as it was when the trial was trained; positive values are joined by "; ".

    Raises
    ------
    InputError
        If no setting has a finite score.
    """
    records = group_by_trial(trials)
    table = pd.DataFrame(
        [
            row(name, records[name], epochs, count, list(space))
            for name, answered in settings.items()
            for epochs, count in answered or [(run_epochs(records[name]), 1)]
        ]
    )
    table = table.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))
    table = add_effort(one_row_each(table, records), records)
    if not np.isfinite(table["mean"]).any():
        raise InputError(describe_divergence(trials, records))
    table = choose(order(table))
    recorded = list_readouts(table, records, list(space))
    write_table(recorded, trial_readouts)
    table = add_readouts(table, recorded)
    write_table(table, ranking)
    inert = inert_hyperparameters(table, space)
    record = winner(table, records, configurations, inert)
    write_json(record | {"limits": limits(table, record, space)}, best)


def list_readouts(
    table: pd.DataFrame,
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    searched: Sequence[str],
) -> pd.DataFrame:
    """List what the trials recorded of contrasts, by setting and contrast (READOUT_COLUMNS).

    Of several trainings of a setting it is that of the first, which is the one that is trained
    again if the setting wins. A trial records the epoch that it kept: of a setting that is read
    off a longer training at another epoch nothing is known, and `reason` says so.
    """
    rows = []
    for setting in table.to_dict("records"):
        first = records[f"{setting['round']}/{setting['trial']}"][0]
        place = {name: setting[name] for name in READOUT_COLUMNS if name in setting}
        values = [f"{name} {setting[name]}" for name in searched if pd.notna(setting[name])]
        place |= {"module": first["module"], "setting": ", ".join(values)}
        for record in first["readouts"] if pd.notna(setting["mean"]) else []:
            found = {**record, "positive": "; ".join(record["positive"])}
            if setting["best_epoch"] != first["best_epoch"]:
                found |= {"effect": None, "low": None, "high": None}
                found["reason"] = (
                    f"recorded at epoch {first['best_epoch']}, and this setting ends at "
                    f"{setting['best_epoch']}"
                )
            rows.append({**place, **found})
    return pd.DataFrame(rows, columns=READOUT_COLUMNS)


def add_readouts(table: pd.DataFrame, recorded: pd.DataFrame) -> pd.DataFrame:
    """Add a column `readout_{contrast}` for each contrast that the chosen setting recorded.

    Settings that recorded another definition of it have no value there.
    """
    keys, definition = ["round", "trial", "run_epochs"], ["covariate", "positive", "within"]
    chosen = recorded[recorded["chosen"] == "yes"]
    for asked in chosen.to_dict("records"):
        same = recorded["contrast"] == asked["contrast"]
        for name in definition:
            same &= recorded[name].fillna("") == (asked[name] if pd.notna(asked[name]) else "")
        effects = recorded[same].set_index(keys)["effect"].astype(float)
        of_settings = pd.MultiIndex.from_frame(table[keys])
        table = table.assign(
            **{f"readout_{asked['contrast']}": effects.reindex(of_settings).to_numpy()}
        )
    return table


def describe_divergence(
    trials: Sequence[str], records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> str:
    """Say of which experiment all trainings diverged, and what was tried that may be too large."""
    trained = [each for several in records.values() for each in several if each["hyperparameters"]]
    reasons = Counter(warning for record in trained for warning in record["warnings"])
    tried: dict[str, set[float]] = {}
    for record in trained:
        for name, value in record["hyperparameters"].items():
            if name == "learning_rate" or (isinstance(value, float) and value > LARGE):
                tried.setdefault(name, set()).add(value)
    named = [
        f"{name} ({', '.join(f'{value:g}' for value in sorted(values)[:5])})"
        for name, values in tried.items()
    ]
    often = f" ({reasons.most_common(1)[0][0]})" if reasons else ""
    return (
        f"{Path(trials[0]).parents[3]}: every training diverged{often}; no setting has a finite "
        f"score: lower {' or '.join(named) or 'the weights of its loss'}, or take another optimizer"
    )


def row(
    name: str,
    records: Sequence[Mapping[str, Any]],
    epochs: int,
    configurations: int,
    searched: Sequence[str],
) -> dict[str, Any]:
    """Summarise one setting over its executions."""
    first = records[0]
    place = {"round": name.split("/")[0], "trial": name.split("/")[1]}
    if first["status"] == "empty":
        numbers = dict.fromkeys(("mean", "sd"), math.nan) | {"n": 0, "status": "empty"}
        numbers |= dict.fromkeys(WHOLE_NUMBERS) | {"configurations": 0, "run_epochs": 0}
        return {**dict.fromkeys(searched), **place, **numbers, "warnings": ""}
    scores = [score_at(record, epochs) for record in records]
    values = np.array([score.score for score in scores])
    HParams = load_module(first["module"]).HParams
    known = effective(coerce(HParams, first["hyperparameters"], "hyperparameters"))
    shown = {key: known.get(key) for key in searched if key != "epochs"}
    if "epochs" in searched:
        shown["epochs"] = epochs
    return {
        **shown,
        **place,
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
        "warnings": scores[0].warnings,
    }


def run_epochs(records: Sequence[Mapping[str, Any]]) -> int:
    """Return the epochs that a trial was to train; 1 in closed form, 0 in an empty slot."""
    if records[0]["status"] == "empty":
        return 0
    return records[0]["hyperparameters"].get("epochs", 1)


def parent_of(records: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the trial whose training a trial goes on with."""
    return (records[0]["proposal"] or {}).get("continues")


def one_row_each(
    table: pd.DataFrame, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> pd.DataFrame:
    """Drop trials that another goes on from, unless that one diverged.

    Adds `started`, which numbers the settings in the order in which they were first tried.
    """
    parents = {name: parent_of(executions) for name, executions in records.items()}
    names = table["round"] + "/" + table["trial"]

    def began(name: str) -> str:
        return name if parents[name] is None else began(parents[name])

    numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    went_on = {parents[name] for name in names[table["status"] == "ok"]}
    return table.assign(started=[numbers[began(name)] for name in names])[~names.isin(went_on)]


def add_effort(
    table: pd.DataFrame, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> pd.DataFrame:
    """Add `epochs_spent`: epochs trained for a row, over all executions; 0 if it is read off.

    The shorter trainings of its setting, which have no row of their own, count too.
    """
    names = table["round"] + "/" + table["trial"]
    is_longest = table["run_epochs"] == table.groupby(names)["run_epochs"].transform("max")

    def spent(name: str) -> int:
        parent = parent_of(records[name])
        before = 0 if parent is None or parent in set(names) else spent(parent)
        return before + sum(record["epochs"] for record in records[name])

    return table.assign(epochs_spent=names.map(spent).where(is_longest, 0).astype(int))


def score_at(record: Mapping[str, Any], epochs: int) -> Score:
    """Read the score of a run of `epochs` epochs off the history of a run of at least as many.

    It is that of `best_epoch`, or of the last epoch if none is eligible. A run that was stopped
    early counts with its best; one that diverged counts up to the epoch before.
    """
    history = {name: values[:epochs] for name, values in record["history"].items()}
    scores = history.get("score", [])
    if record["status"] != "ok" and len(scores) < epochs:
        return Score(record["status"], math.nan, None)
    best = best_epoch(history, record["objective"])
    counts = best or len(scores)
    as_started = is_as_started(record["start"], history, counts, record["objective"])
    return Score("ok", scores[counts - 1], counts, best is not None, as_started)


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


def inert_hyperparameters(table: pd.DataFrame, space: Mapping[str, Sequence[Any]]) -> list[str]:
    """Name the hyperparameters that changed nothing.

    That is: with several values in the space, and without effect in every setting that was tried;
    or, wherever settings differ in nothing else, of the very same score.
    """
    tried = table[np.isfinite(table["mean"])]
    return [
        name
        for name, values in space.items()
        if len(values) > 1 and _changes_nothing(tried, name, [key for key in space if key != name])
    ]


def _changes_nothing(tried: pd.DataFrame, name: str, others: Sequence[str]) -> bool:
    if tried[name].isna().all():
        return True
    known = tried[tried[name].notna()]
    alike = known.groupby(list(others), dropna=False) if others else [((), known)]
    compared = [group["mean"] for _, group in alike if group[name].nunique() > 1]
    return bool(compared) and all(scores.nunique() == 1 for scores in compared)


def winner(
    table: pd.DataFrame,
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    configurations: int,
    inert: Sequence[str],
) -> dict[str, Any]:
    """Describe the cheapest of the settings that are as good as the best."""
    chosen = table[table["chosen"] == "yes"].iloc[0]
    rivals = equals_of_the_best(table)
    first = records[f"{chosen['round']}/{chosen['trial']}"][0]
    hyperparameters = dict(first["hyperparameters"])
    if "epochs" in hyperparameters:
        hyperparameters["epochs"] = int(chosen["run_epochs"])
    trained = [r for executions in records.values() for r in executions if r["status"] != "empty"]
    record = {
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
        "tied": bool(chosen["tied"] == "yes" and len(rivals) > 1),
        "equals": sorted(rivals["trial"].unique()),
        "configurations": configurations,
        "trainings": len(trained),
        "epochs": int(table["epochs_spent"].sum()),
        "inert": list(inert),
        "start": first["start"],
        "as_started": score_at(first, int(chosen["run_epochs"])).as_started,
        "note": describe(table, rivals, inert),
    }
    log.info(
        "%d configurations, %d trainings, %d epochs; %s",
        *(record[key] for key in ("configurations", "trainings", "epochs", "note")),
    )
    return record


def limits(
    table: pd.DataFrame, record: Mapping[str, Any], space: Mapping[str, Sequence[Any]]
) -> list[str]:
    """Say where the search was cut short; `record` is that of its winner."""
    chosen = table[table["chosen"] == "yes"].iloc[0]
    return find_limits(
        record["hyperparameters"],
        None if pd.isna(chosen["best_epoch"]) else int(chosen["best_epoch"]),
        space,
        int((table["status"] != "empty").sum()),
        load_module(record["module"]).HParams,
        record["inert"],
    )


def describe(table: pd.DataFrame, rivals: pd.DataFrame, inert: Sequence[str]) -> str:
    """Say in words how the winner was chosen, and what a reader should know of the search."""
    tried = table[table["status"] != "empty"]
    parts = [f"best of {len(tried)} distinct settings"]
    if len(rivals) > 1:
        same = "tied with the best" if (rivals["tied"] == "yes").all() else "of the same score"
        parts = [f"cheapest (parameters x epochs) of {len(rivals)} settings {same}"]
    if len(tried) < len(table):
        parts.append(f"{len(table) - len(tried)} slots left empty: nothing new to try")
    if inert:
        parts.append(f"changed nothing: {', '.join(inert)}")
    return "; ".join(parts)
