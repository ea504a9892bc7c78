"""What a trial records of contrasts, and read-outs as its score: recomputed with scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tybalt.data.matrix import read_values, write_matrix
from tybalt.jobs.files import read_json, write_json
from tybalt.plan.errors import InputError
from tybalt.training.bundle import load_bundle
from tybalt.training.train import train_model, train_trial

from .planted import plant, small

SAMPLES = 300
SEX = {"covariate": "sex", "positive": ["male"]}
WITHIN = {**SEX, "within": "kind"}
RARE = {"covariate": "kind", "positive": ["rare"]}
TRAINING = {
    "backend": "tensorflow", "objective": "reconstruction", "patience": 0, "bases": [],
    "blocks": ["expression"], "label": None, "weight": None, "group": "donor", "contrasts": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def obs():
    """Samples of which sex is known to one gene, and of which few are of the kind `rare`."""
    rng = np.random.default_rng(3)
    number = np.arange(SAMPLES)
    is_rare = (number % 15 < 2) | (number % 60 == 2)  # 40 training samples, 5 validation samples
    kinds = np.where(is_rare, "rare", rng.choice(["a", "b"], SAMPLES))
    return pd.DataFrame(
        {
            "split": np.array(["train", "train", "validation"])[number % 3],
            "donor": [f"d{i}" for i in range(SAMPLES)],
            "sex": rng.choice(["female", "male"], SAMPLES),
            "kind": kinds,
        },
        index=[f"s{i:03d}" for i in range(SAMPLES)],
    )


@pytest.fixture(scope="module")
def matrix(obs, tmp_path_factory):
    X = plant(SAMPLES, seed=4)
    X[:, 0] = 0.4 + 0.3 * (obs["sex"] == "male") + 0.1 * np.random.default_rng(5).random(SAMPLES)
    columns = ["offset", "scale", "minimum", "maximum", "mean"]
    genes = [f"g{i}" for i in range(X.shape[1])]
    path = str(tmp_path_factory.mktemp("data") / "matrix.h5ad")
    write_matrix(path, X, obs, pd.DataFrame(1.0, genes, columns), {"scaling": {}})
    return path


def run(matrix, folder, contrasts, module="pca", training=None, **values):
    """Train a trial, and its winner's model; return the record and the model."""
    training = {**TRAINING, **(training or {}), "module": module}
    paths = [str(folder / name) for name in ("trial.json", "best.json", "model.zip", "h.tsv")]
    hyperparameters = small(module, **values)
    train_trial(
        matrix, [], [], paths[0], "r0/x/e0", hyperparameters, training, 1,
        contrasts_to_check=contrasts,
    )  # fmt: skip
    record = read_json(paths[0])
    write_json({key: record[key] for key in ("hyperparameters", "seed")}, paths[1])
    train_model(matrix, [], paths[1], paths[2], paths[3], training, "none")
    return record, load_bundle(paths[2]).model


def recomputed(matrix, obs, model, penalties):
    """AUROC of sex on validation rows, by scikit-learn, for each penalty."""
    codes = model.encode(read_values(matrix)).astype(float)
    train, validation = ((obs["split"] == part).to_numpy() for part in ("train", "validation"))
    scaler, male = StandardScaler().fit(codes[train]), (obs["sex"] == "male").to_numpy()
    codes = scaler.transform(codes)
    areas = []
    for penalty in penalties:
        logistic = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
        logistic.fit(codes[train], male[train])
        areas.append(roc_auc_score(male[validation], logistic.decision_function(codes[validation])))
    return areas


@pytest.mark.parametrize("module", ["pca", "vae"])
def test_a_trial_records_what_its_model_says_of_validation_rows(matrix, obs, tmp_path, module):
    record, model = run(matrix, tmp_path, {"sex": SEX}, module)
    (sex,) = record["readouts"]
    assert sex["contrast"] == "sex"
    definition = {"covariate": "sex", "positive": ["male"], "within": None}
    assert {key: sex[key] for key in definition} == definition
    areas = recomputed(matrix, obs, model, [10.0**power for power in range(-2, 5)])
    assert min(abs(area - sex["effect"]) for area in areas) < 2e-3
    assert sex["low"] <= sex["effect"] <= sex["high"]
    validation = obs[obs["split"] == "validation"]
    assert (sex["n"], sex["n_positive"]) == (100, (validation["sex"] == "male").sum())
    assert sex["reason"] == ""


def test_the_record_alone_depends_on_the_contrasts(matrix, tmp_path):
    folders = [tmp_path / name for name in ("none", "some")]
    for folder in folders:
        folder.mkdir()
    (without, _), (with_two, _) = (
        run(matrix, folder, contrasts)
        for folder, contrasts in zip(folders, ({}, {"sex": WITHIN, "rare": RARE}), strict=True)
    )
    assert without.pop("readouts") == []
    sex, rare = with_two.pop("readouts")
    assert without == with_two
    assert sex["within"] == "kind"
    assert rare["reason"] == "5 positive validation donors, fewer than 10"
    assert [rare[name] for name in ("effect", "low", "high")] == [None] * 3
    models = [(folder / "model.zip").read_bytes() for folder in folders]
    assert models[0] == models[1]


def test_a_read_out_as_objective_scores_the_epoch_of_the_smallest_error(matrix, tmp_path):
    training = {"objective": "readout:sex", "contrasts": {"sex": SEX}}
    record, _ = run(matrix, tmp_path, {"sex": SEX}, "vae", training, epochs=4, learning_rate=0.05)
    history = record["history"]
    eligible = [e for e, counts in enumerate(history["eligible"]) if counts]
    best = min(eligible, key=lambda epoch: history["validation_mse"][epoch])
    assert record["best_epoch"] == best + 1
    assert [epoch for epoch, each in enumerate(history["score"]) if each is not None] == [best]
    assert record["score"] == -record["readouts"][0]["effect"]


def test_a_sum_adds_the_shares_that_are_left_of_the_mean_sample(matrix, obs, tmp_path):
    name = "2 reconstruction + 0.5 readout:sex"
    training = {"objective": name, "contrasts": {"sex": SEX}}
    record, model = run(matrix, tmp_path, {"sex": SEX}, "pca", training)
    X = read_values(matrix).astype(float)
    train, validation = ((obs["split"] == part).to_numpy() for part in ("train", "validation"))
    own = np.mean((X - model.reconstruct(X.astype("float32")))[validation] ** 2)
    of_mean = np.mean((X[validation] - X[train].mean(axis=0)) ** 2)
    area = record["readouts"][0]["effect"]
    assert record["score"] == pytest.approx(2 * own / of_mean + 0.5 * 2 * (1 - area), rel=1e-5)
    assert record["objective"] == name


def test_an_objective_that_validation_rows_cannot_answer_is_refused(matrix, tmp_path):
    training = {"objective": "readout:rare", "contrasts": {"rare": RARE}}
    with pytest.raises(InputError, match="rare cannot be read out: 5 positive validation donors"):
        run(matrix, tmp_path, {}, "vae", training)
    assert not list(tmp_path.iterdir())
