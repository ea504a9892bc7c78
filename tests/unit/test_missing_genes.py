"""Missing genes: what the model reconstructs of them, until the code stands still."""

import numpy as np
import pandas as pd
import pytest
from shared_study import GENES, RANGE, make_study, pca_bundle

from tybalt.analysis.missing_genes import (
    TOLERANCE,
    cost_of_missing,
    deal_missing,
    distance_in_spreads,
    fill_missing,
    hide_and_fill,
    hide_genes,
    scale_samples,
    spread_of_codes,
)
from tybalt.training.bundle import load_bundle
from tybalt.training.rows import Rows, make_inputs


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Samples of three planted factors that all genes share, so that genes tell of each other."""
    folder = tmp_path_factory.mktemp("study")
    files = make_study(folder)
    rng = np.random.default_rng(3)
    factors, loadings = rng.normal(size=(240, 3)), rng.normal(size=(3, 20))
    X = 0.5 + 0.04 * (factors @ loadings) + 0.01 * rng.normal(size=(240, 20))
    files["X"] = np.clip(X, 0, 1).astype("float32")
    is_train = (files["obs"]["split"] == "train").to_numpy()
    files["var"]["mean"] = files["X"][is_train].mean(axis=0, dtype="float64") * RANGE
    path = str(folder / "pca.zip")
    pca_bundle(files, path)
    return {"bundle": load_bundle(path), "X": files["X"][~is_train]}


def hidden(study, genes):
    """Hide genes of the held-out samples: a start for filling in, and what was measured."""
    found = ~np.isin(GENES, genes)
    X = hide_genes(study["bundle"], study["X"], found)
    return X, np.broadcast_to(found, X.shape), found


def test_principal_components_end_at_the_least_squares_of_what_was_measured(study):
    """Alternating projections converge to the code that fits the measured genes best."""
    bundle = study["bundle"]
    X, measured, found = hidden(study, GENES[:6])
    zero = np.zeros((1, 3), "float32")
    centre = bundle.model.decode(zero)
    components = np.vstack([bundle.model.decode(row[None]) for row in np.eye(3, dtype="float32")])
    components = components - centre
    rest = (study["X"] - centre)[:, found]
    expected = np.linalg.lstsq(components[:, found].T, rest.T, rcond=None)[0].T
    codes = bundle.model.encode(fill_missing(bundle, X, measured))
    moved = distance_in_spreads(codes, expected.astype("float32"), spread_of_codes(bundle))
    # The last step was shorter than the tolerance; what remains is a geometric series of steps.
    assert moved.max() < 3 * TOLERANCE


def test_filling_in_costs_less_than_training_means_and_both_are_told(study):
    bundle = study["bundle"]
    X, measured, _ = hidden(study, GENES[:6])
    filled = fill_missing(bundle, X, measured)
    cost = cost_of_missing(bundle, Rows(study["X"], bundle.model.inputs), filled, measured)
    assert cost["code_error"] < 0.3 * cost["code_error_of_means"]
    true = bundle.model.encode(study["X"])
    difference = bundle.model.encode(X) - true
    expected = np.sqrt(np.mean(difference**2)) / spread_of_codes(bundle)
    assert cost["code_error_of_means"] == pytest.approx(expected, rel=1e-4)
    assert cost["mse"] < cost["mse_genes_hidden"]


def test_what_was_measured_stays_and_whole_samples_are_not_touched(study):
    bundle = study["bundle"]
    X = study["X"].copy()
    measured = np.ones(X.shape, bool)
    measured[0, :5] = False
    filled = fill_missing(bundle, X, measured)
    assert np.array_equal(filled[measured], X[measured])
    assert not np.array_equal(filled[0, :5], X[0, :5])
    whole = np.ones(X.shape, bool)
    assert fill_missing(bundle, X, whole) is X


def test_a_code_does_not_depend_on_the_samples_beside_it(study):
    bundle = study["bundle"]
    rng = np.random.default_rng(0)
    measured = rng.random(study["X"].shape) > 0.3
    X = np.where(measured, study["X"], study["X"].mean(axis=0))
    together = fill_missing(bundle, X, measured)
    alone = np.vstack(
        [fill_missing(bundle, X[i : i + 1], measured[i : i + 1]) for i in range(len(X))]
    )
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_values_filled_in_stay_within_the_training_range(study):
    bundle = study["bundle"]
    X = np.full((4, 20), 40.0, "float32")  # far outside
    measured = np.zeros(X.shape, bool)
    measured[:, 10:] = True
    filled = fill_missing(bundle, X, measured)
    assert filled[:, :10].min() >= 0 and filled[:, :10].max() <= 1


def test_scaling_takes_the_training_mean_and_says_what_was_measured(study):
    bundle = study["bundle"]
    raw = pd.DataFrame({"KRT5": [4.0, np.nan], "more": [1.0, 2.0]}, ["a", "b"])
    X, measured = scale_samples(bundle, raw)
    assert measured.sum() == 1 and measured[0, 1]
    assert X[0, 1] == 4 / RANGE
    expected = (bundle.genes["mean"] / RANGE).to_numpy("float32")
    np.testing.assert_allclose(X[1], expected)


def test_held_out_samples_lack_what_new_ones_do_and_what_they_lacked():
    """Each new sample is dealt out equally often; one that would leave nothing is passed over."""
    measured = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1]], bool)
    X, inputs = np.zeros((6, 4), "float32"), make_inputs(list("abcd"))
    left = deal_missing(measured, Rows(X, inputs), seed=1)
    patterns, counts = np.unique(left, axis=0, return_counts=True)
    assert counts.tolist() == [2, 2, 2]
    assert sorted(patterns.tolist()) == sorted(measured.tolist())
    assert np.array_equal(left, deal_missing(measured, Rows(X, inputs), seed=1))

    observed = np.ones((6, 4), bool)
    observed[:3, 1] = False  # what they lack stays missing
    left = deal_missing(measured, Rows(X, inputs, observed), seed=1)
    assert not left[:3, 1].any() and left.any(axis=1).all()
    observed[:] = [True, False, False, False]  # the first new sample alone has it
    left = deal_missing(measured, Rows(X, inputs, observed), seed=1)
    assert np.array_equal(left, observed)
    left = deal_missing(measured[1:], Rows(X, inputs, observed), seed=1)
    assert not left.any()


def test_filling_in_what_held_out_samples_lack_themselves_costs_nothing(study):
    """The cost is that of what new samples lack: without any, both errors are the same."""
    bundle = study["bundle"]
    observed = np.random.default_rng(5).random(study["X"].shape) > 0.2
    held_out = Rows(study["X"], bundle.model.inputs, observed)
    for share, costs in ((0.0, False), (0.2, True)):
        new = np.random.default_rng(6).random((30, 20)) >= share
        left = deal_missing(new, held_out, seed=1)
        cost = cost_of_missing(bundle, held_out, hide_and_fill(bundle, held_out.X, left), left)
        assert (cost["mse_genes_hidden"] > cost["mse"]) == costs
        assert ("code_error" in cost) == costs
