"""Adaptive searches: plans beside KerasTuner's own oracles, and what they propose."""

import itertools
import json
import math
from tempfile import TemporaryDirectory

import keras  # noqa: F401 - before KerasTuner, so that the other tests find TensorFlow under it
import keras_tuner
import pytest

from tybalt.jobs.files import read_json, write_json
from tybalt.plan.search import Proposal, Result, Slot, configurations, slot_name
from tybalt.tuners import bayesian, hyperband
from tybalt.tuning.kerastuner import BayesianOracle, without_outliers
from tybalt.tuning.proposals import propose_trials

SPACE = {"depth": [0, 1, 2], "width": [10, 20, 30, 40], "rate": [n / 10 for n in range(1, 9)]}

# Plans


def kerastuner_rounds(max_epochs, factor, iterations):
    """Ask the oracle until it answers IDLE, tell it all scores, and again, until it stops."""
    positions = keras_tuner.HyperParameters()
    positions.Choice("x", list(range(5000)))
    oracle = keras_tuner.oracles.HyperbandOracle(
        objective=keras_tuner.Objective("score", "min"),
        max_epochs=max_epochs,
        factor=factor,
        hyperband_iterations=iterations,
        hyperparameters=positions,
        seed=3,
    )
    oracle.verbose = 0
    rounds = []
    with TemporaryDirectory() as folder:
        oracle._set_project_dir(folder, "search")
        while True:
            trials = []
            while (trial := oracle.create_trial(f"{len(oracle.trials)}")).status == "RUNNING":
                trials.append(trial)
            if not trials:
                return rounds
            values = [trial.hyperparameters.values for trial in trials]
            rounds.append([(v["tuner/epochs"], v["tuner/initial_epoch"]) for v in values])
            for number, trial in enumerate(trials):
                oracle.update_trial(trial.trial_id, {"score": float(number * 7 % 11)})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)


@pytest.mark.parametrize(
    ("max_epochs", "factor", "iterations"),
    [(2, 2, 1), (3, 3, 1), (9, 3, 1), (9, 3, 2), (10, 3, 1), (16, 2, 1), (27, 3, 1), (100, 4, 1)],
)
def test_the_plan_of_hyperband_is_kerastuners(max_epochs, factor, iterations):
    options = hyperband.Options(max_epochs, factor, iterations)
    planned = [
        [(slot.epochs, slot.epochs_before) for slot in slots]
        for slots in hyperband.plan(SPACE, options, seed=0, where="")
    ]
    assert planned == kerastuner_rounds(max_epochs, factor, iterations)


def test_27_epochs_and_factor_3_are_four_brackets():
    # Li 2018, table 1, has 27-9-3-1, 12-4-1, 6-2, 4; KerasTuner rounds the second bracket's end up.
    assert [[size for size, _ in bracket] for bracket in hyperband.brackets(27, 3)] == [
        [27, 9, 3, 1],
        [12, 4, 2],
        [6, 2],
        [4],
    ]
    rounds = hyperband.plan(SPACE, hyperband.Options(27, 3), seed=0, where="")
    assert [len(slots) for slots in rounds] == [49, 15, 5, 1]


def test_only_trials_that_a_later_rung_may_take_leave_their_state():
    first, second, last = hyperband.plan(SPACE, hyperband.Options(9, 3), seed=0, where="")
    # Brackets 9-3-1, 5-2, 3: all but the last bracket's trials may go on, then the first's.


# Proposals


def model_of(setting):
    """Name the model: like hidden_dim in our models, width has no effect at depth 0."""
    return json.dumps({k: v for k, v in setting.items() if k != "width" or setting["depth"]})


def quality(setting):
    """Smallest, 2600, at depth 1, width 30, rate 0.4; the floor is that of real scores."""
    width = setting["width"] if setting["depth"] else 30
    off = abs(setting["depth"] - 1) + abs(width - 30) / 10 + 10 * abs(setting["rate"] - 0.4)
    return 2600 + off**2


def search(tuner, options, score=quality, space=SPACE, seed=5):
    """Run a whole search; return proposals and results, round by round."""
    proposals, history = [], []
    for number, slots in enumerate(tuner.plan(space, options, seed, "")):
        proposed = tuner.ask(space, options, seed, history, slots, model_of)
        assert len(proposed) == len(slots)
        names = [f"r{number}/{slot_name(i)}" for i in range(len(slots))]
        proposals.append(proposed)
        history.append(
            [
                proposal and Result(name, proposal.setting, score(proposal.setting))
                for name, proposal in zip(names, proposed, strict=True)
            ]
        )
    return proposals, history


def models(proposals):
    fresh = [p for p in itertools.chain(*proposals) if p is not None and p.continues is None]
    return [model_of(proposal.setting) for proposal in fresh]


BAYES = bayesian.Options(rounds=4, trials_per_round=4, num_initial_points=8)


@pytest.fixture(scope="module")
def bayesian_searches():
    """Four searches with seeds of their own."""
    return [search(bayesian, BAYES, seed=seed) for seed in (5, 6, 7, 8)]


def test_the_same_history_gives_the_same_proposals(bayesian_searches):
    (proposals, history), (other, _) = bayesian_searches[:2]
    slots = bayesian.plan(SPACE, BAYES, 5, "")[-1]
    assert bayesian.ask(SPACE, BAYES, 5, history[:-1], slots, model_of) == proposals[-1]
    assert other[0] != proposals[0]
    options = hyperband.Options(9, 3)
    assert search(hyperband, options) == search(hyperband, options)


def test_no_model_comes_twice(bayesian_searches):
    banded, _ = search(hyperband, hyperband.Options(9, 3))
    for proposals in (*(found for found, _ in bayesian_searches), banded):
        assert len(set(models(proposals))) == len(models(proposals))


def test_bayesian_search_finds_the_best_where_chance_would_not(bayesian_searches):
    # 96 configurations, 72 models: 16 trials at random find the best with probability 16 / 72,
    # and do so in three of four searches with probability 0.04.
    best = [min(r.score for r in itertools.chain(*history)) for _, history in bayesian_searches]
    assert best.count(2600) >= 3


def test_an_exhausted_space_leaves_slots_empty():
    space = {"depth": [0, 1], "width": [10, 20], "rate": [0.1]}  # 4 configurations, 3 models
    options = bayesian.Options(rounds=2, trials_per_round=2)
    proposals, _ = search(bayesian, options, space=space)
    assert proposals[1][1] is None
    assert len(models(proposals)) == len(set(models(proposals))) == 3


def test_the_best_of_each_bracket_go_on():
    proposals, history = search(hyperband, hyperband.Options(9, 3))
    scores = {result.name: result.score for result in itertools.chain(*history)}
    settings = {result.name: result.setting for result in itertools.chain(*history)}
    for number, parts in [(1, [(0, 9, 3), (9, 5, 2)]), (2, [(0, 3, 1)])]:
        continued = [proposal.continues for proposal in proposals[number]]
        expected = []
        for start, size, kept in parts:  # a bracket's slots in the round before
            bracket = [f"r{number - 1}/{slot_name(i)}" for i in range(start, start + size)]
            expected += sorted(bracket, key=scores.get)[:kept]
        assert continued == expected
        assert [p.setting for p in proposals[number]] == [settings[name] for name in continued]


def test_what_diverged_is_told_as_the_worst_and_does_not_go_on(monkeypatch):
    told = []
    monkeypatch.setattr(BayesianOracle, "remember", lambda self, *result: told.append(result[1]))
    setting = next(configurations(SPACE))
    history = [[Result("r0/s00", setting, 3.0), None], [Result("r1/s00", setting, None)]]
    bayesian.ask(SPACE, BAYES, 1, [*history, [Result("r2/s00", setting, 2.0)]], [], model_of)
    assert told == [3.0, 3.0, 2.0]

    def score(setting):
        return None if setting["rate"] > 0.25 else quality(setting)

    proposals, history = search(hyperband, hyperband.Options(9, 3), score)
    diverged = {r.name for r in itertools.chain(*history) if r and r.score is None}
    assert diverged
    assert not diverged & {p.continues for p in itertools.chain(*proposals) if p}


def test_a_bad_score_is_told_as_far_above_the_median_as_the_best_is_below():
    assert without_outliers([5.0, 1.0, 3.0, 1e9, None]) == [5.0, 1.0, 3.0, 9.0, 9.0]
    assert without_outliers([2.0, 2.0, 2.0, 7.0, 9.0]) == [2.0, 2.0, 2.0, 7.0, 7.0]
    assert without_outliers([2.0, 2.0]) == [2.0, 2.0]
    assert without_outliers([None, None]) == [0.0, 0.0] and without_outliers([]) == []


def test_an_outlier_does_not_blind_the_search():
    """Of 400 settings a few are worse by far, as trainings with too large a learning rate are."""
    axes = {name: list(range(20)) for name in ("x", "y")}

    def score(setting):
        near = (setting["x"] - 12) ** 2 + (setting["y"] - 5) ** 2
        return 1e6 * setting["y"] if setting["x"] > 17 else float(near)

    found = []
    for seed in range(3):
        history = []
        for _ in range(10):
            asked = bayesian.ask(
                axes, bayesian.Options(num_initial_points=9), seed, history, [Slot()] * 3, str
            )
            history.append([Result("", each.setting, score(each.setting)) for each in asked])
        found.append(min(result.score for result in itertools.chain(*history)))
    # A random search of 30 finds one of the nine best settings (score at most 2) half of the time.
    assert max(found) <= 2


def test_a_rung_of_which_all_diverged_stays_empty():
    proposals, _ = search(hyperband, hyperband.Options(3, 3), lambda setting: None)
    assert proposals[1] == [None]


# The rule's function

NMF_SPACE = {"alpha": [0.0, 0.1], "l1_ratio": [0.0, 0.5, 1.0], "latent_dim": [2, 3]}


FREE = {"epochs": None, "epochs_before": 0}


def propose(folder, number, **changed):
    """Ask for a round in a folder of trials; return the record."""
    path = folder / f"r{number}" / "proposals.json"
    path.parent.mkdir(exist_ok=True)
    values = {
        "earlier": [str(p) for n in range(number) for p in folder.glob(f"r{n}/*/*.json")],
        "proposals": str(path),
        "tuner": "bayesian",
        "options": {},
        "module": "nmf",
        "fixed": {},
        "space": NMF_SPACE,
        "slots": [FREE],
        "seed": 1,
    }
    propose_trials(**{**values, **changed})
    return read_json(path)


def end(folder, name, scores, proposal):
    """Write the results of a trial's executions; None: diverged."""
    for number, score in enumerate(scores):
        path = folder / name / f"e{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        status = "diverged" if score is None else "ok"
        record = {"status": status, "score": score, "proposal": proposal, "seed": 40 + number}
        write_json(record, path)


def test_a_round_is_told_the_mean_over_executions(tmp_path, monkeypatch):
    told = []

    def ask(space, options, seed, history, slots, model_of):
        told.extend(history)
        return [Proposal({"alpha": 0.0, "l1_ratio": 1.0, "latent_dim": 3})]

    first = propose(tmp_path, 0, slots=[FREE] * 12)["trials"]
    assert list(first) == [slot_name(number) for number in range(12)]
    # alpha 0 makes l1_ratio idle: 2 + 3 x 2 = 8 of the 12 configurations are distinct models.
    assert sum(proposal is None for proposal in first.values()) == 4
    (tmp_path / "r0").rename(tmp_path / "old")
    proposal = first["s00"]
    for name, scores in {"s00": [1.0, 2.0], "s01": [1.0, None], "s100": [3.0, 3.0]}.items():
        end(tmp_path, f"r0/{name}", scores, proposal)
    monkeypatch.setattr(bayesian, "ask", ask)
    record = propose(tmp_path, 1)
    assert [(result.name, result.score) for result in told[0]] == [
        ("r0/s00", 1.5),
        ("r0/s01", None),
        ("r0/s100", 3.0),
    ]
    assert record["round"] == 1
    assert record["trials"]["s00"]["setting"]["l1_ratio"] == 1.0
    assert record["trials"]["s00"]["hyperparameters"]["l1_ratio"] == 0.0, "no effect: the default"


def test_a_setting_that_is_trained_for_longer_keeps_its_seed(tmp_path):
    plan = hyperband.plan({}, hyperband.Options(3, 3), 0, "")
    slots = [[slot.__dict__ for slot in slots] for slots in plan]
    common = {
        "tuner": "hyperband",
        "options": {"max_epochs": 3, "factor": 3, "hyperband_iterations": 1},
        "module": "vae",
        "space": {"learning_rate": [0.001, 0.002, 0.003], "batch_size": [50, 100]},
    }
    first = propose(tmp_path, 0, **common | {"slots": slots[0]})["trials"]
    assert [proposal["hyperparameters"]["epochs"] for proposal in first.values()] == [1, 1, 1, 3, 3]
    for number, (name, proposal) in enumerate(first.items()):
        end(tmp_path, f"r0/{name}", [abs(number - 1), abs(number - 1)], proposal)
    (only,) = propose(tmp_path, 1, **common | {"slots": slots[1]})["trials"].values()
    assert only["continues"] == "r0/s01"
    assert only["seeds"] == {"e0": 40, "e1": 41}
    assert only["hyperparameters"] == {**first["s01"]["hyperparameters"], "epochs": 3}


def test_every_configuration_has_its_place_in_a_space():
    listed = list(configurations(SPACE))
    assert len(listed) == math.prod(len(values) for values in SPACE.values()) == 96
