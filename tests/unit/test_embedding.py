"""Maps: their columns, and what becomes of a constant code."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.embedding import map_table
from tybalt.plan.errors import InputError

SAMPLES = pd.Index([f"s{i}" for i in range(90)])


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 5)) + 8 * np.repeat(np.eye(3, 5), 30, axis=0)


def test_the_columns_are_named_by_method(values):
    table = map_table(SAMPLES, values, ["tsne"], 7, 1)
    assert list(table) == ["sample", "tsne_1", "tsne_2", "pca_1", "pca_2"]


def test_groups_stay_together_on_the_map(values):
    table = map_table(SAMPLES, values, ["tsne"], 7, 1)
    plane = table[["tsne_1", "tsne_2"]].to_numpy().reshape(3, 30, 2)
    centres = plane.mean(axis=1)
    radius = np.linalg.norm(plane - centres[:, None], axis=2).max()
    apart = np.linalg.norm(centres[[0, 0, 1]] - centres[[1, 2, 2]], axis=1).min()
    assert apart > radius


def test_a_constant_code_has_no_map(values):
    table = map_table(SAMPLES, 0 * values, ["tsne"], 7, 1)
    assert table.drop(columns="sample").isna().all(axis=None)


def test_a_umap_keeps_groups_and_is_the_same_again(values):
    pytest.importorskip("umap")
    table = map_table(SAMPLES, values, ["umap"], 7, 1)
    assert list(table)[1:5] == ["umap_1", "umap_2", "pca_1", "pca_2"]
    pd.testing.assert_frame_equal(table, map_table(SAMPLES, values, ["umap"], 7, 1))
    plane = table[["umap_1", "umap_2"]].to_numpy()
    near = np.linalg.norm(plane[:, None] - plane, axis=2).argsort(axis=1)[:, 1:6]
    assert (near // 30 == np.arange(90)[:, None] // 30).mean() > 0.95


@pytest.mark.parametrize("other", ["none", "constant"])
def test_a_code_of_one_live_feature_has_a_umap(values, other):
    pytest.importorskip("umap")
    one = values[:, :1]
    one = one if other == "none" else np.hstack([one, np.ones_like(one)])
    table = map_table(SAMPLES, one, ["umap"], 7, 1)
    assert np.isfinite(table[["umap_1", "umap_2"]].to_numpy()).all()


def test_umap_says_how_to_get_it(values, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install umap-learn"):
        map_table(SAMPLES, values, ["umap"], 7, 1)
