"""Closed curves: a planted angle is found, by the genes that follow it, and stays what it is."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tybalt.models import circular
from tybalt.models.circular import HParams

from .planted import rows

N_GENES, CYCLING = 200, 20
SETTING = HParams(latent_dim=12, components_before=6)


def draw(n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw samples x genes, and angles: six strong linear factors in all genes but the last 20.

    Those peak at angles of their own (a von Mises bump of concentration 6, as the genes of the
    simulated cohort's phase); noise is a third of the variance, and the angle less than a tenth.
    """
    loadings = np.random.default_rng(0).normal(size=(6, N_GENES))
    loadings[:, -CYCLING:] *= 0.2
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, n_samples)
    X = rng.normal(size=(n_samples, 6)) @ loadings + rng.normal(size=(n_samples, N_GENES))
    peaks = 2 * np.pi * np.arange(CYCLING) / CYCLING
    X[:, -CYCLING:] += 4 * np.exp(6 * (np.cos(angles[:, None] - peaks) - 1))
    return (0.5 + 0.05 * X).astype(np.float32), angles


@pytest.fixture(scope="module")
def cycle():
    train, _ = draw(300, 1)
    return circular.fit(rows(train), SETTING, seed=1)


def share_explained(codes: np.ndarray, angles: np.ndarray, train: slice, test: slice) -> float:
    waves = np.column_stack([np.cos(angles), np.sin(angles)])
    return LinearRegression().fit(codes[train], waves[train]).score(codes[test], waves[test])


def test_a_planted_angle_is_found_from_the_genes_that_follow_it(cycle):
    X, angles = draw(600, 2)
    assert set(np.flatnonzero(cycle.curves[0].any(axis=0))) == set(
        range(N_GENES - CYCLING, N_GENES)
    )
    first, second = slice(0, 300), slice(300, 600)
    codes = cycle.encode(X)
    # Two features hold it, and the strongest components nothing.
    assert share_explained(codes[:, 6:8], angles, first, second) > 0.9
    assert share_explained(codes[:, :6], angles, first, second) < 0.1
    # The angle of the code is the planted one, but for where it begins and which way it runs.
    turns = np.exp(1j * np.arctan2(codes[:, 7], codes[:, 6]))
    agreement = [np.abs(np.mean(turns * np.exp(sign * 1j * angles))) for sign in (1, -1)]
    assert max(agreement) > 0.95


def test_noise_has_no_curve(caplog):
    X = np.random.default_rng(3).normal(size=(300, 50)).astype(np.float32)
    fit = circular.fit(rows(X), HParams(latent_dim=8, components_before=0), seed=1)
    assert "curve 1 has no gene" in caplog.text
    assert not fit.curves.any()
    np.testing.assert_allclose(fit.encode(X)[:, :6], 0, atol=1e-12)
    # What is left is two principal components.
    expected = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(fit.rest @ expected.T), np.eye(2), atol=1e-4)


def test_a_cloud_and_two_groups_are_no_cycle(caplog):
    """Five linear features of 30 genes, one of them with two values: curves follow them, too."""
    rng = np.random.default_rng(6)
    factors = rng.normal(size=(300, 5))
    factors[:, 0] = 2 * (factors[:, 0] > 0) - 1
    X = rng.normal(size=(300, 100))
    X[:, :30] += factors @ rng.normal(size=(5, 30))
    fit = circular.fit(rows(X.astype(np.float32)), HParams(latent_dim=8, components_before=0), 1)
    assert not fit.curves.any()
    assert "curve 1 has no gene" in caplog.text


def test_linear_agreement_is_regression_on_the_other_genes():
    """The conditional mean of a Gaussian, with the covariance written out."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 8)) + rng.normal(size=(200, 8))
    X -= X.mean(axis=0)
    values, vectors = np.linalg.eigh(X.T @ X / 200)
    noise = values[:-3].mean()
    C = (vectors[:, -3:] * (values[-3:] - noise)) @ vectors[:, -3:].T + noise * np.eye(8)
    found = circular.linear_agreement(X, 3)
    for gene in range(8):
        others = np.delete(np.arange(8), gene)
        predicted = X[:, others] @ np.linalg.solve(C[np.ix_(others, others)], C[others, gene])
        expected = 1 - np.mean((X[:, gene] - predicted) ** 2) / X[:, gene].var()
        assert found[gene] == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(60, 25), (25, 60)])
def test_principal_axes_are_those_of_the_svd(shape):
    X = np.random.default_rng(4).normal(size=shape)
    X -= X.mean(axis=0)
    expected = np.linalg.svd(X, full_matrices=False)[2][:5]
    np.testing.assert_allclose(
        np.abs(circular.principal_axes(X, 5) @ expected.T), np.eye(5), atol=1e-9
    )


def test_the_code_is_the_posterior_mean(cycle):
    """Bayes' theorem written out: a sum over angles of likelihoods of independent genes."""
    X, _ = draw(5, 5)
    left = X - cycle.mean - (X - cycle.mean) @ cycle.first.T @ cycle.first
    genes = np.arange(N_GENES - CYCLING, N_GENES)
    angles = np.arange(circular.ANGLES) / circular.ANGLES * 2 * np.pi
    waves = np.array([[f(k * a) for k in (1, 2, 3) for f in (np.cos, np.sin)] for a in angles])
    for sample, code in zip(left, cycle.encode(X), strict=True):
        distance = sample[genes] - (waves - cycle.centre[0]) @ cycle.curves[0][:, genes]
        logarithm = -0.5 * np.sum(distance**2 / cycle.noise[0][genes], axis=1)
        likelihood = np.exp(logarithm - logarithm.max())
        expected = likelihood @ waves / likelihood.sum()
        np.testing.assert_allclose(code[6:12], expected, atol=1e-8)


def test_a_circle_begins_where_its_strongest_gene_peaks(cycle):
    curve = cycle.curves[0]
    points = circular.wave_table(3) @ curve
    strongest = np.argsort(-np.linalg.norm(curve, axis=0))
    # Within a few steps of 3.75 degrees: the curve is fitted once more after it is turned.
    first, second = (points[:, gene].argmax() for gene in strongest[:2])
    assert min(first, circular.ANGLES - first) <= 3
    assert second <= circular.ANGLES // 2 + 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent_dim": 25}, r"found 25, expected at least 26 .*components_before 20 \+ 2 x "),
        ({"latent_dim": 60}, "found 60, but 50 training samples x 500 genes"),
        ({"latent_dim": 26}, None),
    ],
)
def test_refusals(values, message):
    refusal = circular.refuse(HParams(**values), (50, 500), (0.0, 1.0))
    assert re.search(message, refusal) if message else refusal is None
