"""Importance of hyperparameters: analytical cases, and noise."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tybalt.jobs.files import read_table, write_table
from tybalt.tuning.importance import measure_importance


def search(path, score, repeat=1):
    """Write the table of a grid of 6 x 6 x 2 settings, scored by a function of (a, b, c)."""
    rows = [
        {"a": a, "b": b, "c": c, "round": "r0", "trial": f"{i // repeat:08x}"}
        for i, (a, b, c) in enumerate(itertools.product(range(6), range(6), ("x", "y")))
    ]
    table = pd.DataFrame(rows)
    table["mean"] = score(table)
    write_table(table, path)
    return path


def measured(tmp_path, score, **options):
    path = search(str(tmp_path / "trials.tsv"), score, **options)
    measure_importance(path, ["a", "b", "c"], 1, str(tmp_path / "importance.tsv"))
    return read_table(str(tmp_path / "importance.tsv"), index="hyperparameter")


def test_importance_of_a_sum_is_the_share_of_the_variance(tmp_path):
    # var(3 a) = 9 var(a), var(b) = var(a): shares 0.9 and 0.1
    table = measured(tmp_path, lambda t: 3 * t["a"] + t["b"])
    assert table["r2"].iloc[0] > 0.9
    assert list(table.index) == ["a", "b", "c"]
    assert table["importance"].tolist() == pytest.approx([0.9, 0.1, 0], abs=0.12)


def test_noise_is_not_predicted(tmp_path):
    rng = np.random.default_rng(0)
    table = measured(tmp_path, lambda t: rng.normal(size=len(t)))
    assert table["r2"].iloc[0] < 0.2


def test_settings_of_one_training_do_not_predict_each_other(tmp_path):
    """Two settings of each training share its luck: alone, that must not look like knowledge."""
    rng = np.random.default_rng(0)
    luck = np.repeat(rng.normal(size=36), 2)
    table = measured(tmp_path, lambda t: luck + 0.01 * rng.normal(size=len(t)), repeat=2)
    assert table["trainings"].iloc[0] == 36
    assert table["r2"].iloc[0] < 0.2


def test_scores_of_many_orders_of_magnitude_are_predicted_by_their_logarithm(tmp_path):
    table = measured(tmp_path, lambda t: 10.0 ** -t["a"])
    assert set(table["scale"]) == {"logarithmic"}
    assert table["importance"].idxmax() == "a"


def test_diverged_settings_are_left_out_and_too_few_say_so(tmp_path):
    table = measured(tmp_path, lambda t: np.where(np.arange(len(t)) < 66, np.nan, t["b"]))
    assert table["settings"].iloc[0] == 6
    assert table[["importance", "r2"]].isna().all(axis=None)


def test_the_same_table_again(tmp_path):
    first = measured(tmp_path, lambda t: t["a"] * t["b"])
    pd.testing.assert_frame_equal(first, measured(tmp_path, lambda t: t["a"] * t["b"]))
