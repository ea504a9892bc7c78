"""Search tables of measured scores again and again, to see how well each way of tuning chooses.

    .venv/bin/python benchmarks/replay.py SWEEP.tsv [--trials 32] [--slots 4]

SWEEP.tsv has a row per setting and the columns architecture, hyperparameters, val_loss: the last
epochs of the sweeps published with Tybalt (https://github.com/greenelab/tybalt, folder param_sweep)
make one. Every architecture whose settings are a full grid, all with a score, is searched. No
model is trained.

Each way sees one score of every setting that it asks for; a third of its trials are drawn at random
first where it learns. Ours and random search have no setting twice. For each way:

best     how often it ended with the setting of the best mean score
near     how often with one whose mean is within `noise` of that: the median over settings of the
         standard deviation over executions (where there is one score of each, only ties are near)
rank     place of its choice among all settings by mean score, 0 for the best, on average
above    how far the mean score of its choice lies above the best, on average

The last line is one JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from tybalt.plan.search import Result, Slot, draw, size

REPLAYS = 20

Space = dict[str, list]
Look = Callable[[dict[str, Any]], float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Replay searches of one table (as JSON), or of every full grid of a sweep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep", nargs="?", help="table of a sweep")
    parser.add_argument("--task", help="space, settings, scores, trials and slots as JSON")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--slots", type=int, default=4, help="trials of a round")
    options = parser.parse_args(arguments)
    if options.task:
        print("\n" + json.dumps(compare(**json.loads(options.task))))
        return
    results = {}
    for name, space, settings, scores in grids_of(options.sweep):
        results[name] = compare(space, settings, scores, options.trials, options.slots)
        print(f"{name}: {len(settings)} settings, {options.trials} trials")
        print_ways(results[name])
    print(json.dumps(results))


def print_ways(result: dict[str, Any]) -> None:
    """Print a row for each way."""
    print(f"noise {result['noise']:.3g}, {REPLAYS} replays")
    for way, found in result["ways"].items():
        print(f"{way:30}" + "".join(f"{name:>8} {value:<8.4g}" for name, value in found.items()))


def grids_of(sweep: str):
    """Yield (architecture, space, settings, scores) of the full grids of a sweep."""
    import pandas as pd

    for name, table in pd.read_csv(sweep, sep="\t").groupby("architecture"):
        columns = table.drop(columns=["architecture", "epoch", "loss", "val_loss"])
        columns = columns.dropna(axis=1, how="all")
        space = {column: sorted(columns[column].unique().tolist()) for column in columns}
        if len(table) == size(space) and table["val_loss"].notna().all():
            yield name, space, columns.to_dict("records"), table[["val_loss"]].values.tolist()


def compare(
    space: Space, settings: list[dict], scores: list[list[float]], trials: int, slots: int
) -> dict[str, Any]:
    """Search a table by every way, with other seeds each time.

    Parameters
    ----------
    space
        Hyperparameter -> values; their product has a row each in `settings` and `scores`.
    scores
        Of each setting, those of all its executions. A search sees one of them.
    trials, slots
        How many settings a search may try, and how many in a round.
    """
    table = np.array(scores)
    rows = {key(space, setting): row for row, setting in enumerate(settings)}
    trials = min(trials, len(table))
    means, executions = table.mean(axis=1), table.shape[1]
    noise = float(np.median(table.std(axis=1, ddof=1))) if executions > 1 else 0.0
    places = np.argsort(np.argsort(means, kind="stable"))
    searches = {
        "grid": partial(search_at_random, space, len(table)),
        "random": partial(search_at_random, space, trials),
        f"bayesian, {slots} at a time": partial(search_ours, space, trials, slots),
        "bayesian, one at a time": partial(search_ours, space, trials, 1),
        "KerasTuner, one at a time": partial(search_by_kerastuner, space, trials),
    }
    ways = {}
    for way, search in searches.items():
        chosen = []
        for seed in range(REPLAYS):
            drawn = np.random.default_rng(seed).integers(executions, size=len(table))
            seen: dict[int, float] = {}

            def look(setting: dict, drawn: Any = drawn, seen: dict = seen) -> float:
                row = rows[key(space, setting)]
                seen[row] = float(table[row, drawn[row]])
                return seen[row]

            search(seed, look)
            chosen.append(min(seen, key=seen.__getitem__))
        above = means[chosen] - means.min()
        ways[way] = {
            "best": float(np.mean(above == 0)),
            "near": float(np.mean(above <= noise)),
            "rank": float(places[chosen].mean()),
            "above": float(above.mean()),
        }
    return {"noise": noise, "ways": ways}


def key(space: Space, setting: dict[str, Any]) -> str:
    """Name a setting of the space."""
    return json.dumps([float(setting[name]) for name in space])


def search_at_random(space: Space, trials: int, seed: int, look: Look) -> None:
    """Look at settings drawn at random."""
    for setting in draw(space, trials, seed):
        look(setting)


def search_ours(space: Space, trials: int, slots: int, seed: int, look: Look) -> None:
    """Search by our tuner, so many trials to a round."""
    from tybalt.tuners import bayesian

    options = bayesian.Options(num_initial_points=trials // 3)
    history: list[list[Result | None]] = []
    for done in range(0, trials, slots):
        places = [Slot()] * min(slots, trials - done)
        asked = bayesian.ask(space, options, seed, history, places, partial(key, space))
        known = [each and Result("", each.setting, look(dict(each.setting))) for each in asked]
        history.append(known)


def search_by_kerastuner(space: Space, trials: int, seed: int, look: Look) -> None:
    """Search by KerasTuner's oracle, as its tuner does, one trial after another."""
    import keras_tuner

    choices = keras_tuner.HyperParameters()
    for name, values in space.items():
        choices.Choice(name, values)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        objective=keras_tuner.Objective("score", "min"),
        max_trials=trials,
        num_initial_points=trials // 3,
        hyperparameters=choices,
        seed=seed + 1,
    )
    oracle.verbose = 0
    with tempfile.TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "replay")
        for _ in range(trials):
            trial = oracle.create_trial("replay")
            if trial.status != "RUNNING":
                return
            score = look(trial.hyperparameters.values)
            oracle.update_trial(trial.trial_id, {"score": score})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)


if __name__ == "__main__":
    main()
