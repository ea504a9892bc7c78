"""Rule functions of training and of the latent space, on a small matrix file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.encoding import (
    SAMPLE_MEASURES,
    encode_samples,
    measure_reconstruction,
    weigh_genes,
)
from tybalt.data.matrix import read_obs, write_matrix
from tybalt.data.samples import write_samples
from tybalt.jobs.files import read_json, read_table, write_json
from tybalt.plan.errors import InputError
from tybalt.plan.objectives import score
from tybalt.training import train as training
from tybalt.training.bundle import load_bundle
from tybalt.training.metrics import correlation
from tybalt.training.rows import make_inputs
from tybalt.training.train import fit_and_keep_best, train_model, train_trial

from .planted import N_GENES, plant, small

RECONSTRUCTION = {"backend": "tensorflow", "objective": "reconstruction", "patience": 0}
RECONSTRUCTION |= {"blocks": ["expression"], "bases": [], "label": None, "weight": None}
ELBO = {**RECONSTRUCTION, "objective": "elbo"}
SEED = 11


def write(path, X, parts=("train", "validation", "test")):
    split = np.array(parts)[np.arange(len(X)) % 10 % len(parts)]
    samples = [f"s{i:03d}" for i in range(len(X))]
    obs = pd.DataFrame({"split": split, "cancer_type": "BRCA"}, index=samples)
    columns = ["offset", "scale", "minimum", "maximum", "mean"]
    genes = [f"g{i}" for i in range(X.shape[1])]
    write_matrix(str(path), X, obs, pd.DataFrame(1.0, genes, columns), {"scaling": {}})
    return str(path)


def train_open(matrix, trial, module, hyperparameters, training, seed):
    """Train a trial of a non-adaptive search: nothing is proposed, and nothing goes on."""
    training = {**training, "module": module}
    train_trial(matrix, [], [], trial, "r0/abc/e0", hyperparameters, training, seed)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data") / "matrix.h5ad", plant(120, seed=4))


@pytest.fixture(scope="module")
def trained(matrix, tmp_path_factory):
    """A trial of a VAE, and its winner's model."""
    folder = tmp_path_factory.mktemp("trained")
    paths = {name: str(folder / name) for name in ("trial.json", "best.json", "model.zip", "h.tsv")}
    values = small("vae", kappa=0.5, epochs=4)
    train_open(matrix, paths["trial.json"], "vae", values, ELBO, SEED)
    record = read_json(paths["trial.json"])
    write_json({key: record[key] for key in ("hyperparameters", "seed")}, paths["best.json"])
    options = {**ELBO, "module": "vae"}
    train_model(matrix, [], paths["best.json"], paths["model.zip"], paths["h.tsv"], options, "none")
    return paths


def test_trial_holds_what_ranking_needs(trained):
    record = read_json(trained["trial.json"])
    assert record["status"] == "ok"
    assert record["epochs"] == 4
    assert record["best_epoch"] in (3, 4)
    assert record["score"] == record["history"]["score"][record["best_epoch"] - 1]
    assert record["hyperparameters"]["learning_rate"] == 0.0005
    assert record["parameters"] == 2 * (N_GENES * 4 + 4) + 4 * N_GENES + N_GENES


def test_the_winner_is_trained_as_its_trial_was(trained):
    table = read_table(trained["h.tsv"])
    started, history = table.iloc[0], table.iloc[1:].reset_index(drop=True)
    record = read_json(trained["trial.json"])
    assert (started["epoch"], started["eligible"], started["best"]) == (0, False, False)
    assert started["score"] == record["start"]["score"]
    assert pd.isna(started["loss"])
    expected = pd.DataFrame(record["history"])
    pd.testing.assert_frame_equal(
        history.drop(columns="best"), expected[list(history.drop(columns="best"))], check_exact=True
    )
    best_epoch = read_json(trained["trial.json"])["best_epoch"]
    assert history.loc[history["best"], "epoch"].tolist() == [best_epoch]
    bundle = load_bundle(trained["model.zip"])
    assert bundle.notes["best_epoch"] == best_epoch
    columns = ["block", "offset", "scale", "minimum", "maximum", "mean"]
    assert list(bundle.genes.columns) == columns


def test_latent_tables_are_complete_and_repeat_themselves(matrix, trained, tmp_path):
    table, roles = str(tmp_path / "samples.tsv"), {"label": "cancer_type", "strata": []}
    write_samples(read_obs(matrix), table)

    def write_tables(folder):
        folder.mkdir()
        names = ("encoding", "weights", "genes", "samples")
        paths = [str(folder / f"{name}.tsv.gz") for name in names]
        encode_samples(matrix, trained["model.zip"], paths[0])
        weigh_genes(trained["model.zip"], paths[1])
        measure_reconstruction(matrix, table, trained["model.zip"], roles, *paths[2:])
        return paths

    first, again = write_tables(tmp_path / "a"), write_tables(tmp_path / "b")
    for one, other in zip(first, again, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    encoding, weights, genes, samples = (read_table(path) for path in first)
    assert list(encoding) == ["sample", "z1", "z2", "z3", "z4"]
    assert list(weights["gene"]) == [f"g{i}" for i in range(N_GENES)]
    assert list(genes) == ["gene", "mse_train", "mse_validation", "mse_test", "pearson_test"]
    assert list(samples) == ["sample", "split", "cancer_type", *SAMPLE_MEASURES]
    by_part = samples.groupby("split")["mse"].mean()
    assert by_part["test"] == pytest.approx(genes["mse_test"].mean(), rel=1e-5)
    codes = load_bundle(trained["model.zip"]).codes
    in_train = encoding.set_index("sample").loc[codes.index]
    np.testing.assert_allclose(in_train, codes, atol=1e-6)


def test_a_matrix_with_other_genes_is_refused(trained, tmp_path):
    other = write(tmp_path / "other.h5ad", plant(30, seed=4)[:, :20])
    with pytest.raises(InputError, match="lacks 20 of its genes"):
        encode_samples(other, trained["model.zip"], str(tmp_path / "e.tsv.gz"))


def with_nan(X):
    X[1, 2] = np.nan
    return X


@pytest.mark.parametrize(
    ("module", "values", "training", "change", "message"),
    [
        ("vae", {}, ELBO, with_nan, "validation sample 1, gene 3: found nan"),
        ("vae", {"batch_size": 10}, ELBO, lambda X: X * 2, "expected 0 to 1"),
        ("vae", {"batch_size": 1000}, ELBO, None, "batch_size: found 1000, .* 48 training samples"),
        ("pca", {"latent_dim": 45}, RECONSTRUCTION, None, "latent_dim: found 45, .* at most 40"),
        ("vae", {"depht": 1}, ELBO, None, "did you mean 'depth'"),
    ],
)
def test_bad_input_is_refused_before_training(module, values, training, change, message, tmp_path):
    X = plant(120, seed=4)
    matrix = write(tmp_path / "m.h5ad", change(X) if change else X)
    with pytest.raises(InputError, match=message):
        train_open(matrix, str(tmp_path / "t.json"), module, values, training, SEED)
    assert not (tmp_path / "t.json").exists()


def test_a_diverging_trial_is_a_result(matrix, tmp_path):
    path = str(tmp_path / "t.json")
    train_open(matrix, path, "vae", small("vae", learning_rate=1e30), ELBO, SEED)
    record = read_json(path)
    assert record["status"] == "diverged"
    assert record["score"] is None
    assert record["best_epoch"] is None
    assert record["history"]["score"] == []
    (reason,) = record["warnings"]
    assert reason.startswith("diverged in epoch ") and "loss" in reason


# Best epoch, patience, score: without any model


class Scripted:
    """Gives the scores it is told, and remembers which epoch's weights it has."""

    inputs = make_inputs(["g"] * 10)
    hp = None

    def __init__(self, scores, warm_from=1):
        self.scores, self.warm_from, self.weights = scores, warm_from, 0

    def fit(self, train, validation, seed, first_epoch=1):
        for epoch, value in enumerate(self.scores, first_epoch):
            self.weights = epoch
            yield {
                "epoch": epoch,
                "loss": 1.0,
                "validation_mse": value,
                "eligible": epoch >= self.warm_from,
            }

    def arrays(self):
        return self.weights

    def load(self, arrays):
        self.weights = arrays


@pytest.mark.parametrize(
    ("scores", "warm_from", "patience", "best_epoch", "epochs"),
    [
        ([3, 1, 2], 1, 0, 2, 3),
        ([1, 3, 2], 2, 0, 3, 3),  # the first epoch does not count: the warm-up goes on
        ([1, 2, 3], 9, 0, 3, 3),  # the warm-up never ends: the last epoch
        ([3, 1, 2, 2, 0], 1, 2, 2, 4),
        ([1, 9, 9, 9, 2, 3, 1], 5, 2, 7, 7),  # patience starts after the warm-up
    ],
)
def test_best_epoch_and_patience(scores, warm_from, patience, best_epoch, epochs):
    model = Scripted(scores, warm_from)
    result = fit_and_keep_best(model, None, None, 0, "reconstruction", patience)
    assert (result.best_epoch, len(result.history["epoch"])) == (best_epoch, epochs)
    assert model.weights == best_epoch


def test_score_leaves_out_weights_and_noise():
    record = {"validation_mse": 0.02, "validation_bce": 0.5, "validation_kl": 7.0, "kl_weight": 0.0}
    assert score("reconstruction", record, 10) == 0.02
    assert score("elbo", record, 10) == 10 * 0.5 + 7.0


def test_correlation_equals_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 7))
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(correlation(a, b, axis=1), expected)
    assert np.isnan(correlation(np.ones((2, 3)), np.ones((2, 3)), axis=0)).all()


# Adaptive searches


def train_slot(matrix, folder, slot, proposal):
    """Train a slot as the rule does, with checkpoints; return the record and the log's place."""
    round_, name, execution = slot.split("/")
    trial = folder / "trials" / slot
    trial.parent.mkdir(parents=True, exist_ok=True)
    proposals = folder / "trials" / round_ / "proposals.json"
    write_json({"trials": {name: proposal}}, proposals)
    checkpoint = {"folder": str(folder / "checkpoints"), "every": 100, "code": "c", "threads": 1}
    options = {**ELBO, "module": "vae"}
    train_trial(
        matrix, [], str(proposals), f"{trial}.json", slot, None, options, SEED + 1, checkpoint
    )
    return read_json(f"{trial}.json")


def rung(epochs, continues=None, before=0, **values):
    hyperparameters = small("vae", kappa=0.25, depth=1, heads="batchnorm_relu", epochs=epochs)
    hyperparameters["start"] = "random"  # as those heads ask for
    return {
        "setting": {},
        "hyperparameters": {**hyperparameters, **values},
        "continues": continues,
        "epochs_before": before,
        "seeds": {"e0": SEED + 1},
    }


def test_a_longer_training_of_a_setting_begins_as_the_shorter_one(matrix, tmp_path):
    short = train_slot(matrix, tmp_path, "r0/s02/e0", rung(3))
    longer = train_slot(
        matrix, tmp_path, "r1/s00/e0", {**rung(9, "r0/s02", 3), "seeds": {"e0": short["seed"]}}
    )
    assert longer["seed"] == short["seed"]
    for name, values in short["history"].items():
        assert longer["history"][name][:3] == values, name


def test_a_slot_without_a_proposal_trains_nothing(matrix, tmp_path):
    record = train_slot(matrix, tmp_path, "r0/s00/e0", None)
    assert (record["status"], record["score"], record["epochs"]) == ("empty", None, 0)


def test_a_training_loads_nothing_that_it_does_not_use():
    code = (
        "import sys, os; os.environ['KERAS_BACKEND'] = 'tensorflow';"
        "from tybalt.training.model import make_model;"
        "from tybalt.training.rows import make_inputs;"
        "make_model('vae', make_inputs('abcdefghi'), {'latent_dim': 2});"
        "import tybalt.training.train;"
        "heavy = {'matplotlib', 'sklearn', 'scipy.stats', 'anndata'} & set(sys.modules);"
        "import sklearn.decomposition;"  # what was hidden can be imported afterwards
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    environment = {"PYTHONPATH": str(Path(training.__file__).parents[2]), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
