"""The winner trained again: on which rows, with which seed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from tybalt.data.matrix import write_matrix
from tybalt.jobs.files import read_table, write_json
from tybalt.training import replicates
from tybalt.training.replicates import bootstrap_of, draw_positions, train_replicate
from tybalt.training.rows import read_rows

TRAINING = {
    "module": "pca",
    "backend": "tensorflow",
    "objective": "reconstruction",
    "patience": 0,
    "blocks": None,
    "bases": [],
    "label": None,
    "weight": None,
}


@pytest.fixture
def files(tmp_path):
    """Forty donors of two samples each, in three parts; the winner is PCA with two components."""
    rng = np.random.default_rng(0)
    n = 80
    obs = pd.DataFrame(
        {
            "donor": [f"d{i // 2}" for i in range(n)],
            "split": np.repeat(["train", "validation", "test"], [60, 10, 10]),
            "mass": rng.random(n) + 0.5,
        },
        index=pd.Index([f"s{i}" for i in range(n)], name="sample"),
    )
    X = (rng.normal(size=(n, 3)) @ rng.normal(size=(3, 12)) + 0.1 * rng.normal(size=(n, 12))) / 10
    X = (X + 0.5).astype("float32")
    paths = {name: str(tmp_path / name) for name in ("matrix", "best", "replicate")}
    paths["replicate_rotation"] = str(tmp_path / "rotation")
    write_matrix(paths["matrix"], X, obs, pd.DataFrame(index=[f"g{i}" for i in range(12)]), {})
    write_json({"hyperparameters": {"latent_dim": 2}, "seed": 7}, paths["best"])
    return paths, X, obs


def test_a_bootstrap_is_a_fit_to_the_drawn_samples_that_encodes_all(files):
    paths, X, obs = files
    train_replicate(bases=[], training=TRAINING, rotation="none", drawn="donor", seed=3, **paths)
    codes = read_table(paths["replicate"], index="sample")
    assert list(codes.index) == list(obs.index)
    donors = obs["donor"].to_numpy(object)[:60]
    rows = X[:60][draw_positions(donors, np.random.default_rng(3))]
    expected = PCA(2, svd_solver="full").fit(rows.astype(float)).transform(X.astype(float))
    for ours, theirs in zip(codes.to_numpy().T, expected.T, strict=True):
        assert abs(np.corrcoef(ours, theirs)[0, 1]) == pytest.approx(1, abs=1e-3)
    again = codes.to_numpy()
    train_replicate(bases=[], training=TRAINING, rotation="none", drawn="donor", seed=3, **paths)
    assert (read_table(paths["replicate"], index="sample").to_numpy() == again).all()
    train_replicate(bases=[], training=TRAINING, rotation="none", drawn="donor", seed=4, **paths)
    assert (read_table(paths["replicate"], index="sample").to_numpy() != again).any()


def test_validation_and_test_samples_are_never_drawn_and_weights_stay_one_on_average(files):
    paths, X, obs = files
    columns = {"weight": "mass"}
    parts = read_rows(paths["matrix"], ["train", "validation"], None, columns)
    drawn = bootstrap_of(paths["matrix"], "donor", 5)(parts["train"])
    assert len(drawn) == 60
    assert set(drawn.names) < set(obs.index[:60])
    counts = pd.Series(drawn.names).value_counts()
    donors = counts.groupby(obs["donor"].reindex(counts.index)).agg(["size", "nunique"])
    assert (donors["size"] == 2).mean() > 0.9  # whole donors, but for the last
    assert (donors["nunique"] == 1).mean() > 0.9
    assert drawn.weight.mean() == pytest.approx(1, abs=1e-6)
    assert drawn.weight[0] / drawn.weight[-1] == pytest.approx(
        obs["mass"][drawn.names[0]] / obs["mass"][drawn.names[-1]], rel=1e-5
    )


@pytest.mark.parametrize(("drawn", "seed"), [("donor", 7), (None, 3)])
def test_of_a_bootstrap_the_samples_alone_change(files, monkeypatch, drawn, seed):
    """The seed of the training is the winner's where samples are drawn, else another one."""
    asked = {}

    def stop(*arguments):
        asked["seed"], asked["redraw"] = arguments[4], arguments[6]
        raise KeyboardInterrupt

    monkeypatch.setattr(replicates, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        train_replicate(
            bases=[], training=TRAINING, rotation="none", drawn=drawn, seed=3, **files[0]
        )
    assert asked["seed"] == seed
    assert (asked["redraw"] is None) == (drawn is None)
