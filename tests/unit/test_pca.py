"""PCA equals the singular value decomposition of the centred matrix."""

import numpy as np

from tybalt.models import pca
from tybalt.training.rows import Rows, make_inputs


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
