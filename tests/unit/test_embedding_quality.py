"""Measures of embeddings: against scikit-learn, and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn import manifold

from tybalt.analysis import embedding_quality as quality
from tybalt.jobs.files import write_table


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(size=(700, 6))


def test_trustworthiness_equals_scikit_learn(values):
    plane = values[:, :2] + 0.1 * np.random.default_rng(1).normal(size=(700, 2))
    found = quality.trustworthiness(values, quality.nearest(plane, 10))
    assert found == pytest.approx(manifold.trustworthiness(values, plane, n_neighbors=10))


def test_a_perfect_map_keeps_all_and_a_random_one_next_to_nothing():
    plane = np.random.default_rng(2).normal(size=(600, 2))
    lifted = np.hstack([plane, np.zeros((600, 3))])
    types = np.where(plane[:, 0] > 0, "A", "B")
    perfect, _ = quality.measure_embedding(lifted, quality.nearest(lifted, 50), plane, types)
    assert perfect["trustworthiness"] == 1
    assert perfect["kept_10"] == perfect["kept_50"] == 1
    assert perfect["label_accuracy"] > 0.95
    shuffled = np.random.default_rng(3).permutation(plane)
    random, purity = quality.measure_embedding(lifted, quality.nearest(lifted, 50), shuffled, types)
    assert random["trustworthiness"] == pytest.approx(0.5, abs=0.05)
    assert random["kept_10"] == pytest.approx(10 / 599, abs=0.01)
    assert random["kept_50"] == pytest.approx(50 / 599, abs=0.01)
    assert random["label_accuracy"] == pytest.approx(0.5, abs=0.07)
    assert purity["label"].tolist() == ["A", "B"]
    assert purity["n"].sum() == 600


def test_purity_is_that_of_each_label_and_unknown_types_are_no_label():
    plane = np.concatenate([np.random.default_rng(4).normal(size=(40, 2)) + x for x in (0, 99)])
    types = np.array(["A"] * 40 + ["B"] * 30 + [""] * 10, dtype=object)
    row, purity = quality.measure_embedding(plane, quality.nearest(plane, 50), plane, types)
    purity = purity.set_index("label")
    assert purity.loc["A", "purity"] == 1
    assert 0.6 < purity.loc["B", "purity"] < 0.9
    assert purity.loc["B", "n"] == 30
    assert row["purity"] == pytest.approx(purity["purity"].mean())


def test_embeddings_are_told_by_their_columns():
    names = ["tsne", "umap", "pca"]
    table = pd.DataFrame({f"{n}_{i}": [float(k)] for k, n in enumerate(names) for i in (1, 2)})
    found = quality.planes(table)
    assert {key: value[0, 0] for key, value in found.items()} == {
        "tsne": 0,
        "umap": 1,
        "pca": 2,
    }


def test_what_is_not_defined_of_few_samples_is_a_dash(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(14, 5))
    row, _ = quality.measure_embedding(
        values, quality.nearest(values, 50), rng.normal(size=(14, 2)), None
    )
    assert np.isnan(row["trustworthiness"]) and np.isnan(row["kept_50"])
    assert 0 < row["kept_10"] < 1
    table = pd.DataFrame([{"of": "genes", "method": "tsne", **row}])
    write_table(table, tmp_path / "embedding_quality.tsv")
    said = quality.what_embeddings_keep(str(tmp_path / "embedding_quality.tsv"))["t-SNE of genes"]
    assert said.endswith("nearest neighbours, – of 50; trustworthiness –")
