"""An orthogonal rotation of a code towards features that few genes carry.

A model whose decoder begins with a linear layer has the same reconstruction, prior and KL
divergence in every rotation of the code; which one it was given is chance or, with principal
components, the order of variances. Varimax (Kaiser 1958, https://doi.org/10.1007/BF02289233)
chooses the one in which each feature has a few large weights.

Only a rotation: codes are neither centred nor scaled, so distances between samples, neighbours and
embeddings stay what they were.
"""

import logging

import numpy as np

#: Power of a feature's standard deviation by which its weights count. 1 gives the loadings of
#: factor analysis, which are made for standardised codes: on codes as they are, a little of a
#: feature of large variance drowns one of small variance. 0 counts directions of noise like others.
#: What each gives on real and simulated cohorts stands in docs/proofs.md.
POWER = 0.5

#: A rotation has converged when a step raises the criterion by less than this share, as in
#: scikit-learn's FactorAnalysis.
TOLERANCE = 1e-6

#: Steps after which one that has not converged is kept as it is, with a warning; 100 features of
#: 5,000 genes of TCGA took 200.
MOST_STEPS = 5_000

#: A feature that varies less than this share of the most variable one is constant but for rounding.
CONSTANT = 1e-12

log = logging.getLogger(__name__)


def find_rotation(
    codes: np.ndarray, weights: np.ndarray, least_variance: float = 0.0
) -> np.ndarray:
    """Find the rotation of a code in which each feature has a few large weights.

    The order of the rotated features is that of the variance that they explain: of their codes,
    times the squared norm of their weights. The largest weight of each, by its size, is positive.

    Parameters
    ----------
    codes
        Samples x features; training samples only.
    weights
        Genes x features: the decoder's kernel, or its derivative at one code.
    least_variance
        Features whose codes vary less are not active (`tybalt.training.model.ACTIVE_VARIANCE`):
        they take no part, and stand last. Those that are constant take none in any case.

    Returns
    -------
    numpy.ndarray
        Orthogonal, features x features: rotated codes are ``codes @ rotation``, and rotated weights
        ``weights @ rotation``.
    """
    codes, weights = (np.asarray(values, dtype=np.float64) for values in (codes, weights))
    variance = codes.var(axis=0)
    active = np.flatnonzero(variance > max(least_variance, CONSTANT * variance.max(initial=0)))
    others = np.setdiff1d(np.arange(len(variance)), active)
    turned = np.zeros((len(variance), len(active)))
    turned[active] = varimax(weights[:, active] * variance[active] ** (POWER / 2))
    explained = (codes @ turned).var(axis=0) * np.square(weights @ turned).sum(axis=0)
    turned = turned[:, np.argsort(-explained, kind="stable")]
    rotated = weights @ turned
    if len(active):
        largest = rotated[np.abs(rotated).argmax(axis=0), np.arange(len(active))]
        turned = turned * np.where(largest < 0, -1.0, 1.0)
    log.info("%d of %d features are rotated", len(active), len(variance))
    return np.concatenate([turned, np.eye(len(variance))[:, others]], axis=1)


def varimax(loadings: np.ndarray) -> np.ndarray:
    """Find the rotation that makes the variance of the squared loadings of each feature largest.

    The criterion of Kaiser 1958 without his normalisation of rows, raised step by step to the
    orthogonal matrix nearest to its gradient (Jennrich 2001, https://doi.org/10.1007/BF02294840),
    from the identity.

    Parameters
    ----------
    loadings
        Genes x features.

    Returns
    -------
    numpy.ndarray
        Orthogonal, features x features.
    """
    rotation = np.eye(loadings.shape[1])
    before = 0.0
    for _ in range(MOST_STEPS if rotation.size else 0):
        rotated = loadings @ rotation
        squared = rotated**2
        left, sizes, right = np.linalg.svd(
            loadings.T @ (rotated * (squared - squared.mean(axis=0))), full_matrices=False
        )
        rotation = left @ right
        if sizes.sum() <= before * (1 + TOLERANCE):
            return rotation
        before = sizes.sum()
    if rotation.size:
        log.warning("varimax has not converged in %d steps; it is kept as it is", MOST_STEPS)
    return rotation
