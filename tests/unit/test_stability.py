"""Features found again: a code that is turned, shuffled and noisy, and one that is another."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import CCA

from tybalt.analysis.stability import match_features, svcca

SPLIT = np.array(["train"] * 300 + ["test"] * 100)


@pytest.fixture
def codes():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(400, 4)), columns=["z1", "z2", "z3", "z4"])


def test_shuffled_and_turned_features_are_found_again(codes):
    again = pd.DataFrame(-3 * codes[["z3", "z1", "z4", "z2"]].to_numpy() + 7, columns=codes.columns)
    table = match_features(codes, again, SPLIT).set_index("feature")
    assert table["matched"].to_dict() == {"z1": "z2", "z2": "z4", "z3": "z1", "z4": "z3"}
    assert table["r"].tolist() == pytest.approx([-1.0] * 4)
    assert table["svcca"].iloc[0] == pytest.approx(1)


def test_features_are_matched_on_training_and_evaluated_on_test_samples(codes):
    again = codes.copy()
    again.loc[300:, "z2"] = np.random.default_rng(1).normal(size=100)
    table = match_features(codes, again, SPLIT).set_index("feature")
    assert table.loc["z2", "matched"] == "z2"
    assert abs(table.loc["z2", "r"]) < 0.3
    assert table.loc["z1", "r"] == pytest.approx(1)


def test_each_feature_is_taken_once_and_the_rest_have_no_match(codes):
    fewer = codes[["z2", "z4"]]
    table = match_features(codes, fewer, SPLIT).set_index("feature")
    assert table["matched"].to_dict() == {"z1": "", "z2": "z2", "z3": "", "z4": "z4"}
    assert table["r"].tolist() == pytest.approx([0, 1, 0, 1])


def test_a_constant_code_is_matched_with_nothing(codes):
    table = match_features(codes, codes * 0 + 1, SPLIT)
    assert (table["r"] == 0).all()
    assert (table["svcca"] == 0).all()


def test_svcca_is_the_mean_canonical_correlation(codes):
    rng = np.random.default_rng(2)
    a = codes.to_numpy()
    b = a[:, :3] @ rng.normal(size=(3, 3)) + rng.normal(size=(400, 3))
    x, y = CCA(n_components=3, max_iter=5000).fit_transform(a, b)
    expected = np.mean([np.corrcoef(x[:, i], y[:, i])[0, 1] for i in range(3)])
    assert svcca(a, b) == pytest.approx(expected, abs=0.01)


def test_svcca_of_a_rotated_code_is_one_and_leaves_out_small_directions(codes):
    rng = np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    noise = 1e-3 * rng.normal(size=(400, 1))
    with_noise = np.hstack([codes.to_numpy() @ rotation, noise])
    assert svcca(codes.to_numpy(), with_noise) == pytest.approx(1, abs=1e-9)
