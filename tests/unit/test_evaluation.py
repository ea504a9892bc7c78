"""Judging models: expected values by hand and from scikit-learn and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.metrics import balanced_accuracy_score

from tybalt.analysis import classification, evaluation
from tybalt.data.samples import Samples
from tybalt.jobs.files import read_table, write_json, write_table
from tybalt.training.metrics import cross_entropy


def test_balanced_accuracy_equals_scikit_learn():
    rng = np.random.default_rng(0)
    truth = rng.choice(["A", "B", "C"], 200, p=[0.8, 0.15, 0.05])
    predicted = np.where(rng.random(200) < 0.6, truth, "A")
    expected = balanced_accuracy_score(truth, predicted)
    assert classification.balanced_accuracy(predicted == truth, truth) == pytest.approx(expected)


def test_the_interval_holds_the_estimate():
    rng = np.random.default_rng(0)
    truth = rng.choice(["A", "B"], 300)
    hits = rng.random(300) < 0.7
    low, high = evaluation.accuracy_interval(hits, truth, np.arange(300), seed=1)
    assert low < classification.balanced_accuracy(hits, truth) < high
    # Standard error of a share of 0.7 among 300: sqrt(0.21 / 300) = 0.0265; 1.96 of it each side.
    assert high - low == pytest.approx(2 * 1.96 * 0.0265, rel=0.2)


def test_samples_that_are_all_hits_have_an_interval_with_a_width():
    """Of one label it is Wilson's: 20 of 20 give 0.839 (Newcombe 1998, 0 of 20: 0 to 0.1611)."""
    hits, groups = np.full(20, True), np.arange(20)
    low, high = evaluation.accuracy_interval(hits, np.full(20, "A"), groups, seed=1)
    assert (low, high) == (pytest.approx(1 - 0.1611, abs=5e-5), 1)
    # Two labels of ten each: Wilson's bound of 10 of 10 is 1 / (1 + z^2 / 10), and the bound of the
    # mean departs by the root of the mean of squares over root 2.
    low, _ = evaluation.accuracy_interval(hits, np.repeat(["A", "B"], 10), groups, seed=1)
    assert low == pytest.approx(1 - (1 - 1 / (1 + 1.959964**2 / 10)) / np.sqrt(2))
    # Ten samples of one donor are one witness.
    low, _ = evaluation.accuracy_interval(hits, np.full(20, "A"), np.repeat([0, 1], 10), seed=1)
    assert low == pytest.approx(1 / (1 + 1.959964**2 / 2))


def test_codes_that_tell_types_apart_score_one_and_noise_scores_chance():
    rng = np.random.default_rng(0)
    types = np.repeat(["A", "B", "C", "D"], 60)
    obs = pd.DataFrame({"cancer_type": types, "split": np.tile(["train", "train", "test"], 80)})
    obs["patient"] = range(240)
    clear = pd.DataFrame(np.eye(4)[pd.factorize(types)[0]] + 0.01 * rng.normal(size=(240, 4)))
    noise = pd.DataFrame(rng.normal(size=(240, 4)))
    samples = Samples(obs, {"group": "patient", "label": "cancer_type", "strata": []})
    good = evaluation.label_accuracy(clear, samples, 1)
    bad = evaluation.label_accuracy(noise, samples, 1)
    assert good["knn_accuracy"] == good["logistic_accuracy"] == 1
    assert bad["knn_accuracy"] == pytest.approx(0.25, abs=0.12)
    assert bad["logistic_accuracy"] == pytest.approx(0.25, abs=0.12)


def test_the_auroc_keeps_the_direction_seen_in_training():
    table = pd.DataFrame(
        {
            "contrast": ["sex", "sex", "rare", "organ:Eye"],
            "named": ["yes", "yes", "yes", "no"],
            "rank": [1, 2, 1, 1],
            "effect_train": [0.1, 0.8, 0.9, 0.9],
            "effect_test": [0.2, 0.7, 0.9, 0.9],
            "effect_test_low": [0.1, 0.6, 0.8, 0.8],
            "effect_test_high": [0.3, 0.8, 1.0, 1.0],
            "verdict": ["confirmed", "not confirmed", "not testable", "confirmed"],
        }
    )
    result = evaluation.contrast_strength(table)
    assert result == pytest.approx({"auroc_sex": 0.8, "auroc_sex_low": 0.7, "auroc_sex_high": 0.9})


def test_cross_entropy_of_a_perfect_reconstruction_is_its_floor():
    X = np.random.default_rng(0).uniform(0.01, 0.99, (4, 50))
    bce, floor, clipped = cross_entropy(X, X)
    assert bce == pytest.approx(floor)
    assert floor == pytest.approx(entropy(np.stack([X, 1 - X]), axis=0).mean(axis=1))
    assert (clipped == 0).all()


def test_a_reconstruction_outside_zero_one_is_clipped_and_counted():
    X = np.array([[0.0, 1.0, 0.5, 0.5]])
    bce, _, clipped = cross_entropy(X, np.array([[-0.2, 1.2, 0.5, 0.5]]))
    assert clipped == [0.5]
    assert bce == pytest.approx([(2 * -np.log(1 - 1e-7) + 2 * np.log(2)) / 4])


def test_values_outside_zero_one_have_no_cross_entropy():
    assert all(
        np.isnan(values).all() for values in cross_entropy(np.full((2, 3), -1.0), np.ones((2, 3)))
    )


def compared(tmp_path, warnings=(), **of_models):
    """Compare models given by name -> what their evaluation holds besides.

    `warnings` are what `compare_readouts` has to say: (model, sentence).
    """
    same = {"evaluated_on": "test", "parameters": 7}
    for name, record in of_models.items():
        write_json(same | record, tmp_path / f"{name}.json")
    lost = pd.DataFrame(list(warnings), columns=["model", "warning"]).assign(tuner="none")
    write_table(lost, str(tmp_path / "readouts.tsv"))
    evaluation.compare_models(
        [str(tmp_path / f"{name}.json") for name in of_models],
        str(tmp_path / "readouts.tsv"),
        [[name, "none"] for name in of_models],
        str(tmp_path / "leaderboard.tsv"),
    )
    return read_table(str(tmp_path / "leaderboard.tsv"))


A = {"mse": 0.02, "mse_of_mean": 0.04, "explained": 0.5, "module": "vae"}
B = {"mse": 0.01, "mse_of_mean": 0.04, "explained": 0.75, "module": "pca"}


def test_the_leaderboard_starts_with_the_best_reconstruction(tmp_path):
    table = compared(tmp_path, a=A, b=B)
    assert table["model"].tolist()[:2] == ["b", "a"]
    assert "mse_of_mean" not in table


def test_the_leaderboard_says_which_rows_are_controls_and_has_the_floor(tmp_path):
    table = compared(tmp_path, a=A | {"mse": 0.05}, b=B)
    assert table["control"].fillna("").tolist() == ["linear baseline", "mean sample", ""]
    floor = table.iloc[1]
    assert (floor["mse"], floor["explained"], floor["evaluated_on"]) == (0.04, 0.0, "test")
    assert floor[["model", "tuner", "module", "parameters"]].isna().all()
    lines = (tmp_path / "leaderboard.tsv").read_text().splitlines()
    assert [line.split("\t")[-1] for line in lines] == ["parameters", "7", "", "7"], "whole counts"


def test_models_of_other_features_have_no_error_of_the_mean_in_common(tmp_path):
    floor = compared(tmp_path, a=A, b=B | {"mse_of_mean": 0.05}).iloc[-1]
    assert np.isnan(floor["mse"]) and floor["explained"] == 0


def test_what_a_model_has_lost_joins_its_warnings(tmp_path):
    models = {
        name: A | {"warnings": said} for name, said in {"a": "dead", "b": "", "c": ""}.items()
    }
    table = compared(tmp_path, [("a", "sex is lost"), ("b", "age is lost"), ("c", None)], **models)
    warnings = table.set_index("model")["warnings"].fillna("")
    assert warnings[["a", "b", "c"]].tolist() == ["dead; sex is lost", "age is lost", ""]


def test_the_leaderboard_has_the_read_outs_of_named_contrasts_that_can_be_tested(tmp_path):
    ends = {"effect_test_low": [0.9, np.nan, 0.5], "effect_test_high": [1.0, np.nan, 0.7]}
    table = pd.DataFrame(
        {"contrast": ["sex", "rare", "age"], "named": ["yes", "yes", "no"], **ends}
    )
    found = evaluation.readout_strength(table.assign(effect_test=[0.95, np.nan, 0.6]))
    assert found == {"readout_sex": 0.95, "readout_sex_low": 0.9, "readout_sex_high": 1.0}
    board = compared(tmp_path, a=A | found, b=B)
    assert board.set_index("model").loc["a", list(found)].tolist() == [0.95, 0.9, 1.0]
