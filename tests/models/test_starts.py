"""Where trainings begin: at the mean, or as principal components."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.decomposition import PCA

from tybalt.plan.hyperparameters import trial_id
from tybalt.plan.objectives import is_as_started
from tybalt.training.bundle import Bundle, compute_layers, feature_names, save_bundle
from tybalt.training.layers import Centre
from tybalt.training.model import load_module
from tybalt.training.rows import Rows, make_inputs
from tybalt.training.starts import begin, observed_mean
from tybalt.training.train import find_marks

from .planted import GENES, GRADIENT_MODULES, fitted, plant, rows, small, untrained

STARTING = [
    name for name in GRADIENT_MODULES if "start" in load_module(name).HParams.__dataclass_fields__
]

#: Settings in which every network passes components through (three of them are planted).
AS_COMPONENTS = [
    ("linear_autoencoder", {}),
    ("linear_autoencoder", {"tied": True}),
    ("autoencoder", {"depth": 0}),
    ("autoencoder", {"depth": 2, "activation": "tanh"}),
    ("autoencoder", {"depth": 1, "activation": "relu"}),
    ("vae", {}),
    ("vae", {"depth": 2}),
    ("adage", {}),
    ("adage", {"tied": True}),
    ("adage", {"activation": "sigmoid"}),
    ("contractive_autoencoder", {"tied": False, "activation": "tanh"}),
    ("contractive_autoencoder", {"tied": False, "activation": "sigmoid"}),
]


def begun(name, data, start, seed=5, **values):
    """Make a model and begin, without training it."""
    autoencoder = untrained(name, small(name, start=start, **values), seed)
    begin(autoencoder.model, start, rows(data.train))
    return autoencoder


def components_of(X, k):
    pca = PCA(k, svd_solver="full").fit(X.astype(float))
    return pca.inverse_transform(pca.transform(X))


# At the mean


@pytest.mark.parametrize("name", STARTING)
def test_the_mean_sample_is_reconstructed_as_itself(name, planted):
    autoencoder = begun(name, planted, "mean")
    mean = planted.train.mean(axis=0, keepdims=True)
    np.testing.assert_allclose(autoencoder.reconstruct(mean), mean, atol=1e-5)


@pytest.mark.parametrize("name", ["vae", "linear_autoencoder"])
def test_a_code_of_0_is_decoded_as_the_mean(name, planted):
    autoencoder = begun(name, planted, "mean")
    decoded = autoencoder.decode(np.zeros((1, 4), np.float32))[0]
    np.testing.assert_allclose(decoded, planted.train.mean(axis=0), atol=1e-6)


def test_a_start_leaves_random_kernels_as_they_are(planted):
    arrays = untrained("vae", small("vae"), seed=5).arrays()
    at_mean = begun("vae", planted, "mean").arrays()
    kernels = [key for key in arrays if key.endswith("kernel")]
    assert len(kernels) == 3
    assert all((arrays[key] == at_mean[key]).all() for key in kernels)


def test_genes_that_are_always_0_or_1_have_a_finite_bias(planted):
    X = planted.train.copy()
    X[:, 0], X[:, 1] = 0, 1
    autoencoder = untrained("vae", small("vae", start="mean"))
    begin(autoencoder.model, "mean", rows(X))
    bias = np.asarray(autoencoder.model.get_layer("reconstruction").bias)
    # Half a sample in n + 1: the empirical logit (Cox 1970) of 0 of 150, and of 150 of 150.
    np.testing.assert_allclose(bias[:2], logit([0.5 / 151, 150.5 / 151]), rtol=1e-5)


def test_means_are_over_what_was_observed_and_by_the_weights_of_rows():
    X = np.array([[0.2, 9.0], [0.4, 0.6], [0.6, 0.2]], np.float32)
    observed = np.array([[True, False], [True, True], [True, True]])
    inputs = make_inputs(["a", "b"])
    np.testing.assert_allclose(observed_mean(Rows(X, inputs, observed)), [0.4, 0.4], rtol=1e-6)
    weight = np.array([0.0, 1.0, 2.0], np.float32)
    expected = [(0.4 + 2 * 0.6) / 3, (0.6 + 2 * 0.2) / 3]
    found = observed_mean(Rows(X, inputs, observed, weight=weight))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# As principal components


@pytest.mark.parametrize(("tied", "k"), [(False, 3), (True, 3), (False, 10)])
def test_a_linear_autoencoder_begins_with_the_error_of_exact_components(tied, k, planted):
    autoencoder = begun(
        "linear_autoencoder", planted, "principal_components", tied=tied, latent_dim=k
    )
    X = planted.train
    error = np.mean((autoencoder.reconstruct(X) - X) ** 2)
    expected = np.mean((components_of(X, k) - X) ** 2)
    assert error == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "values"), AS_COMPONENTS)
def test_every_network_begins_as_components_do_but_for_its_curves(name, values, planted):
    """Near the mean the reconstruction is that of the components: checked on samples drawn in."""
    autoencoder = begun(name, planted, "principal_components", **values, latent_dim=3)
    X = planted.train
    mean = X.mean(axis=0)
    near = (mean + 0.02 * (X - mean)).astype(np.float32)
    moved = (autoencoder.reconstruct(near) - mean) / 0.02
    if autoencoder.layers()["decoder"][-1]["activation"] == "sigmoid" and values.get("tied"):
        root = np.sqrt(mean * (1 - mean))
        expected = (components_of(X / root, 3) - mean / root) * root
    else:
        expected = components_of(X, 3) - mean
    assert np.linalg.norm(moved - expected) < 0.05 * np.linalg.norm(expected)
    far = np.mean((autoencoder.reconstruct(X) - X) ** 2)
    assert far < 0.35 * X.var(axis=0).mean()


@pytest.mark.parametrize(("name", "values"), AS_COMPONENTS)
def test_numpy_computes_a_begun_model_as_keras_does(name, values, planted, tmp_path):
    settings = small(name, start="principal_components", epochs=2, **values)
    autoencoder, _ = fitted(name, planted, settings)
    codes = autoencoder.encode(planted.validation)
    table = pd.DataFrame(codes, columns=feature_names(codes.shape[1]))
    path = str(tmp_path / "model.zip")
    save_bundle(
        Bundle(name, autoencoder, pd.DataFrame({"block": "b"}, index=GENES), table, {}), path
    )
    encoded = compute_layers(path, "encoder", planted.validation)
    np.testing.assert_allclose(encoded, codes, atol=1e-5)
    decoded = compute_layers(path, "decoder", codes)
    np.testing.assert_allclose(decoded, autoencoder.decode(codes), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "values", "n_rows", "k"),
    [
        ("vae", {"depth": 1, "hidden_dim": 2, "latent_dim": 4}, 150, 2),
        ("autoencoder", {"depth": 0, "latent_dim": 8}, 5, 4),
        ("linear_autoencoder", {"tied": True, "latent_dim": 8}, 5, 4),
        ("vae", {"latent_dim": 8}, 5, 4),
    ],
)
def test_a_narrow_layer_and_few_rows_let_the_first_components_through(name, values, n_rows, k):
    X = plant(150, seed=1)[:n_rows]
    autoencoder = untrained(name, small(name, start="principal_components", **values), seed=5)
    begin(autoencoder.model, "principal_components", rows(X))
    mean = X.mean(axis=0)
    near = (mean + 0.02 * (X - mean)).astype(np.float32)
    moved = (autoencoder.reconstruct(near) - mean) / 0.02
    expected = components_of(X, k) - mean
    assert np.linalg.norm(moved - expected) < 0.05 * np.linalg.norm(expected)
    if name == "vae":  # what is not used is drawn as from the prior
        variance = np.exp(np.asarray(autoencoder.model.get_layer("log_variance").bias))
        assert (variance[:k] < 1).all() and (variance[k:] == 1).all()


def test_codes_of_a_variational_autoencoder_begin_with_variance_1(planted):
    codes = begun("vae", planted, "principal_components", latent_dim=3).encode(planted.train)
    np.testing.assert_allclose(np.cov(codes.T, bias=True), np.eye(3), atol=1e-3)


@pytest.mark.parametrize("reconstruction", ["bce", "mse"])
def test_codes_are_drawn_with_the_variance_that_costs_least(reconstruction, planted):
    """Beside it, the loss is larger: measured by sampling, at the start."""
    values = {"reconstruction": reconstruction, "beta": 2.0, "latent_dim": 2}
    autoencoder = begun("vae", planted, "principal_components", **values)
    model, X = autoencoder.model, planted.train
    mean = X.mean(axis=0)
    x = (mean + 0.05 * (X - mean)).astype(np.float64)  # where the curvature is that of the mean
    variance = np.exp(np.asarray(model.get_layer("log_variance").bias, dtype=float))
    kernel = np.asarray(model.get_layer("reconstruction").kernel, dtype=float)
    bias = np.asarray(model.get_layer("reconstruction").bias, dtype=float)
    code = autoencoder.encode(x.astype(np.float32)).astype(float)
    noise = np.random.default_rng(0).normal(size=(200, *code.shape))
    noise = np.concatenate([noise, -noise])

    def loss(factor, feature):
        sigma = np.sqrt(variance * np.where(np.arange(2) == feature, factor, 1.0))
        p = expit((code + 0.2 * sigma * noise) @ kernel + bias)
        if reconstruction == "bce":
            error = -(x * np.log(p) + (1 - x) * np.log(1 - p))
        else:
            error = (x - p) ** 2
        # Noise of a fifth keeps to the curvature at the mean; its square is put back.
        kl = 0.5 * np.sum(sigma**2 - np.log(sigma**2))
        return error.sum(axis=-1).mean() / 0.04 + 2.0 * kl

    for feature in (0, 1):
        at = loss(1.0, feature)
        assert at < loss(1.5, feature) and at < loss(1 / 1.5, feature)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("vae", {"heads": "batchnorm_relu"}, "start: found principal_components"),
        ("contractive_autoencoder", {"tied": True}, "cannot undo the curve"),
        ("adage", {"tied": True, "activation": "sigmoid"}, "cannot undo the curve"),
        ("adage", {"tied": True}, None),
    ],
)
def test_what_cannot_begin_as_components_says_so(name, values, message):
    module = load_module(name)
    hp = module.HParams(**{"latent_dim": 5, "start": "principal_components", **values})
    refusal = module.refuse(hp, (200, 500), (0.0, 1.0))
    assert refusal is None if message is None else message in refusal
    at_mean = dataclasses.replace(hp, start="mean")
    assert module.refuse(at_mean, (200, 500), (0.0, 1.0)) is None


@pytest.mark.parametrize("start", ["mean", "principal_components"])
def test_a_resumed_run_ends_like_an_undisturbed_one_whatever_its_start(start, planted):
    values = small("vae", epochs=4, start=start)
    data = (rows(planted.train), rows(planted.validation))
    undisturbed = untrained("vae", values, seed=5)
    records = list(undisturbed.fit(*data, seed=5))
    stopped = untrained("vae", values, seed=5)
    running = stopped.fit(*data, seed=5)
    for _ in range(3):  # the start, and two epochs
        next(running)
    resumed = untrained("vae", values, seed=99)
    resumed.resume(stopped.state())
    assert list(resumed.fit(*data, seed=5, first_epoch=3)) == records[3:]
    for key, array in undisturbed.arrays().items():
        assert (array == resumed.arrays()[key]).all(), key


def test_a_random_start_has_no_layer_of_its_own():
    layers = untrained("vae", small("vae", start="random")).model.layers
    assert not any(isinstance(layer, Centre) for layer in layers)


# Names


def test_a_field_at_the_value_at_which_it_does_nothing_renames_no_trial():
    # The names of config/demo.yaml's settings before there was a start.
    adage = load_module("adage").HParams(latent_dim=30, start="random")
    vae = load_module("vae").HParams(latent_dim=30, start="random")
    assert trial_id("adage", adage) == "625a505e"
    assert trial_id("vae", vae) == "117c3e9f"
    assert trial_id("vae", dataclasses.replace(vae, start="mean")) != "117c3e9f"


# As started


def test_a_model_that_cannot_improve_is_said_to_be_as_started(planted):
    values = small("linear_autoencoder", start="principal_components", learning_rate=1.0, epochs=3)
    _, result = fitted("linear_autoencoder", planted, values)
    assert result.start["score"] == result.start["validation_mse"] < min(result.history["score"])
    assert result.marks == ("as started",)
    _, better = fitted("linear_autoencoder", planted, {**values, "start": "random", "epochs": 30})
    assert better.marks == () and better.start["score"] > better.score


def test_an_epoch_no_better_than_the_start_is_as_started():
    history = {"score": [3.0, 2.0], "validation_mse": [0.3, 0.2]}
    assert is_as_started({"score": 2.0}, history, 2, "reconstruction")
    assert not is_as_started({"score": 2.1}, history, 2, "reconstruction")
    assert not is_as_started(None, history, 2, "reconstruction")


@pytest.mark.parametrize(
    ("changed", "marks"),
    [
        ({}, ()),
        ({"mean_sigma": [0.001]}, ("no sampling noise",)),
        ({"validation_kl": [1e-4]}, ("KL of 0",)),
        ({"kl_weight": [0.0]}, ("KL of 0",)),
    ],
)
def test_a_vae_that_does_not_draw_or_holds_nothing_is_marked(changed, marks):
    history = {"score": [1.0], "mean_sigma": [0.5], "validation_kl": [9.0], "kl_weight": [1.0]}
    assert find_marks({"score": 2.0}, {**history, **changed}, 1, "reconstruction") == marks


def test_a_vae_without_a_kl_divergence_is_marked(planted):
    _, result = fitted("vae", planted, {**small("vae"), "kl_term": "none"} | {"start": "random"})
    assert "KL of 0" in result.marks


def test_resuming_keeps_the_start(planted, tmp_path):
    from tybalt.jobs.checkpoint import Progress, read, write

    progress = Progress(start={"score": 0.5, "validation_mse": 0.5})
    path = tmp_path / "c.npz"
    with path.open("wb") as file:
        write(file, progress, {})
    assert read(path)[0].start == progress.start
