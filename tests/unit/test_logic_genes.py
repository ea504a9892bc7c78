"""Logic genes: probabilities, exact products, and the matrix that is written of them."""

from pathlib import Path

import numpy as np
import pytest

from tybalt.data.matrix import read_notes, read_obs, read_parts, read_values, read_var
from tybalt.data.simulation.logic_genes import generate_logic_genes, logic_genes
from tybalt.plan.errors import InputError

SPLIT = {"method": "stratified", "validation": 0.2, "test": 0.0}


def test_columns_are_those_of_the_lecture():
    assert list(logic_genes(10, 2, "binary", 0).columns) == ["g1", "g2", "g1*g2"]
    three = ["g1", "g2", "g3", "g1*g2", "g1*g3", "g2*g3"]
    assert list(logic_genes(10, 3, "binary", 0).columns) == three
    waves = ["wave(g1)", "wave(g2)", "wave(g3)"]
    assert list(logic_genes(10, 3, "uniform", 0).columns) == three + waves


@pytest.mark.parametrize("values", ["binary", "uniform"])
def test_products_are_exact(values):
    X = logic_genes(500, 3, values, 1)
    for product in ("g1*g2", "g1*g3", "g2*g3"):
        a, b = product.split("*")
        assert (X[product] == X[a] * X[b]).all()
    assert X.min(axis=None) >= 0 and X.max(axis=None) <= 1


def test_waves_go_round_once():
    X = logic_genes(500, 2, "uniform", 1)
    np.testing.assert_allclose(X["wave(g1)"], (1 + np.sin(2 * np.pi * X["g1"])) / 2)


def test_probabilities_of_the_patterns():
    """With p even in 0..1: P(k of n on) = integral of C(n, k) p^k (1 - p)^(n - k) = 1 / (n + 1)."""
    X = logic_genes(200_000, 3, "binary", 2)
    on = X[["g1", "g2", "g3"]].sum(axis=1)
    shares = on.value_counts(normalize=True).sort_index()
    # standard error of a share of 1/4: sqrt(0.25 * 0.75 / 200,000) = 0.001
    np.testing.assert_allclose(shares, [0.25] * 4, atol=0.005)
    assert set(np.unique(X)) == {0, 1}
    assert X["g1*g2"].mean() == pytest.approx(1 / 3, abs=0.005)  # integral of p^2


def test_uniform_values_are_independent():
    X = logic_genes(100_000, 2, "uniform", 3)
    assert X["g1"].mean() == pytest.approx(0.5, abs=0.005)
    assert X["g1"].var() == pytest.approx(1 / 12, abs=0.002)
    assert np.corrcoef(X["g1"], X["g2"])[0, 1] == pytest.approx(0, abs=0.015)


def write(path, seed=7, **logic):
    logic = {"samples": 1000, "independent": 3, "values": "binary"} | logic
    generate_logic_genes(logic, SPLIT, seed, str(path), str(path.with_suffix(".tsv")))
    return str(path)


def test_the_matrix_has_the_form_of_a_preprocessed_one(tmp_path):
    matrix = write(tmp_path / "matrix.h5ad")
    obs, var, X = read_obs(matrix), read_var(matrix), read_values(matrix)
    assert X.dtype == np.float32 and X.shape == (1000, 6)
    assert obs["split"].value_counts().to_dict() == {"train": 800, "validation": 200}
    assert (obs["patient"].astype(str) == obs.index).all()
    assert {"rank_statistic", "mean", "sd", "minimum", "maximum", "offset", "scale"} <= set(var)
    train = read_parts(matrix)["train"]
    np.testing.assert_allclose(var["mean"], train.mean(axis=0), rtol=1e-6)
    assert (var["offset"] == 0).all() and (var["scale"] == 1).all()
    assert read_notes(matrix)["counts"]["patterns"] == 8  # 2^3: validation repeats training


def test_same_seed_same_bytes_and_other_seed_other_values(tmp_path):
    first, again = write(tmp_path / "a.h5ad"), write(tmp_path / "b.h5ad")
    other = write(tmp_path / "c.h5ad", seed=8)
    assert Path(first).read_bytes() == Path(again).read_bytes()
    assert (read_values(first) != read_values(other)).any()


def test_unknown_values_are_refused(tmp_path):
    with pytest.raises(InputError, match="did you mean 'binary'"):
        write(tmp_path / "x.h5ad", values="binery")
