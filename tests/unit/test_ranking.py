"""Ranking of settings. Expected numbers are worked out by hand."""

import json
import math

import pytest

from tybalt.files import read_json, read_table
from tybalt.ranking import rank_trials, score_at


def record(scores, eligible=None, status="ok", seed=1, **hyperparameters):
    return {
        "status": status,
        "module": "vae",
        "objective": "elbo",
        "seed": seed,
        "parameters": 100 + 10 * hyperparameters.get("depth", 0),
        "hyperparameters": {"epochs": max(1, len(scores)), **hyperparameters},
        "history": {"score": scores, "eligible": eligible or [True] * len(scores)},
    }


def rank(tmp_path, trials, settings, searched=("depth",)):
    """Rank records given as {trial: [one record per execution]}."""
    paths = []
    for name, records in trials.items():
        for number, content in enumerate(records):
            path = tmp_path / "r0" / name / f"e{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
            paths.append(str(path))
    settings = {f"r0/{name}": answered for name, answered in settings.items()}
    outputs = str(tmp_path / "trials.tsv"), str(tmp_path / "best.json")
    rank_trials(paths, settings, searched, sum(len(s) for s in settings.values()), *outputs)
    return read_table(outputs[0]), read_json(outputs[1])


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
    assert best["equals"] == ["best", "cheap"]
    assert table.set_index("trial")["chosen"].to_dict() == {
        "best": "no",
        "cheap": "yes",
        "bad": "no",
    }


def test_hyperparameters_without_effect_are_empty_and_epochs_come_from_the_setting(tmp_path):
    trials = {"a": [record([3.0, 2.0], depth=0, hidden_dim=300)]}
    table, best = rank(
        tmp_path, trials, {"a": [[1, 2], [2, 2]]}, searched=("depth", "hidden_dim", "epochs")
    )
    assert table["hidden_dim"].isna().all()
    assert table["epochs"].tolist() == [2, 1]
    assert table["configurations"].tolist() == [2, 2]
    assert best["hyperparameters"]["epochs"] == 2


def test_rounds_keep_slots_of_the_same_name_apart(tmp_path):
    paths = []
    for number, scores in enumerate(([5.0], [4.0])):
        path = tmp_path / f"r{number}" / "s00" / "e0.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record(scores, seed=number)))
        paths.append(str(path))
    outputs = str(tmp_path / "trials.tsv"), str(tmp_path / "best.json")
    rank_trials(paths, {"r0/s00": [[1, 1]], "r1/s00": [[1, 1]]}, [], 2, *outputs)
    assert read_table(outputs[0])["round"].tolist() == ["r1", "r0"]
    assert read_json(outputs[1])["seed"] == 1


def test_a_setting_whose_warm_up_has_not_ended_says_so(tmp_path):
    trials = {"a": [record([3.0, 2.0], eligible=[False, True])]}
    table, _ = rank(tmp_path, trials, {"a": [[1, 1], [2, 1]]})
    assert table.set_index("run_epochs")["warnings"].fillna("").to_dict() == {
        1: "the warm-up had not ended",
        2: "",
    }


def test_nothing_to_rank_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="every training diverged"):
        rank(tmp_path, {"a": [record([], status="diverged")]}, {"a": [[1, 1]]})
