"""PCA equals the singular value decomposition of the centred matrix."""

import numpy as np
import pytest

from tybalt.models import pca
from tybalt.training import principal_components as exact
from tybalt.training.principal_components import principal_components
from tybalt.training.rows import Rows, make_inputs


def decaying(n_rows, n_columns):
    """Draw rows whose variance decays slowly, as that of expression does, in single precision."""
    rng = np.random.default_rng(n_rows)
    scales = np.arange(1, n_columns + 1) ** -0.5
    return (rng.standard_normal((n_rows, n_columns)) * scales + 3).astype(np.float32)


@pytest.mark.parametrize("shape", [(120, 900), (900, 120), (60, 60)])
def test_every_component_is_that_of_numpys_decomposition(shape, monkeypatch):
    # The randomised solver that scikit-learn takes for these sizes finds about half of them.
    monkeypatch.setattr(exact, "CHUNK_VALUES", 7 * min(shape))  # the sums are made of many chunks
    X, k = decaying(*shape), 50
    found = principal_components(X, k)
    centred = X.astype(float) - X.mean(axis=0, dtype=float)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    cosines = np.sum(found.directions * directions[:k], axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-6)
    np.testing.assert_allclose(found.deviations, lengths[:k] / np.sqrt(len(X)), rtol=1e-5)
    np.testing.assert_allclose(found.mean, X.mean(axis=0, dtype=float), rtol=1e-6)
    assert found.directions.dtype == np.float32


def test_signs_are_fixed_by_the_largest_weight():
    found = principal_components(decaying(40, 30), 10).directions
    assert (found[np.arange(10), np.abs(found).argmax(axis=1)] > 0).all()


def test_directions_that_the_samples_do_not_span_are_zero():
    X = np.repeat(decaying(4, 30), 5, axis=0)  # 20 samples, 4 different ones: 3 directions
    found = principal_components(X, 6)
    np.testing.assert_allclose(np.linalg.norm(found.directions[:3], axis=1), 1, atol=1e-6)
    assert not found.directions[3:].any()
    assert (found.deviations[3:] < 1e-6).all()


def test_a_constant_matrix_has_no_direction():
    found = principal_components(np.full((5, 9), 0.3, dtype=np.float32), 2)
    assert not found.directions.any() and not found.deviations.any()


def test_the_seed_changes_nothing():
    X = decaying(40, 600)
    rows = Rows(X, make_inputs([f"g{i}" for i in range(600)]))
    one, other = (pca.fit(rows, pca.HParams(latent_dim=30), seed) for seed in (1, 2))
    np.testing.assert_array_equal(one.components, other.components)


def test_reconstruction_is_the_truncated_svd():
    X = np.random.default_rng(0).random((30, 12))
    rows = Rows(X, make_inputs([f"g{i}" for i in range(12)]))
    fitted = pca.fit(rows, pca.HParams(latent_dim=3), seed=0)
    U, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    expected = (U[:, :3] * s[:3]) @ Vt[:3] + X.mean(axis=0)
    np.testing.assert_allclose(fitted.decode(fitted.encode(X)), expected)
    assert fitted.gene_weights().shape == (12, 3)


def test_more_components_than_the_matrix_has_are_refused():
    hp = pca.HParams(latent_dim=13)
    assert "at most 12 principal components" in pca.refuse(hp, (30, 12), (0.0, 1.0))
    assert pca.refuse(hp, (30, 20), (-5.0, 5.0)) is None
    assert "at most 12 principal components" in pca.refuse(hp, (13, 20), (0.0, 1.0))
