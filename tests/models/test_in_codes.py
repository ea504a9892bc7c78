"""Models in the codes of others: what they are trained on, and what they say of genes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.encoding import encode_samples, weigh_genes
from tybalt.data.matrix import write_matrix
from tybalt.jobs.files import read_json, read_table, write_json
from tybalt.plan.errors import InputError
from tybalt.training.bundle import compute_layers, load_bundle
from tybalt.training.in_codes import InCodes
from tybalt.training.model import load_module
from tybalt.training.rows import Rows, read_rows
from tybalt.training.train import train_model, train_trial

from .planted import GENES, plant, small
from .test_training import ELBO, RECONSTRUCTION

SIZES = {"rna": 25, "methylation": 15}
SAMPLES = [f"s{i:03d}" for i in range(120)]


def write_blocks(path, observed=None):
    """Write planted genes in two blocks."""
    split = np.array(["train", "train", "train", "validation", "test"])[np.arange(120) % 5]
    obs = pd.DataFrame({"split": split, "kind": np.array(["a", "b"])[np.arange(120) % 2]}, SAMPLES)
    var = pd.DataFrame(1.0, GENES, ["offset", "scale", "minimum", "maximum", "mean"])
    var["block"] = np.repeat(list(SIZES), list(SIZES.values()))
    scaling = {"scaling": dict.fromkeys(SIZES, "zero_one")}
    write_matrix(str(path), plant(120, seed=4), obs, var, scaling, observed)
    return str(path)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    return write_blocks(tmp_path_factory.mktemp("blocks") / "matrix.h5ad")


def trained(matrix, folder, module, blocks, values=None, bases=None, training=RECONSTRUCTION):
    """Train a winner; return the path of its model."""
    folder.mkdir(exist_ok=True)
    bases = bases or {}
    values = small(module, **(values or {}))
    write_json({"hyperparameters": values, "seed": 3}, folder / "best.json")
    training = {**training, "module": module, "blocks": blocks, "bases": list(bases)}
    paths = [str(folder / name) for name in ("best.json", "model.zip", "history.tsv")]
    train_model(matrix, list(bases.values()), *paths, training, "none")
    return paths[1]


@pytest.fixture(scope="module")
def bases(matrix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    values = {"epochs": 30, "learning_rate": 0.01, "depth": 1}
    return {
        "a": trained(matrix, folder / "a", "vae", ["rna"], values, training=ELBO),
        "b": trained(matrix, folder / "b", "pca", ["methylation"]),
    }


@pytest.fixture(scope="module")
def whole(matrix, bases, tmp_path_factory):
    """A linear model in the codes of both."""
    folder = tmp_path_factory.mktemp("whole")
    values = {"epochs": 300, "learning_rate": 0.01, "latent_dim": 6}
    return trained(matrix, folder, "linear_autoencoder", list(SIZES), values, bases)


def test_what_is_seen_are_the_codes_a_block_for_each(whole, bases, matrix):
    bundle = load_bundle(whole)
    assert isinstance(bundle.model, InCodes) and bundle.blocks == list(SIZES)
    inside = bundle.model.inside.inputs
    assert inside.names == tuple(f"{name}:z{i}" for name in "ab" for i in range(1, 5))
    assert {name: (s.start, s.stop) for name, s in inside.blocks.items()} == {
        "a": (0, 4),
        "b": (4, 8),
    }
    assert list(bundle.genes.index) == GENES


def test_genes_are_encoded_and_reconstructed_by_way_of_the_bases(whole, bases):
    bundle, X = load_bundle(whole), plant(20, seed=8)
    a, b = (load_bundle(path).model for path in bases.values())
    codes = np.concatenate([a.encode(X[:, :25]), b.encode(X[:, 25:])], axis=1)
    np.testing.assert_allclose(bundle.model.encode(X), bundle.model.inside.encode(codes), atol=1e-5)
    given_back = bundle.model.inside.reconstruct(codes)
    expected = np.concatenate([a.decode(given_back[:, :4]), b.decode(given_back[:, 4:])], axis=1)
    np.testing.assert_allclose(bundle.model.reconstruct(X), expected, atol=1e-5)
    assert np.mean((expected - X) ** 2) < 0.5 * X.var(axis=0).mean()
    Z = bundle.model.encode(X)
    np.testing.assert_allclose(bundle.model.decode(Z), expected, atol=1e-5)


def test_numpy_computes_the_whole_by_way_of_the_bases(whole):
    model, X = load_bundle(whole).model, plant(20, seed=8)
    Z = model.encode(X)
    np.testing.assert_allclose(compute_layers(whole, "encoder", X), Z, atol=1e-5)
    np.testing.assert_allclose(compute_layers(whole, "decoder", Z), model.decode(Z), atol=1e-5)


def test_codes_of_what_was_not_measured_do_not_count(whole):
    model, X = load_bundle(whole).model, plant(20, seed=8)
    observed = np.ones(X.shape, bool)
    observed[:5, 25:] = False
    observed[7, 3] = False
    rows = model.codes(Rows(X, model.inputs, observed, names=np.arange(20)))
    assert not rows.observed[:5, 4:].any() and rows.observed[:, :4].all()
    assert rows.observed[5:].all() and rows.names is not None
    observed[:5] = True
    assert model.codes(Rows(X, model.inputs, observed)).observed is None


def test_weights_of_genes_are_products_of_both_decoders(whole, bases):
    model = load_bundle(whole).model
    code = np.linspace(-1, 1, 6).astype("f4")
    weights = model.gene_weights(code)
    assert weights.shape == (40, 6)
    at = model.inside.decode(code[None])[0]
    a, b = (load_bundle(path).model for path in bases.values())
    inner = model.inside.gene_weights(code)
    np.testing.assert_allclose(weights[:25], a.gene_weights(at[:4]) @ inner[:4], rtol=1e-4)
    np.testing.assert_allclose(weights[25:], b.gene_weights(at[4:]) @ inner[4:], rtol=1e-4)
    step = 0.01 * np.eye(6)  # the second base is linear, so its genes can be differentiated
    slope = [(model.decode(code + s)[0] - model.decode(code - s)[0]) / 0.02 for s in step[:, None]]
    np.testing.assert_allclose(weights[25:], np.array(slope).T[25:], atol=1e-3)


def test_bases_may_stand_in_another_order_than_their_blocks(matrix, bases, tmp_path):
    turned = dict(reversed(bases.items()))
    values = {"epochs": 2, "latent_dim": 6}
    path = trained(matrix, tmp_path / "t", "linear_autoencoder", list(SIZES), values, turned)
    bundle, X = load_bundle(path), plant(20, seed=8)
    assert bundle.model.inside.inputs.names[0] == "b:z1" and list(bundle.genes.index) == GENES
    a, b = (load_bundle(path).model for path in bases.values())
    codes = np.concatenate([b.encode(X[:, 25:]), a.encode(X[:, :25])], axis=1)
    inside = bundle.model.inside
    np.testing.assert_allclose(bundle.model.encode(X), inside.encode(codes), atol=1e-5)
    given_back = inside.reconstruct(codes)
    expected = np.concatenate([a.decode(given_back[:, 4:]), b.decode(given_back[:, :4])], axis=1)
    np.testing.assert_allclose(bundle.model.reconstruct(X), expected, atol=1e-5)
    weights, inner = bundle.model.gene_weights(), inside.gene_weights()
    at = inside.decode(np.zeros((1, 6), "f4"))[0]
    np.testing.assert_allclose(weights[25:], b.gene_weights(at[:4]) @ inner[:4], rtol=1e-4)


def test_the_file_holds_its_bases_and_is_the_same_on_a_rerun(whole, matrix, bases, tmp_path):
    values = {"epochs": 300, "learning_rate": 0.01, "latent_dim": 6}
    again = trained(matrix, tmp_path / "w", "linear_autoencoder", list(SIZES), values, bases)
    assert Path(again).read_bytes() == Path(whole).read_bytes()
    encode_samples(matrix, whole, str(tmp_path / "e.tsv.gz"))
    weigh_genes(whole, str(tmp_path / "w.tsv.gz"))
    assert len(read_table(tmp_path / "e.tsv.gz")) == 120
    assert list(read_table(tmp_path / "w.tsv.gz")["gene"]) == GENES


def test_models_build_on_models_that_build_on_models(whole, matrix, tmp_path):
    path = trained(matrix, tmp_path / "third", "pca", list(SIZES), {"latent_dim": 2}, {"w": whole})
    bundle = load_bundle(path)
    assert bundle.model.encode(plant(5, 1)).shape == (5, 2)
    assert bundle.model.inside.inputs.names == tuple(f"z{i}" for i in range(1, 7))


def test_a_trial_in_codes_is_scored_by_the_error_of_codes(matrix, bases, tmp_path):
    training = {**RECONSTRUCTION, "module": "pca", "blocks": ["rna"], "bases": ["a"]}
    trial = str(tmp_path / "t.json")
    train_trial(matrix, [bases["a"]], [], trial, "r0/x/e0", {"latent_dim": 4}, training, 1)
    assert read_json(trial)["score"] < 1e-6, "four components hold four features"


def test_values_that_a_model_cannot_take_are_refused(matrix, bases, tmp_path):
    with pytest.raises(InputError, match="expected 0 to 1"):
        trained(matrix, tmp_path / "x", "sparse_autoencoder", ["rna"], None, {"a": bases["a"]})


# What models are told of rows


def test_classes_are_those_of_the_training_rows_and_weights_have_mean_one(matrix, tmp_path):
    part = np.array(["train", "train", "train", "validation", "test"])[np.arange(120) % 5]
    kind = np.where(part == "train", np.array(["b", "a"])[np.arange(120) % 2], "c").astype(object)
    kind[0] = None
    obs = pd.DataFrame({"split": part, "kind": kind, "size": np.arange(120.0) + 1}, SAMPLES)
    var = pd.DataFrame({"block": np.repeat(list(SIZES), list(SIZES.values()))}, GENES)
    path = str(tmp_path / "m.h5ad")
    write_matrix(path, plant(120, seed=4), obs, var, {})
    rows = read_rows(path, ["train", "validation"], None, {"label": "kind", "weight": "size"})
    train = rows["train"]
    assert train.inputs.labels == ("a", "b") and list(train.inputs.blocks) == list(SIZES)
    expected = [{"a": 0, "b": 1}.get(name, -1) for name in kind[part == "train"]]
    assert train.label.tolist() == expected and train.label[0] == -1
    assert (rows["validation"].label == -1).all(), "a class that no training row has"
    sizes = (np.arange(120.0) + 1)[part == "train"]
    np.testing.assert_allclose(train.weight, sizes / sizes.mean(), rtol=1e-6)
    assert list(train.names) == [s for s, p in zip(SAMPLES, part, strict=True) if p == "train"]


def test_a_model_that_cannot_encode_is_kept_without_codes(matrix, tmp_path, monkeypatch):
    monkeypatch.setattr(load_module("pca"), "VERBS", ("reconstruct",))
    bundle = load_bundle(trained(matrix, tmp_path / "p", "pca", list(SIZES)))
    assert bundle.codes.shape == (72, 0)


# Rows that a model cannot see


def test_rows_without_its_blocks_are_left_out_and_named(tmp_path, caplog):
    observed = np.ones((120, 40), bool)
    observed[::4, 25:] = False
    matrix = write_blocks(tmp_path / "m.h5ad", observed)
    with caplog.at_level("INFO"):
        path = trained(matrix, tmp_path / "b", "pca", ["methylation"])
    assert "train: 18 of 72 rows have nothing of methylation" in caplog.text
    assert len(load_bundle(path).codes) == 54
    encode_samples(matrix, path, str(tmp_path / "e.tsv.gz"))
    table = read_table(tmp_path / "e.tsv.gz")
    assert list(table["sample"]) == [s for i, s in enumerate(SAMPLES) if i % 4]


def test_a_column_that_no_training_row_has_is_refused(tmp_path):
    observed = np.ones((120, 40), bool)
    observed[np.arange(120) % 5 < 3, 7] = False
    matrix = write_blocks(tmp_path / "m.h5ad", observed)
    with pytest.raises(InputError, match=r"1 of 40 columns \(g7\) were measured in no train"):
        trained(matrix, tmp_path / "x", "pca", list(SIZES))


def test_a_part_without_rows_is_refused(tmp_path):
    observed = np.ones((120, 40), bool)
    observed[np.arange(120) % 5 == 3, 25:] = False
    matrix = write_blocks(tmp_path / "m.h5ad", observed)
    with pytest.raises(InputError, match="validation: none of its 24 rows has anything of methyl"):
        trained(matrix, tmp_path / "x", "pca", ["methylation"])
