"""What every model must do; a new file in tybalt/models is tested without a line here."""

import dataclasses
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from tybalt.plan.hyperparameters import matters
from tybalt.plan.models_and_tuners import VERBS
from tybalt.training.bundle import (
    Bundle,
    compute_layers,
    feature_names,
    load_bundle,
    read_record,
    save_bundle,
)
from tybalt.training.layer_graph import compute
from tybalt.training.model import load_module, make_model
from tybalt.training.rows import Rows, make_inputs
from tybalt.training.train import fit_and_keep_best

from .planted import GENES, MODULES, N_GENES, fitted, plant, small, untrained


@pytest.fixture(scope="module")
def fit_once(planted):
    """Train each setting once, whichever tests ask for it."""
    cache = {}

    def fit(name, values, seed=5):
        key = (name, tuple(sorted(values.items())), seed)
        if key not in cache:
            cache[key] = fitted(name, planted, values, seed)
        return cache[key]

    return fit


@pytest.mark.parametrize("name", MODULES)
def test_learns_planted_structure(name, planted):
    autoencoder, result = fitted(
        name, planted, small(name, **getattr(load_module(name), "LEARNING", {}))
    )
    assert result.status == "ok"
    error = np.mean((autoencoder.reconstruct(planted.validation) - planted.validation) ** 2)
    assert error < 0.25 * planted.validation.var(axis=0).mean()


@pytest.mark.parametrize("name", MODULES)
def test_verbs_have_their_shapes_and_agree(name, planted, fit_once):
    autoencoder, _ = fit_once(name, small(name))
    n_features = autoencoder.hp.latent_dim
    X = planted.validation
    Z = autoencoder.encode(X)
    assert Z.shape == (len(X), n_features)
    assert Z.dtype == autoencoder.decode(Z).dtype == np.float32
    assert autoencoder.gene_weights().shape == (N_GENES, n_features)
    np.testing.assert_allclose(autoencoder.decode(Z), autoencoder.reconstruct(X), atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_verbs_are_known_and_done_by_methods(name):
    verbs = load_module(name).VERBS
    assert verbs and set(verbs) <= set(VERBS)


def deepest(name: str) -> dict:
    """Return a small setting with hidden layers, where the model may have some."""
    fields = load_module(name).HParams.__dataclass_fields__
    return small(name, **({"depth": 2} if "depth" in fields else {}))


def last_activation(autoencoder) -> str:
    steps = autoencoder.layers().get("decoder") or [{}]
    return steps[-1].get("activation", "linear")


@pytest.mark.parametrize("name", [n for n in MODULES if "weights" in load_module(n).VERBS])
def test_gene_weights_are_the_derivative_of_the_decoder(name, fit_once):
    """By the code, before the last activation; here by differences in double precision."""
    values = deepest(name)
    if "start" in load_module(name).HParams.__dataclass_fields__:
        values["start"] = "random"  # units that begin as components are lines wherever codes are
    autoencoder, _ = fit_once(name, values)
    before = {"linear": np.asarray, "sigmoid": logit}[last_activation(autoencoder)]
    layers = autoencoder.layers()
    arrays = {f"weights/{key}": array for key, array in autoencoder.arrays().items()}
    arrays |= layers["arrays"]

    def slope_at(code, size):
        step = size * np.eye(len(code))
        above, below = (before(compute(layers["decoder"], arrays, code + s)) for s in (step, -step))
        return ((above - below) / (2 * size)).T

    # At a code where no unit is about to switch off, the slope is the same near and far.
    rng = np.random.default_rng(0)
    codes = np.abs(rng.normal(size=(500, autoencoder.hp.latent_dim))) + 0.1
    code = next(c for c in codes if np.allclose(slope_at(c, 1e-6), slope_at(c, 0.03), rtol=0.01))
    slope, weights = slope_at(code, 1e-6), autoencoder.gene_weights(code)
    np.testing.assert_allclose(weights, slope, rtol=0.01, atol=0.01 * np.abs(slope).max())
    is_linear = sum(step["operation"] == "dense" for step in layers["decoder"]) < 2
    moved = np.abs(autoencoder.gene_weights(code + 3) - weights).max()
    assert (moved < 1e-6) if is_linear else (moved > 0.01)


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("name", MODULES)
def test_a_model_that_squashes_its_output_refuses_what_it_cannot_give(name, depth, fit_once):
    module = load_module(name)
    fields = module.HParams.__dataclass_fields__
    values = small(name, **({"depth": depth} if "depth" in fields else {}))
    autoencoder, _ = fit_once(name, values)
    refusal = module.refuse(module.HParams(**values), (200, 500), (0.0, 2.0))
    if last_activation(autoencoder) == "sigmoid":
        assert "expected 0 to 1" in refusal
    else:
        assert refusal is None


@pytest.mark.parametrize("name", [n for n in MODULES if "sample" in load_module(n).VERBS])
def test_draws_follow_from_the_seed_and_lie_where_the_training_rows_do(name, planted, fit_once):
    autoencoder, _ = fit_once(name, small(name, **load_module(name).LEARNING))
    drawn = autoencoder.sample(500, seed=1)
    assert drawn.shape == (500, N_GENES) and drawn.dtype == np.float32
    assert (drawn == autoencoder.sample(500, seed=1)).all()
    assert (drawn != autoencoder.sample(500, seed=2)).any()
    assert len(np.unique(drawn, axis=0)) == 500
    distance = np.abs(drawn.mean(axis=0) - planted.train.mean(axis=0)).mean()
    assert distance < 0.6 * np.abs(planted.train.mean(axis=0)).mean(), "nearer than nothing"


@pytest.mark.parametrize("name", [n for n in MODULES if "translate" in load_module(n).VERBS])
def test_translations_see_the_source_alone_and_predict_the_target(name):
    autoencoder, validation = two_blocks(name)
    moved = validation.X.copy()
    moved[:, validation.inputs.blocks["second"]] = 0.5
    translated = autoencoder.translate(validation.X, "first", "second")
    assert translated.dtype == np.float32
    assert (translated == autoencoder.translate(moved, "first", "second")).all()
    expected = validation.X[:, validation.inputs.blocks["second"]]
    assert np.mean((translated - expected) ** 2) < 0.5 * expected.var(axis=0).mean()


def two_blocks(name: str):
    """Train on planted genes in two blocks; return the model and the validation rows."""
    inputs = make_inputs(GENES, {"first": 25, "second": 15})
    train, validation = (Rows(plant(n, seed), inputs) for n, seed in ((150, 1), (40, 2)))
    values = small(name, **getattr(load_module(name), "LEARNING", {}))
    model = make_model(name, inputs, values, seed=1)
    fit_and_keep_best(model, train, validation, 1, load_module(name).OBJECTIVE, 0)
    return model, validation


@pytest.mark.parametrize("name", MODULES)
def test_numpy_computes_encoder_and_decoder_as_keras_does(name, planted, fit_once, tmp_path):
    autoencoder, _ = fit_once(name, deepest(name))
    codes = autoencoder.encode(planted.validation)
    table = pd.DataFrame(codes, columns=feature_names(codes.shape[1]))
    genes = pd.DataFrame({"block": "expression"}, index=GENES)
    path = str(tmp_path / "model.zip")
    save_bundle(Bundle(name, autoencoder, genes, table, {}), path)
    described = [part for part in ("encoder", "decoder") if part in read_record(path)]
    no_layer_finds_the_code = name in ("nmf", "circular")
    assert described == (["decoder"] if no_layer_finds_the_code else ["encoder", "decoder"])
    values = {"encoder": (planted.validation, codes)}
    values["decoder"] = (codes, autoencoder.decode(codes))
    for part in described:
        given, expected = values[part]
        np.testing.assert_allclose(compute_layers(path, part, given), expected, atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_saved_and_loaded_model_encodes_alike(name, planted, fit_once, tmp_path):
    autoencoder, _ = fit_once(name, small(name))
    codes = autoencoder.encode(planted.train)
    genes = pd.DataFrame({"block": "expression", "offset": 0.1, "scale": 2.5}, index=GENES)
    samples = [f"s{i}" for i in range(len(codes))]
    table = pd.DataFrame(codes, samples, feature_names(codes.shape[1]))
    paths = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in paths:
        save_bundle(Bundle(name, autoencoder, genes, table, {"best_epoch": 3}), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()

    loaded = load_bundle(paths[0])
    assert loaded.model.hp == autoencoder.hp
    assert loaded.notes == {"best_epoch": 3}
    assert (loaded.model.encode(planted.train) == codes).all()
    np.testing.assert_allclose(loaded.codes, table)
    pd.testing.assert_frame_equal(loaded.genes, genes, check_names=False)


@pytest.mark.parametrize("name", MODULES)
def test_same_seed_same_weights(name, planted, fit_once):
    first, record = fit_once(name, small(name))
    again, record_again = fitted(name, planted, small(name))
    assert record.history == record_again.history
    for key, array in first.arrays().items():
        assert (array == again.arrays()[key]).all(), key


@pytest.mark.parametrize("name", MODULES)
def test_history_holds_every_term(name, fit_once):
    autoencoder, result = fit_once(name, small(name))
    assert len({len(column) for column in result.history.values()}) == 1
    assert {"epoch", "loss", "reconstruction", "active_units", "validation_mse", "score"} <= set(
        result.history
    )
    terms = [key.removesuffix("_weight") for key in result.history if key.endswith("_weight")]
    weighed = np.sum(
        [
            np.multiply(result.history[term], result.history[f"{term}_weight"])
            for term in ("reconstruction", *terms)
            if f"{term}_weight" in result.history
        ],
        axis=0,
    )
    expected = np.add(result.history["reconstruction"], weighed)
    np.testing.assert_allclose(result.history["loss"], expected, rtol=1e-4)


# No hyperparameter without effect


def other_value(field: dataclasses.Field, value):
    """Return another allowed value of a field."""
    if field.metadata["choices"]:
        return next(choice for choice in field.metadata["choices"] if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):  # a file
        return str(Path(value).with_stem(Path(value).stem + "_fewer"))
    return value / 2 if value else 0.1


def setting_where_it_matters(HParams: type, name: str, values: dict) -> dict:
    """Return `values`, changed in one other field if need be, so that field `name` matters."""
    for field in [None, *dataclasses.fields(HParams)]:
        changed = dict(values)
        if field is not None:
            current = getattr(HParams(**values), field.name)
            changed[field.name] = other_value(field, current)
        if matters(HParams(**changed), name):
            return changed
    raise AssertionError(f"no setting found in which {name} matters")


def is_dead(module: types.ModuleType, name: str, values: dict, observations) -> bool:
    """Tell whether changing field `name` changes nothing that is observed, cheapest first."""
    values = setting_where_it_matters(module.HParams, name, values)
    field = next(f for f in dataclasses.fields(module.HParams) if f.name == name)
    changed = {**values, name: other_value(field, getattr(module.HParams(**values), name))}
    return all(observe(values) == observe(changed) for observe in observations)


KNOBS = [
    (name, field.name)
    for name in MODULES
    for field in dataclasses.fields(load_module(name).HParams)
]


@pytest.mark.parametrize(
    ("name", "hyperparameter"), KNOBS, ids=[".".join(hyperparameter) for hyperparameter in KNOBS]
)
def test_no_dead_hyperparameter(name, hyperparameter, fit_once):
    module = load_module(name)

    def shapes(values):
        if hasattr(module, "fit"):
            return None
        return [array.shape for array in untrained(name, values).arrays().values()]

    def learned(values):
        autoencoder, result = fit_once(name, values)
        return result.history, autoencoder.n_parameters()

    assert not is_dead(module, hyperparameter, small(name), [shapes, learned])


def test_inert_depth_is_caught():
    """The published code builds one network for depths 1 and 2: its loop is range(1, depth - 1)."""
    vae = load_module("vae")

    def build(inputs, hp):
        layers = 1 + len(range(1, hp.depth - 1)) if hp.depth else 0
        return vae.build(inputs, dataclasses.replace(hp, depth=layers))

    def shapes(build, values):
        model = build(make_inputs(GENES), vae.HParams(**values))
        return [tuple(weight.shape) for weight in model.weights]

    start = small("vae", depth=1)
    assert is_dead(vae, "depth", start, [lambda values: shapes(build, values)])
    assert not is_dead(vae, "depth", start, [lambda values: shapes(vae.build, values)])


@pytest.mark.parametrize("name", MODULES)
def test_hyperparameters_cannot_be_swapped(name):
    """Published trials trained with learning rate, noise and sparsity in each other's places."""
    with pytest.raises(TypeError, match="positional"):
        load_module(name).HParams(1)


@pytest.mark.parametrize(
    ("hyperparameters", "n_parameters"),
    [
        # Dense layers of 5000-100-5000: two heads 5000 x 100 + 100, decoder 100 x 5000 + 5000.
        ({}, 2 * 500_100 + 505_000),
        # Batch normalisation adds a scale and a shift per feature and head (Way and Greene 2018).
        ({"heads": "batchnorm_relu"}, 2 * 500_100 + 2 * 200 + 505_000),
        # 5000-300-100-300-5000
        (
            {"depth": 1, "hidden_dim": 300},
            (5000 * 300 + 300) + 2 * 300 + 2 * 30_100 + 30_300 + 300 * 5000 + 5000,
        ),
    ],
)
def test_published_vae_parameters(hyperparameters, n_parameters):
    inputs = make_inputs([f"g{i}" for i in range(5000)])
    assert make_model("vae", inputs, hyperparameters).n_parameters() == n_parameters
