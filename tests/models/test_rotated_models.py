"""Rotated codes of every model that may be rotated: its file, its decoder, models upon it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tybalt.plan.models_and_tuners import speaks_against_rotation
from tybalt.training.bundle import (
    Bundle,
    compute_layers,
    feature_names,
    load_bundle,
    model_upon,
    save_bundle,
)
from tybalt.training.model import load_module
from tybalt.training.rotation import find_rotation
from tybalt.training.rows import make_inputs

from .planted import GENES, MODULES, fitted, small


def may_be_rotated(name):
    entry = {"module": name, "fixed": small(name), "space": {}}
    return speaks_against_rotation(load_module(name), entry, "models.m") is None


def rotated_bundle(name, planted, depth=0):
    """Train a model and rotate its code, as `train_model` does."""
    fields = load_module(name).HParams.__dataclass_fields__
    values = small(name, **({"depth": depth} if "depth" in fields else {}))
    model, _ = fitted(name, planted, values)
    codes = model.encode(planted.train)
    rotation = find_rotation(codes, model.gene_weights(codes.mean(axis=0)))
    genes = pd.DataFrame({"block": "rna"}, index=pd.Index(GENES, name="gene"))
    kept = pd.DataFrame(codes, columns=feature_names(codes.shape[1]))
    return Bundle(name, model, genes, kept.rename("S{}".format), {}, rotation=rotation)


@pytest.mark.parametrize("name", [name for name in MODULES if may_be_rotated(name)])
def test_features_are_read_back_and_decoded_as_they_were(name, planted, tmp_path):
    bundle = rotated_bundle(name, planted)
    path = str(tmp_path / "model.zip")
    save_bundle(bundle, path)
    again = load_bundle(path)
    X = planted.validation
    codes = again.model.encode(X)
    features = again.rotate(codes)
    assert features.dtype == np.float32 and not np.allclose(features, codes)
    np.testing.assert_allclose(again.unrotate(features), codes, atol=1e-4 * np.abs(codes).max())
    np.testing.assert_array_equal(features, bundle.rotate(bundle.model.encode(X)))
    reconstruction = again.model.decode(again.unrotate(features))
    np.testing.assert_allclose(reconstruction, again.model.reconstruct(X), atol=1e-4)
    # NumPy alone gives the same features, and takes them back.
    limits = {"atol": 1e-4 * np.abs(features).max()}
    np.testing.assert_allclose(compute_layers(path, "encoder", X), features, **limits)
    np.testing.assert_allclose(compute_layers(path, "decoder", features), reconstruction, atol=1e-4)
    second = tmp_path / "second.zip"
    save_bundle(again, str(second))
    assert second.read_bytes() == (tmp_path / "model.zip").read_bytes()


def test_a_model_in_the_codes_of_a_rotated_one_sees_them_unrotated(planted, tmp_path):
    base = rotated_bundle("pca", planted)
    plain = dataclasses.replace(base, rotation=None)
    inputs = make_inputs(GENES)
    width = base.codes.shape[1]
    upon = [model_upon({"b": each}, "pca", inputs, {"latent_dim": width}) for each in (base, plain)]
    codes = [model._encode_bases(planted.validation) for model in upon]
    np.testing.assert_array_equal(*codes)
