"""What sets each model apart, against a slow reference or an analytical value."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.linalg import subspace_angles
from scipy.optimize import nnls
from sklearn.decomposition import NMF, PCA

from tybalt.models import nmf
from tybalt.models.autoencoder import make_optimizer
from tybalt.plan.errors import InputError
from tybalt.training.bundle import Bundle, load_bundle, save_bundle
from tybalt.training.engine_of_keras import start_engine
from tybalt.training.model import load_module, make_model
from tybalt.training.rows import make_inputs

from .planted import GENES, MODULES, N_GENES, SMALL, Planted, fitted, rows, small, untrained

# Principal components by gradient descent


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("linear_autoencoder", {"tied": False}),
        ("linear_autoencoder", {"tied": True}),
        ("autoencoder", {"depth": 0}),
    ],
)
def test_linear_models_span_the_subspace_of_the_principal_components(name, values, planted):
    settings = {"latent_dim": 3, "epochs": 600, "learning_rate": 0.01, "batch_size": 150}
    autoencoder, _ = fitted(name, planted, {**values, **settings})
    pca = PCA(3).fit(planted.train)
    angles = subspace_angles(autoencoder.gene_weights(), pca.components_.T)
    assert np.degrees(angles.max()) < 1
    error = np.mean((autoencoder.reconstruct(planted.train) - planted.train) ** 2)
    best = np.mean((pca.inverse_transform(pca.transform(planted.train)) - planted.train) ** 2)
    assert best * (1 - 1e-6) <= error < 1.1 * best


# The basic autoencoder


@pytest.fixture(scope="module")
def logic():
    """Two independent genes and their product, as in the lecture (three columns, two causes)."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, size=(2, 200))
    X = np.stack([a, b, a * b], axis=1).astype(np.float32)
    return Planted(train=X, validation=X[:50])


def test_hidden_layers_learn_a_product_that_no_plane_holds(logic):
    def error(depth):
        inputs = make_inputs(["a", "b", "a*b"])
        autoencoder = make_model("autoencoder", inputs, {**settings, "depth": depth}, seed=1)
        list(autoencoder.fit(rows(logic.train), rows(logic.validation), seed=1))
        return np.mean((autoencoder.reconstruct(logic.train) - logic.train) ** 2)

    settings = {"latent_dim": 2, "hidden_dim": 8, "epochs": 150, "learning_rate": 0.02}
    pca = PCA(2).fit(logic.train)
    plane = np.mean((pca.inverse_transform(pca.transform(logic.train)) - logic.train) ** 2)
    assert error(depth=0) >= plane * (1 - 1e-6)
    assert error(depth=1) < 0.1 * plane


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_each_depth_is_its_own_network(depth):
    widths = [N_GENES, *[8] * depth, 4, *[8] * depth, N_GENES]
    expected = sum(a * b + b for a, b in zip(widths, widths[1:], strict=False))
    assert untrained("autoencoder", small("autoencoder", depth=depth)).n_parameters() == expected


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("sgd", "SGD", {"momentum": 0.0, "nesterov": False}),
        ("momentum", "SGD", {"momentum": 0.9, "nesterov": False}),
        ("nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("adam", "Adam", {}),
        ("rmsprop", "RMSprop", {"momentum": 0.0}),
    ],
)
def test_optimizers_are_what_they_are_called(name, kind, settings):
    optimizer = make_optimizer(name, 0.25)
    config = optimizer.get_config()
    assert type(optimizer).__name__ == kind
    assert {key: config[key] for key in settings} == settings
    assert config["learning_rate"] == 0.25


# Penalties


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_jacobian_norm_equals_automatic_differentiation(activation, planted):
    values = small("contractive_autoencoder", activation=activation)
    model = untrained("contractive_autoencoder", values, seed=2).model
    engine = start_engine(model, 32, seed=1)
    closed_form = engine.measure(engine.place(rows(planted.validation)))["jacobian"]

    encoder, x = model.get_layer("latent"), tf.constant(planted.validation)
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = encoder(x)
    jacobian = tape.batch_jacobian(code, x).numpy()
    assert jacobian.shape == (len(x), 4, N_GENES)
    np.testing.assert_allclose(closed_form, np.sum(jacobian**2, axis=(1, 2)), rtol=1e-4)


@pytest.mark.parametrize("tied", [False, True])
def test_gradient_of_the_jacobian_norm_equals_a_difference_quotient(tied, planted):
    model = untrained("contractive_autoencoder", small("contractive_autoencoder", tied=tied)).model
    engine = start_engine(model, 32, seed=1)
    x, kernel = engine.place(rows(planted.train[:32])), model.get_layer("latent").kernel
    value, (gradient,) = engine.gradients(x, lambda terms: terms["jacobian"], [kernel])
    step = 1e-2 * gradient / np.linalg.norm(gradient)
    kernel.assign_add(step)
    moved, _ = engine.gradients(x, lambda terms: terms["jacobian"], [])
    assert moved - value == pytest.approx(np.sum(gradient * step), rel=0.05)


@pytest.mark.parametrize(
    ("name", "hyperparameter", "weight", "term"),
    [
        ("contractive_autoencoder", "contraction", 3.0, "jacobian"),
        ("sparse_autoencoder", "sparsity", 0.1, "l1"),
    ],
)
def test_a_penalty_lowers_its_term(name, hyperparameter, weight, term, planted):
    def last(weight):
        values = small(name, epochs=20, learning_rate=0.01, **{hyperparameter: weight})
        return fitted(name, planted, values)[1].history[f"validation_{term}"][-1]

    assert last(weight) < 0.7 * last(0.0)


def test_sparsity_makes_zeros(planted):
    def share_of_zeros(sparsity):
        values = small("sparse_autoencoder", epochs=40, learning_rate=0.01, latent_dim=10)
        autoencoder, _ = fitted("sparse_autoencoder", planted, {**values, "sparsity": sparsity})
        return np.mean(autoencoder.encode(planted.validation) == 0)

    assert share_of_zeros(0.003) > share_of_zeros(0.0) + 0.1


# Non-negative matrix factorisation


def test_codes_of_nmf_equal_non_negative_least_squares(planted):
    fit = nmf.fit(rows(planted.train), nmf.HParams(latent_dim=5), seed=1)
    codes = fit.encode(planted.validation)
    expected = [nnls(fit.gene_weights().astype(float), x)[0] for x in planted.validation]
    np.testing.assert_allclose(codes, expected, atol=1e-4 * np.max(expected))
    np.testing.assert_allclose(fit.encode(planted.validation[3:4]), codes[3:4], rtol=1e-6)


@pytest.mark.parametrize("regularisation", [{"alpha": 0.01}, {"alpha": 0.02, "l1_ratio": 0.5}])
def test_codes_of_regularised_nmf_equal_those_of_scikit_learn(regularisation, planted):
    fit = nmf.fit(rows(planted.train), nmf.HParams(latent_dim=3, **regularisation), seed=1)
    alpha, l1_ratio = regularisation["alpha"], regularisation.get("l1_ratio", 0.0)
    reference = NMF(3, alpha_W=alpha, l1_ratio=l1_ratio, tol=1e-7, max_iter=5000)
    reference.components_ = fit.components
    reference.n_components_, reference.n_features_in_ = fit.components.shape
    expected = reference.transform(planted.validation) * np.linalg.norm(fit.components, axis=1)
    assert expected.max() > 0
    np.testing.assert_allclose(fit.encode(planted.validation), expected, atol=2e-3 * expected.max())


def test_both_solvers_of_nmf_agree_and_stay_above_the_singular_values(planted):
    X, errors = planted.train, []
    for solver in ("cd", "mu"):
        fit = nmf.fit(rows(X), nmf.HParams(latent_dim=5, solver=solver, max_iter=500), seed=1)
        codes = fit.encode(X)
        assert codes.min() >= 0 and fit.components.min() >= 0
        errors.append(np.mean((fit.decode(codes) - X) ** 2))
    least = np.sum(np.linalg.svd(X, compute_uv=False)[5:] ** 2) / X.size  # Eckart and Young
    assert least < min(errors)
    assert max(errors) < 1.2 * min(errors) < 0.2 * X.var(axis=0).mean()


def test_a_component_of_zeros_has_a_code_of_zeros():
    fit = nmf.Fitted(components=np.array([[1.0, 1.0], [0.0, 0.0]]), l1=np.array(0), l2=np.array(0))
    np.testing.assert_allclose(fit.encode(np.array([[2.0, 4.0]])), [[3.0 * np.sqrt(2), 0.0]])


# Gene sets


def test_genes_in_no_set_are_not_seen_but_reconstructed(planted):
    autoencoder, _ = fitted("gene_set_autoencoder", planted, small("gene_set_autoencoder"))
    codes = autoencoder.encode(planted.validation)
    unseen, seen = planted.validation.copy(), planted.validation.copy()
    unseen[:, [26, 32]] = 1 - unseen[:, [26, 32]]
    seen[:, 38] = 1 - seen[:, 38]
    assert (autoencoder.encode(unseen) == codes).all()
    assert (autoencoder.encode(seen) != codes).all()
    assert np.any(autoencoder.gene_weights()[26])


def test_parameters_of_gene_sets_are_their_links():
    autoencoder = untrained("gene_set_autoencoder", small("gene_set_autoencoder"))
    n_links, n_sets = 14 + 13 + 20 + 7 + 2, 5  # as in planted.gmt
    assert list(autoencoder.knowledge["sets"]) == ["FIRST", "SECOND", "THIRD", "FOURTH", "PAIR"]
    layers = [(n_sets, 4), (4, n_sets), (n_sets, N_GENES)]
    expected = n_links + n_sets + sum(a * b + b for a, b in layers)
    assert autoencoder.n_parameters() == expected
    kernel = np.asarray(autoencoder.model.get_layer("gene_sets").kernel)
    assert np.count_nonzero(kernel) == n_links
    assert set(np.flatnonzero(kernel[:, 4])) == {2, 38}


def test_a_model_file_holds_its_gene_sets(planted, tmp_path):
    path = tmp_path / "mine.gmt"
    shutil.copy(SMALL["gene_sets"], path)
    autoencoder = untrained("gene_set_autoencoder", {"gene_sets": str(path), "latent_dim": 2})
    table = pd.DataFrame({"block": "expression", "offset": 0.0}, index=GENES)
    codes = pd.DataFrame(autoencoder.encode(planted.validation), columns=["z1", "z2"])
    model = str(tmp_path / "model.zip")
    save_bundle(Bundle("gene_set_autoencoder", autoencoder, table, codes, {}), model)
    path.unlink()
    loaded = load_bundle(model).model
    assert (loaded.encode(planted.validation) == codes.to_numpy()).all()
    assert list(loaded.knowledge["sets"]) == list(autoencoder.knowledge["sets"])


def test_gene_sets_of_other_genes_are_refused():
    with pytest.raises(InputError, match=r"planted\.gmt.* 0 of its 40 genes \(0%\).*ENSG0"):
        inputs = make_inputs(["ENSG0", "b", "c"])
        make_model("gene_set_autoencoder", inputs, small("gene_set_autoencoder"))


# Input that no model can be trained on


@pytest.mark.parametrize(
    ("name", "values", "shape", "limits", "message"),
    [
        ("nmf", {}, (200, 500), (-0.5, 1), "found values from -0.5, expected none below 0"),
        ("nmf", {"latent_dim": 30}, (20, 500), (0, 9), "latent_dim: found 30, .* at most 20"),
        ("nmf", {"latent_dim": 20}, (20, 500), (0, 9), None),
    ],
)
def test_refusals(name, values, shape, limits, message):
    module = load_module(name)
    refusal = module.refuse(module.HParams(**values), shape, limits)
    if message is None:
        assert refusal is None
    else:
        with pytest.raises(InputError, match=message):
            raise InputError(refusal)


@pytest.mark.parametrize("name", MODULES)
def test_hyperparameters_are_documented(name):
    for field in dataclasses.fields(load_module(name).HParams):
        assert field.metadata["doc"] and field.metadata["source"], field.name
