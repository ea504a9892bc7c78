"""Findings looked for again: what comes back, what only looks alike, which groups are drawn."""

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.contrasts import Contrast
from tybalt.analysis.refits import compare_refit
from tybalt.analysis.stability import match_features, mean_stability
from tybalt.training.replicates import draw_positions

SAMPLES = 400


@pytest.fixture
def cohort():
    """Two types, which z1 follows; sex, which z2 follows within them; half of the samples train."""
    rng = np.random.default_rng(0)
    kind, male = rng.random(SAMPLES) < 0.5, rng.random(SAMPLES) < 0.5
    codes = pd.DataFrame(
        {
            "z1": 6.0 * kind + rng.normal(size=SAMPLES),
            "z2": 6.0 * kind + 2.0 * male + 0.3 * rng.normal(size=SAMPLES),
            "z3": rng.normal(size=SAMPLES),
        }
    )
    stratum = np.where(kind, "A", "B").astype(object)
    contrast = Contrast("sex", "male against female", "auroc", male.astype(float), stratum)
    return codes, contrast, np.arange(SAMPLES) < SAMPLES // 2


def compare(codes, again, contrast, train, feature="z2", effect=1.0):
    split = np.where(train, "train", "test")
    match = match_features(codes, again, split).set_index("feature")
    best = {"contrast": "sex", "feature": feature, "measure": "auroc", "effect_train": effect}
    table = compare_refit(pd.DataFrame([best]), match, again, [contrast], train, np.arange(SAMPLES))
    return table.iloc[0]


def test_a_feature_that_is_turned_and_moved_comes_back(cohort):
    codes, contrast, train = cohort
    again = pd.DataFrame({"z1": codes["z3"], "z2": codes["z1"], "z3": -5 * codes["z2"] + 1})
    row = compare(codes, again, contrast, train)
    assert row[["matched", "comes_back"]].tolist() == ["z3", "yes"]
    assert row["r"] == pytest.approx(-1)
    assert row["refit_effect_train"] == pytest.approx(1, abs=0.01)  # turned by the sign of r


def test_a_feature_that_follows_types_alone_correlates_but_does_not_come_back(cohort):
    """Without its part of sex the feature has |r| > 0.9, as types differ, and says nothing."""
    codes, contrast, train = cohort
    rng = np.random.default_rng(1)
    of_types = 6.0 * (contrast.stratum == "A") + 0.5 * rng.normal(size=SAMPLES)
    row = compare(codes, codes.assign(z2=of_types), contrast, train)
    assert abs(row["r"]) > 0.9
    assert row["refit_effect_train"] == pytest.approx(0.5, abs=0.1)
    assert row["comes_back"] == "no"


def test_another_feature_with_the_association_is_not_the_same(cohort):
    codes, contrast, train = cohort
    rng = np.random.default_rng(2)
    other = 2.0 * contrast.values + rng.normal(size=SAMPLES)  # sex, without the types
    row = compare(codes[["z2"]], pd.DataFrame({"z1": other}), contrast, train)
    assert row["matched"] == "z1"
    assert row["refit_effect_train"] > 0.8
    assert abs(row["r"]) < 0.7 and row["comes_back"] == "no"


def test_the_opposite_association_does_not_come_back(cohort):
    codes, contrast, train = cohort
    row = compare(codes, codes, contrast, train, effect=0.0)
    assert row["comes_back"] == "no"


def test_a_refit_with_fewer_features_or_a_constant_one_does_not_bring_it_back(cohort):
    codes, contrast, train = cohort
    for again in (codes[["z1", "z3"]], codes * 0.0):
        row = compare(codes, again, contrast, train)
        assert row["comes_back"] == "no"


def test_one_number_for_a_model_counts_active_features_alone():
    table = pd.DataFrame(
        {"kind": ["seed", "seed", "bootstrap", "bootstrap"], "feature": ["z1", "z2"] * 2}
    )
    table = table.assign(active=["yes", "no"] * 2, r=[-0.8, 0.1, 0.6, 0.0])
    assert mean_stability(table) == {"seed": 0.8, "bootstrap": 0.6}


# Bootstrap samples


def test_groups_are_drawn_whole_and_with_replacement():
    groups = np.repeat([f"p{i}" for i in range(100)], 2).astype(object)
    positions = draw_positions(groups, np.random.default_rng(0))
    assert len(positions) == 200
    counts = np.bincount(positions, minlength=200).reshape(100, 2)
    assert (counts[:, 0] == counts[:, 1]).all()
    # A group is left out with probability (1 - 1/n)^n, which tends to 1/e.
    assert (counts[:, 0] == 0).mean() == pytest.approx(np.exp(-1), abs=0.1)


def test_samples_without_groups_are_drawn_as_the_bootstrap_does():
    drawn = [
        draw_positions(np.arange(500).astype(object), np.random.default_rng(i)) for i in range(20)
    ]
    share = np.mean([len(set(each)) for each in drawn]) / 500
    assert share == pytest.approx(1 - np.exp(-1), abs=0.01)  # 63.2 %: Efron 1983
    again = draw_positions(np.arange(500).astype(object), np.random.default_rng(0))
    assert (drawn[0] == again).all()


def test_groups_of_any_size_give_as_many_rows_as_there_were():
    groups = np.array(["big"] * 60 + [f"p{i}" for i in range(40)], dtype=object)
    for seed in range(10):
        assert len(draw_positions(groups, np.random.default_rng(seed))) == 100
    assert draw_positions(np.array(["only"], object), np.random.default_rng(0)).tolist() == [0]
