"""Ranking of settings. Expected numbers are worked out by hand."""

import json
import math

import pytest

from tybalt.jobs.files import read_json, read_table
from tybalt.plan.errors import InputError
from tybalt.tuning.ranking import rank_trials, score_at


def record(scores, eligible=None, status="ok", seed=1, start=None, **hyperparameters):
    return {
        "status": status,
        "module": "vae",
        "objective": "elbo",
        "seed": seed,
        "parameters": 100 + 10 * hyperparameters.get("depth", 0),
        "epochs": len(scores),
        "proposal": None,
        "start": start,
        "hyperparameters": {"epochs": max(1, len(scores)), **hyperparameters},
        "readouts": [],
        "history": {"score": scores, "eligible": eligible or [True] * len(scores)},
    }


def rank(tmp_path, trials, settings, space=None):
    """Rank records given as {trial: [one record per execution]}; a trial may name its round."""
    paths = []
    for name, records in trials.items():
        for number, content in enumerate(records):
            path = tmp_path / in_round(name) / f"e{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
            paths.append(str(path))
    settings = {in_round(name): answered for name, answered in settings.items()}
    outputs = [str(tmp_path / n) for n in ("trials.tsv", "best.json", "trial_readouts.tsv")]
    asked = sum(len(answered) for answered in settings.values())
    rank_trials(paths, settings, space or {"depth": [0, 1, 2]}, asked, *outputs)
    return read_table(outputs[0]), read_json(outputs[1])


def in_round(name):
    return name if "/" in name else f"r0/{name}"


def test_a_shorter_run_is_read_off_the_longest():
    run = record([5.0, 3.0, 4.0, 2.0])
    assert [score_at(run, epochs).score for epochs in (1, 2, 3, 4)] == [5.0, 3.0, 3.0, 2.0]
    assert [score_at(run, epochs).best_epoch for epochs in (1, 2, 3, 4)] == [1, 2, 2, 4]


def test_epochs_of_the_warm_up_do_not_count_unless_there_are_no_others():
    run = record([1.0, 2.0, 5.0, 4.0], eligible=[False, False, True, True])
    assert [score_at(run, epochs).score for epochs in (1, 2, 3, 4)] == [1.0, 2.0, 5.0, 4.0]


def test_a_run_that_stopped_early_counts_with_its_best():
    assert score_at(record([3.0, 2.0, 2.5]), 10).score == 2.0


def test_a_run_that_diverged_counts_up_to_the_epoch_before():
    run = record([3.0, 2.0], status="diverged")
    assert score_at(run, 2).score == 2.0
    assert score_at(run, 3).status == "diverged"
    assert math.isnan(score_at(run, 3).score)


def test_best_comes_first_and_diverged_last(tmp_path):
    trials = {
        "a": [record([9.0], depth=0)],
        "b": [record([7.0], depth=1)],
        "c": [record([], status="diverged", depth=2)],
    }
    table, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials})
    assert list(table["trial"]) == ["b", "a", "c"]
    assert list(table["status"]) == ["ok", "ok", "diverged"]
    assert set(table["tied"]) == {"not tested", "no"}
    assert (best["trial"], best["score"]) == ("b", 7.0)


def test_ties_are_within_one_standard_error_and_broken_by_cost(tmp_path):
    # Both settings have sd 1, so the pooled sd is 1 and its standard error 1 / sqrt(2) = 0.707:
    # 7.5 is tied with 7.0, 9.0 is not. "cheap" has 100 parameters, "best" 110.
    trials = {
        "best": [record([7.0 - math.sqrt(0.5)], depth=1), record([7.0 + math.sqrt(0.5)], depth=1)],
        "cheap": [record([7.5 - math.sqrt(0.5)], depth=0), record([7.5 + math.sqrt(0.5)], depth=0)],
        "bad": [record([9.0 - math.sqrt(0.5)], depth=2), record([9.0 + math.sqrt(0.5)], depth=2)],
    }
    table, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials})
    assert dict(zip(table["trial"], table["tied"], strict=True)) == {
        "best": "yes",
        "cheap": "yes",
        "bad": "no",
    }
    assert table["sd"].tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert best["trial"] == "cheap"
    assert best["tied"]
    assert best["equals"] == ["best", "cheap"]
    assert table.set_index("trial")["chosen"].to_dict() == {
        "best": "no",
        "cheap": "yes",
        "bad": "no",
    }


def test_hyperparameters_without_effect_are_empty_and_epochs_come_from_the_setting(tmp_path):
    trials = {"a": [record([3.0, 2.0], depth=0, hidden_dim=300)]}
    table, best = rank(
        tmp_path,
        trials,
        {"a": [[1, 2], [2, 2]]},
        {"depth": [0], "hidden_dim": [100, 300], "epochs": [1, 2]},
    )
    assert table["hidden_dim"].isna().all()
    assert table["epochs"].tolist() == [2, 1]
    assert table["configurations"].tolist() == [2, 2]
    assert best["hyperparameters"]["epochs"] == 2
    assert best["inert"] == ["hidden_dim"]
    # One training of 2 epochs; the setting with 1 is read off it.
    assert table["epochs_spent"].tolist() == [2, 0]
    assert (best["trainings"], best["epochs"]) == (1, 2)


def proposed(continues=None, before=0):
    return {"setting": {}, "continues": continues, "epochs_before": before, "seeds": {}}


def test_rounds_keep_slots_of_the_same_name_apart(tmp_path):
    trials = {
        f"r{number}/s00": [{**record([score], seed=number), "proposal": proposed()}]
        for number, score in enumerate([5.0, 4.0])
    }
    table, best = rank(tmp_path, trials, {"r0/s00": [], "r1/s00": []})
    assert table["round"].tolist() == ["r1", "r0"]
    assert table["started"].tolist() == [2, 1]
    assert best["seed"] == 1


def hyperband(last):
    """Three settings for 1 epoch; s01 goes on to 3 epochs and ends as told."""
    first = {
        f"r0/s{number:02d}": [{**record([score], depth=number), "proposal": proposed()}]
        for number, score in enumerate([5.0, 4.0, 4.5])
    }
    return {**first, "r1/s00": [{**last, "proposal": proposed("r0/s01", 1)}]}


def test_a_setting_that_went_on_stands_once_with_all_its_epochs(tmp_path):
    trials = hyperband(record([4.0, 3.0, 3.5], depth=1))
    table, best = rank(tmp_path, trials, dict.fromkeys(trials, []))
    assert (table["round"] + "/" + table["trial"]).tolist() == ["r1/s00", "r0/s02", "r0/s00"]
    assert table["started"].tolist() == [2, 3, 1]
    assert table["epochs_spent"].tolist() == [1 + 3, 1, 1]
    assert (best["score"], best["trainings"], best["epochs"]) == (3.0, 4, 6)
    assert best["hyperparameters"]["epochs"] == 3


def test_a_setting_that_diverged_when_it_went_on_keeps_what_it_had(tmp_path):
    diverged = record([4.0], status="diverged", depth=1)
    diverged["hyperparameters"]["epochs"] = 3
    trials = hyperband(diverged)
    table, best = rank(tmp_path, trials, dict.fromkeys(trials, []))
    assert (table["round"] + "/" + table["trial"]).tolist()[0] == "r0/s01"
    assert table["status"].tolist() == ["ok", "ok", "ok", "diverged"]
    assert (best["score"], best["epochs"]) == (4.0, 4)


EMPTY = {"status": "empty", "module": "vae", "hyperparameters": {}, "epochs": 0, "proposal": None}


def test_empty_slots_are_listed_last_and_count_as_nothing(tmp_path):
    trials = {"s00": [EMPTY], "s01": [{**record([3.0], depth=1), "proposal": proposed()}]}
    table, best = rank(tmp_path, trials, dict.fromkeys(trials, []))
    assert table["status"].tolist() == ["ok", "empty"]
    assert table["n"].tolist() == [1, 0]
    assert (best["trainings"], best["epochs"]) == (1, 1)
    assert "1 slots left empty" in best["note"]


def test_a_hyperparameter_that_changed_nothing_is_named(tmp_path, caplog):
    # Scores by (depth, kappa): kappa changes nothing, wherever depth is the same; depth does.
    scores = {(0, 0.1): 5.0, (0, 1.0): 5.0, (1, 0.1): 4.0, (1, 1.0): 4.0}
    trials = {
        f"s{n}": [record([score], depth=depth, kappa=kappa)]
        for n, ((depth, kappa), score) in enumerate(scores.items())
    }
    space = {"depth": [0, 1], "kappa": [0.1, 1.0], "beta": [1.0]}
    with caplog.at_level("INFO"):
        _, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials}, space)
    assert best["inert"] == ["kappa"]
    assert best["note"].endswith("changed nothing: kappa")
    assert "changed nothing: kappa" in caplog.text


def test_a_hyperparameter_that_changed_one_score_is_not_inert(tmp_path):
    scores = {(0, 0.1): 5.0, (0, 1.0): 5.0, (1, 0.1): 4.0, (1, 1.0): 4.000001}
    trials = {
        f"s{n}": [record([score], depth=depth, kappa=kappa)]
        for n, ((depth, kappa), score) in enumerate(scores.items())
    }
    space = {"depth": [0, 1], "kappa": [0.1, 1.0]}
    _, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials}, space)
    assert best["inert"] == []


def test_hyperparameters_of_which_nothing_was_compared_are_not_called_inert(tmp_path):
    trials = {"a": [record([5.0], depth=0, kappa=0.1)], "b": [record([4.0], depth=1, kappa=1.0)]}
    space = {"depth": [0, 1], "kappa": [0.1, 1.0]}
    _, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials}, space)
    assert best["inert"] == []


def test_a_setting_whose_warm_up_has_not_ended_says_so(tmp_path):
    trials = {"a": [record([3.0, 2.0], eligible=[False, True])]}
    table, _ = rank(tmp_path, trials, {"a": [[1, 1], [2, 1]]})
    assert table.set_index("run_epochs")["warnings"].fillna("").to_dict() == {
        1: "the warm-up had not ended",
        2: "",
    }


def test_a_search_that_diverged_altogether_is_named_with_what_to_lower(tmp_path):
    gone = record([], status="diverged", learning_rate=0.1, beta=1e300, depth=1)
    gone["warnings"] = ["diverged in epoch 1: not finite: loss"]
    other = {**gone, "hyperparameters": {**gone["hyperparameters"], "learning_rate": 10.0}}
    with pytest.raises(InputError) as caught:
        rank(tmp_path, {"a": [gone], "b": [other]}, {"a": [[1, 1]], "b": [[1, 1]]})
    message = str(caught.value)
    assert message == (
        f"{tmp_path.parent}: every training diverged (diverged in epoch 1: not finite: loss); no "
        "setting has a finite score: lower learning_rate (0.1, 10) or beta (1e+300), or take "
        "another optimizer"
    )


def test_a_setting_no_better_than_its_start_says_so(tmp_path):
    trials = {
        "a": [record([5.0, 3.0], start={"score": 2.5})],
        "b": [record([5.0, 4.0], depth=1, start={"score": 9.0})],
    }
    table, best = rank(tmp_path, trials, {"a": [(2, 1)], "b": [(2, 1)]})
    assert table.set_index("trial")["warnings"].fillna("").to_dict() == {"a": "as started", "b": ""}
    assert best["trial"] == "a" and best["as_started"] and best["start"] == {"score": 2.5}
    # With one epoch read off, it is the start that counts, too.
    assert score_at(trials["b"][0], 1).as_started is False
    assert score_at(trials["a"][0], 2).as_started is True


# Read-outs


def recorded(effect, within=None):
    definition = {"covariate": "sex", "positive": ["male", "m"], "within": within}
    numbers = {"effect": effect, "low": effect, "high": effect, "n": 30, "n_positive": 12}
    return [{"contrast": "sex", **definition, **numbers, "reason": ""}]


def read_out(score, effect, within=None, **hyperparameters):
    kept = {"readouts": recorded(effect, within=within), "best_epoch": 1}
    return record([score], **hyperparameters) | kept


def test_read_outs_stand_beside_the_settings_and_rank_nothing(tmp_path):
    trials = {
        "a": [read_out(7.0, 0.6, depth=0)] * 2,
        "b": [read_out(9.0, 1.0, depth=1)],
        "c": [read_out(8.0, 0.9, within="kind", depth=2)],
        "d": [record([], status="diverged", depth=2)],
    }
    table, best = rank(tmp_path, trials, {name: [[1, 1]] for name in trials})
    assert best["trial"] == "a"
    shown = table.set_index("trial")["readout_sex"]
    # That of the first training; none of another definition, and none of one that diverged.
    assert shown[["a", "b"]].tolist() == [0.6, 1.0]
    assert shown[["c", "d"]].isna().all()
    long = read_table(str(tmp_path / "trial_readouts.tsv"))
    assert long["trial"].tolist() == ["a", "c", "b"]
    assert long["chosen"].tolist() == ["yes", "no", "no"]
    assert long["positive"].tolist() == ["male; m"] * 3
    assert long["within"].fillna("").tolist() == ["", "kind", ""]
    assert long["setting"].tolist() == ["depth 0", "depth 2", "depth 1"]


def test_a_setting_that_is_read_off_a_longer_run_has_the_read_out_of_the_same_epoch_only(tmp_path):
    run = record([5.0, 3.0, 4.0, 2.0]) | {"readouts": recorded(0.8), "best_epoch": 4}
    settings = {"a": [[2, 1], [4, 1]]}
    table, _ = rank(tmp_path, {"a": [run]}, settings, {"epochs": [2, 4]})
    shown = table.set_index("epochs")["readout_sex"]
    assert shown[4] == 0.8 and math.isnan(shown[2])
    long = read_table(str(tmp_path / "trial_readouts.tsv")).set_index("run_epochs")
    assert long.loc[2, "reason"] == "recorded at epoch 4, and this setting ends at 2"
