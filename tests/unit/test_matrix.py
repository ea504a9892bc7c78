from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.data.matrix import (
    held_out_part,
    present_parts,
    read_blocks,
    read_features,
    read_notes,
    read_obs,
    read_observed,
    read_parts,
    read_values,
    read_var,
    write_matrix,
)
from tybalt.plan.errors import InputError

N_SAMPLES, N_GENES = 3_001, 4  # more rows than are read at a time


def example(parts=("train", "validation", "test")):
    X = np.random.default_rng(0).random((N_SAMPLES, N_GENES), dtype=np.float32)
    obs = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(N_SAMPLES)],
            "sex": np.resize(np.array(["male", None, "female"], object), N_SAMPLES),
            "age": np.arange(N_SAMPLES, dtype=float),
            "stage": None,
            "split": np.resize(np.array(parts, object), N_SAMPLES),
        },
        index=pd.Index([f"S{i:05d}" for i in range(N_SAMPLES)], name="sample"),
    )
    var = pd.DataFrame({"mean": X.mean(0)}, index=pd.Index(list("WXYZ"), name="gene"))
    return X, obs, var


@pytest.fixture
def matrix(tmp_path):
    path = str(tmp_path / "matrix.h5ad")
    write_matrix(path, *example(), {"scaling": "zero_one", "counts": {"rows": 4}})
    return path


def test_parts_are_the_rows_of_that_part_in_file_order(matrix):
    X, obs, _ = example()
    parts = read_parts(matrix)
    assert list(parts) == ["train", "validation", "test"]
    for part, values in parts.items():
        assert values.dtype == np.float32 and values.flags.c_contiguous
        np.testing.assert_array_equal(values, X[obs["split"] == part])
    np.testing.assert_array_equal(read_parts(matrix, ["test"])["test"], parts["test"])
    np.testing.assert_array_equal(read_values(matrix), X)


def test_tables_come_back(matrix):
    _, obs, var = example()
    found = read_obs(matrix)
    assert list(found.index) == list(obs.index) and found.index.name == "sample"
    assert found["sex"].isna().sum() == 1000 and set(found["sex"].dropna()) == {"male", "female"}
    assert found["age"].dtype == np.float64 and found["stage"].isna().all()
    assert list(read_var(matrix).index) == list(var.index)
    assert read_notes(matrix)["counts"]["rows"] == 4


def test_an_absent_part_is_named(tmp_path):
    path = str(tmp_path / "two_parts.h5ad")
    write_matrix(path, *example(("train", "validation")), {})
    assert list(read_parts(path)) == ["train", "validation"]
    with pytest.raises(InputError, match="'test'.*allowed: train, validation"):
        read_parts(path, ["test"])


def test_the_held_out_part_is_test_where_there_is_one():
    assert held_out_part(["train", "test", "validation"]) == "test"
    assert held_out_part(pd.Series(["train", "validation"], dtype="category")) == "validation"
    assert present_parts(["test", "train"]) == ("train", "test")


def test_the_same_content_gives_the_same_bytes_uncompressed(matrix, tmp_path):
    import h5py

    again = tmp_path / "again.h5ad"
    write_matrix(str(again), *example(), {"scaling": "zero_one", "counts": {"rows": 4}})
    assert Path(matrix).read_bytes() == again.read_bytes()
    with h5py.File(matrix) as file:
        assert file["X"].chunks is None and file["X"].compression is None


def test_blocks_are_read_alone_or_together(tmp_path):
    X, obs, var = example()
    observed = np.ones(X.shape, bool)
    observed[5, 2:] = False
    path = str(tmp_path / "blocks.h5ad")
    blocks = ["rna", "rna", "methylation", "methylation"]
    write_matrix(path, X, obs, var.assign(block=blocks), {}, observed)
    assert read_blocks(path) == {"rna": 2, "methylation": 2}  # in the order of the columns
    np.testing.assert_array_equal(read_values(path, ["methylation"]), X[:, 2:])
    np.testing.assert_array_equal(read_values(path, ["methylation", "rna"]), X)
    assert read_features(path, ["methylation"]) == list(read_var(path, ["methylation"]).index)
    assert read_features(path, ["rna"]) == ["W", "X"]
    train = obs["split"] == "train"
    np.testing.assert_array_equal(read_parts(path, ["train"], ["rna"])["train"], X[train, :2])
    np.testing.assert_array_equal(read_observed(path), observed)
    assert read_observed(path, ["rna"]) is None
    with pytest.raises(InputError, match="no block 'protein'.*methylation"):
        read_parts(path, ["train"], ["protein"])


def test_a_matrix_that_was_measured_throughout_has_one_block_and_no_layer(matrix):
    assert read_blocks(matrix) == {"expression": N_GENES}
    assert read_observed(matrix) is None
