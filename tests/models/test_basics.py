"""What the lecture's basic autoencoders show: linear stays where PCA is, deep goes on."""

import numpy as np
import pytest

from tybalt.data.simulation.logic_genes import logic_genes
from tybalt.training.model import make_model
from tybalt.training.rows import make_inputs
from tybalt.training.train import fit_and_keep_best

from .planted import rows


@pytest.fixture(scope="module")
def logic():
    X = logic_genes(1000, 2, "binary", seed=1).to_numpy(np.float32)
    return X[:800], X[800:]


def trained(logic, module, **values):
    train, validation = logic
    autoencoder = make_model(
        module, make_inputs("g" * train.shape[1]), {"latent_dim": 2, **values}, seed=7
    )
    result = fit_and_keep_best(
        autoencoder, rows(train), rows(validation), seed=7, objective="reconstruction", patience=0
    )
    return autoencoder, result


def error(autoencoder, X):
    return float(np.mean((autoencoder.reconstruct(X) - X) ** 2))


@pytest.mark.slow
def test_depth_0_does_what_pca_does(logic):
    linear, _ = trained(logic, "autoencoder", depth=0, epochs=150, learning_rate=0.01)
    pca, _ = trained(logic, "pca")
    assert error(linear, logic[0]) == pytest.approx(error(pca, logic[0]), rel=0.02)
    # no linear code of this size has a smaller error on the samples that it was fitted on
    assert error(linear, logic[0]) >= error(pca, logic[0]) * (1 - 1e-4)


@pytest.mark.slow
def test_shallow_is_stuck_where_deep_falls_by_orders_of_magnitude(logic):
    """Published: 2.5194 throughout against 0.0243 (200 epochs) and 0.00037 (600 epochs)."""
    settings = {"epochs": 200, "learning_rate": 0.01}
    _, shallow = trained(logic, "autoencoder", depth=0, **settings)
    _, deep = trained(logic, "autoencoder", depth=2, hidden_dim=6, **settings)
    _, pca = trained(logic, "pca")
    # Stuck where principal components are: the best linear code on other samples is about as good.
    assert min(shallow.history["score"]) > 0.9 * pca.score
    assert deep.score < 0.01 * pca.score
