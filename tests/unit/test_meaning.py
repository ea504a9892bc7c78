"""Stratified AUROC against scikit-learn, and questions asked of planted features."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tybalt import meaning


@pytest.fixture
def cohort():
    """Two cancer types; z1 follows sex in both, z2 follows the type, which follows sex."""
    rng = np.random.default_rng(0)
    n = 600
    cancer_type = rng.choice(["A", "B", "C"], n)
    male = rng.random(n) < np.select([cancer_type == "A", cancer_type == "B"], [0.8, 0.3], 1.0)
    obs = pd.DataFrame(
        {
            "cancer_type": cancer_type,
            "sex": np.where(male, "male", "female"),
            "split": np.where(np.arange(n) < 400, "train", "test"),
        },
        index=[f"s{i}" for i in range(n)],
    )
    codes = pd.DataFrame(
        {
            "z1": 1.5 * male + rng.normal(size=n),
            "z2": 2.0 * (cancer_type == "B") + rng.normal(size=n),
            "z3": rng.normal(size=n),
        },
        index=obs.index,
    )
    return codes, obs


SEX = {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}


def test_auroc_equals_scikit_learn_with_ties():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 5, size=(80, 3)).astype(float)
    side = rng.random(80) < 0.4
    expected = [roc_auc_score(side, values[:, column]) for column in range(3)]
    assert meaning.auroc(values, side) == pytest.approx(expected)


def test_stratified_auroc_weights_strata_as_van_elteren(cohort):
    codes, obs = cohort
    label = meaning.answers(obs, SEX)
    inside = obs["cancer_type"].isin(["A", "B"])
    total, weights = 0.0, 0.0
    for name in ("A", "B"):
        rows = obs["cancer_type"] == name
        n1, n0 = (label[rows] == 1).sum(), (label[rows] == 0).sum()
        weight = n1 * n0 / (n1 + n0 + 1)
        total += weight * roc_auc_score(label[rows], codes.loc[rows, "z1"])
        weights += weight
    found = meaning.stratified_auroc(codes[inside], label[inside], obs["cancer_type"][inside])
    assert found[0] == pytest.approx(total / weights)


def test_a_feature_that_follows_the_confounder_is_not_a_sex_feature(cohort):
    codes, obs = cohort
    without = {key: value for key, value in SEX.items() if key != "within"}
    naive = meaning.ask(codes, obs, without, seed=1).set_index("feature")
    table = meaning.ask(codes, obs, SEX, seed=1).set_index("feature")
    assert naive.loc["z2", "auroc_train"] < 0.4
    assert table.loc["z2", "auroc_train"] == pytest.approx(0.5, abs=0.07)
    assert table.index[0] == "z1"
    assert table.loc["z1", "auroc_test_low"] < table.loc["z1", "auroc_test"]
    assert table.loc["z1", "auroc_test"] < table.loc["z1", "auroc_test_high"]


def test_a_type_without_both_sexes_is_no_stratum(cohort):
    codes, obs = cohort
    table = meaning.ask(codes, obs, SEX, seed=1)
    assert set(table["strata"]) == {"A,B"}


def test_missing_answers_count_on_neither_side(cohort):
    codes, obs = cohort
    obs = obs.copy()
    obs.loc[obs.index[:50], "sex"] = None
    table = meaning.ask(codes, obs, {"covariate": "sex", "positive": ["male"]}, seed=1)
    assert table["n_positive_train"][0] + table["n_negative_train"][0] == 350


def test_too_few_positives_are_not_testable(cohort):
    codes, obs = cohort
    obs = obs.assign(rare="no")
    obs.iloc[[0, 1, 401, 402], obs.columns.get_loc("rare")] = "yes"
    table = meaning.ask(codes, obs, {"covariate": "rare", "positive": ["yes"]}, seed=1)
    assert set(table["testable"]) == {"fewer than 10 on one side"}


def test_without_a_test_part_validation_judges(cohort):
    codes, obs = cohort
    obs = obs.assign(split=obs["split"].replace("test", "validation"))
    assert set(meaning.ask(codes, obs, SEX, seed=1)["judged_on"]) == {"validation"}
