"""Principal components and closed curves: features for what goes round (PURE at module level).

A process that returns to its start, such as the cell cycle, is one angle, but every gene that
peaks at an angle of its own bends it through many linear components. Here an angle is looked for in
what the first principal components leave: a closed curve through few genes (Hastie and Stuetzle
1989, https://doi.org/10.1080/01621459.1989.10478797), written as a Fourier series as in Cyclum
(Liang 2020, https://doi.org/10.1038/s41467-020-15295-9). Its features are cosine and sine of the
angle and of its multiples; the other features are principal components of what curves leave.

A curve that is free to pass through all genes follows the strongest linear directions, whatever
they are, and explains more than a weak cycle does. So few genes are asked for, and a curve counts
only if its one angle predicts a gene from the others as well as linear features do, as many as the
angle has waves (docs/proofs.md).
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    import numpy as np

    from tybalt.training.rows import Rows

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "reconstruction"

#: A setting with which it learns planted factors in a second or two; a test trains it.
LEARNING = {"components_before": 2}

#: Angles that a sample may have: one every 3.75 degrees.
ANGLES = 96

#: Curves that are tried for each that is kept; every one starts at another group of genes.
STARTS = 50

#: Genes of such a group, and how many of them say how closely it belongs together.
GROUP, CLOSEST = 10, 5

#: Rounds of angles and curve in turn, until fewer samples than this share move.
ROUNDS, RESTLESS = 40, 0.001

#: The share of a gene's variance that the angle according to the others has to explain (0 of genes
#: with nothing in common), and of how many genes it is asked.
LEAST_AGREEMENT, ASKED = 0.1, 100

#: How much of what linear features explain of these genes the angle has to explain: of many genes
#: both tell a cycle as well (0.72 and 0.71 of 60), of clouds the angle 0.65 to 0.9 of it.
AS_GOOD = 0.95

#: Genes whose correlations with all others are in memory at a time.
CHUNK = 512

#: A gene that varies less than this after the first components is on no curve.
LEAST_SPREAD = 1e-6

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of components and curves."""

    latent_dim: int = common.latent_dim()
    curves: int = hyperparameter(
        1,
        "Closed curves, each an angle of a sample.",
        low=1,
        high=100,
        unit="curves",
        source="one cell cycle: Liang 2020, https://doi.org/10.1038/s41467-020-15295-9",
    )
    harmonics: int = hyperparameter(
        3,
        "Multiples of the angle that a curve is made of; each gives two features, cosine and sine. "
        "A gene that is high over a third of the circle or less needs three. Of 1 nothing tells a "
        "cycle from any two linear features.",
        low=1,
        high=12,
        unit="multiples",
        source="the Fourier series of a bump, Abramowitz and Stegun 9.6.34; value: docs/proofs.md",
    )
    components_before: int = hyperparameter(
        20,
        "Principal components that are taken out before curves are looked for: enough for what is "
        "stronger than a cycle, too few to hold it themselves.",
        low=0,
        high=common.WIDEST,
        unit="features",
        source="docs/proofs.md",
    )
    sparsity: float = hyperparameter(
        0.4,
        "Amplitude, in standard deviations of what the first components leave of a gene, that "
        "puts the gene on a curve (group lasso); random angles of 400 samples give about 0.2.",
        low=0,
        source="Yuan and Lin 2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x; value: ours",
    )


@dataclass(frozen=True)
class Fitted:
    """The fitted components and curves; its fields are all that a file needs to hold.

    Parameters
    ----------
    mean
        Mean of every gene over the training samples, shape (genes,).
    first, rest
        Orthonormal rows: components before the curves, and of what these leave.
    curves
        Fourier coefficients of every curve in the units of the genes, shape (curves,
        2 x harmonics, genes), in the order cos, sin, cos of the double angle ...
    centre
        Means of cosines and sines over the training samples, shape (curves, 2 x harmonics).
    noise
        Variance of every gene about every curve, shape (curves, genes).
    """

    mean: "np.ndarray"
    first: "np.ndarray"
    rest: "np.ndarray"
    curves: "np.ndarray"
    centre: "np.ndarray"
    noise: "np.ndarray"

    def encode(self, X: "np.ndarray") -> "np.ndarray":
        """Give samples x genes their codes: first components, waves of the curves, the rest.

        Of an angle the code holds the mean of cos and sin over all angles, weighed by how well
        the curve there fits the sample's genes (the posterior mean, if every angle is as likely
        beforehand and the noise is Gaussian): of a sample that says nothing, 0.
        """
        import numpy as np

        codes = [(X - self.mean) @ self.first.T]
        left = X - self.mean - codes[0] @ self.first
        for curve, centre, noise in zip(self.curves, self.centre, self.noise, strict=True):
            codes.append(expected_waves(left, curve, centre, noise))
            left = left - (codes[-1] - centre) @ curve
        return np.hstack([*codes, left @ self.rest.T])

    def decode(self, Z: "np.ndarray") -> "np.ndarray":
        """Map codes back to samples x genes; linear in the code."""
        return Z @ self.gene_weights().T + self.offset()

    def offset(self) -> "np.ndarray":
        """Return what the code of zeros is mapped to: shape (genes,)."""
        import numpy as np

        return self.mean - np.einsum("ck,ckg->g", self.centre, self.curves)

    def gene_weights(self) -> "np.ndarray":
        """Weights of the genes, genes x latent_dim."""
        import numpy as np

        flat = self.curves.reshape(-1, self.curves.shape[2])
        return np.vstack([self.first, flat, self.rest]).T

    def layers(self) -> dict[str, list[dict[str, "np.ndarray"]]]:
        """Describe the decoder as a dense layer; angles are found by no such layer."""
        return {"decoder": [{"kernel": self.gene_weights().T, "bias": self.offset()}]}


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    waves = 2 * hp.harmonics * hp.curves
    if hp.latent_dim < hp.components_before + waves:
        return (
            f"latent_dim: found {hp.latent_dim}, expected at least {hp.components_before + waves} "
            f"(components_before {hp.components_before} + 2 x harmonics x curves {waves})"
        )
    return common.refuse_many_components(hp.latent_dim, shape)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return "some of its features are cosines and sines of angles"


def fit(rows: "Rows", hp: HParams, seed: int) -> Fitted:
    """Fit on rows x columns: first components, then curve after curve, then what is left."""
    import numpy as np

    mean = rows.X.mean(axis=0, dtype=np.float64)
    left = rows.X - mean
    first = principal_axes(left, hp.components_before)
    left -= left @ first.T @ first
    spread = left.std(axis=0)
    spread = np.where(spread > LEAST_SPREAD, spread, np.inf)
    curves, centres, noises = [], [], []
    for number in range(1, hp.curves + 1):
        curve, centre, noise = find_curve(
            (left / spread).astype(np.float32), hp.harmonics, hp.sparsity
        )
        on_curve = curve.any(axis=0)
        curve[:, on_curve] *= spread[on_curve]
        noise = noise * np.where(np.isfinite(spread), spread, 0) ** 2
        _report(number, on_curve, curve, rows.inputs.names)
        left -= (expected_waves(left, curve, centre, noise) - centre) @ curve
        curves.append(curve)
        centres.append(centre)
        noises.append(noise)
    waves_in_all = 2 * hp.harmonics * hp.curves
    rest = principal_axes(left, hp.latent_dim - hp.components_before - waves_in_all)
    return Fitted(mean, first, rest, np.array(curves), np.array(centres), np.array(noises))


def _report(number: int, on_curve: "np.ndarray", curve: "np.ndarray", names) -> None:
    """Say which genes are on a curve, the largest amplitude first."""
    import numpy as np

    if not on_curve.any():
        log.warning(
            "curve %d has no gene, and its features are 0: no genes are found for which an "
            "angle says more than linear features; if there should be a cycle, try another "
            "`components_before`",
            number,
        )
        return
    order = np.argsort(-np.linalg.norm(curve, axis=0), kind="stable")[:10]
    largest = [str(names[i]) for i in order if on_curve[i]]
    log.info("curve %d: %d genes, of them %s", number, on_curve.sum(), ", ".join(largest))


def principal_axes(left: "np.ndarray", count: int) -> "np.ndarray":
    """Return the directions of the largest variance: count x columns, orthonormal; maybe none."""
    import numpy as np

    from tybalt.training.principal_components import principal_components

    if not count:
        return np.zeros((0, left.shape[1]))
    return principal_components(left, count).directions


def wave_table(harmonics: int) -> "np.ndarray":
    """Return cosine and sine of every angle and its multiples: ANGLES x (2 x harmonics)."""
    import numpy as np

    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    multiples = np.outer(angles, np.arange(1, harmonics + 1))
    return np.stack([np.cos(multiples), np.sin(multiples)], axis=2).reshape(ANGLES, -1)


def expected_waves(
    left: "np.ndarray", curve: "np.ndarray", centre: "np.ndarray", noise: "np.ndarray"
) -> "np.ndarray":
    """Return the posterior means of cosines and sines: samples x (2 x harmonics).

    Parameters
    ----------
    left
        Samples x genes: what the first components leave.
    curve, centre, noise
        Of one curve; see `Fitted`. Genes that are not on it do not count.
    """
    from scipy.special import softmax

    return softmax(_evidence(left, curve, centre, noise)[1], axis=1) @ wave_table(len(centre) // 2)


def _evidence(
    left: "np.ndarray", curve: "np.ndarray", centre: "np.ndarray", noise: "np.ndarray"
) -> tuple["np.ndarray", "np.ndarray"]:
    """Return the points of a curve (angles x its genes) and their log-likelihoods, up to a sum.

    The second is samples x angles.
    """
    import numpy as np

    on_curve = curve.any(axis=0)
    points = (wave_table(len(centre) // 2) - centre) @ curve[:, on_curve]
    # Floored, so that a gene without any noise does not divide by zero.
    precise = points / np.maximum(noise[on_curve], LEAST_SPREAD**2)
    return points, left[:, on_curve] @ precise.T - 0.5 * np.sum(points * precise, axis=1)


def nearest_angles(
    left: "np.ndarray", curve: "np.ndarray", centre: "np.ndarray", waves: "np.ndarray"
) -> "np.ndarray":
    """Return the place in the table of waves at which the curve is nearest to each sample."""
    import numpy as np

    on_curve = curve.any(axis=0)
    points = (waves - centre) @ curve[:, on_curve]
    distances = np.sum(points**2, axis=1) - 2 * left[:, on_curve] @ points.T
    return distances.argmin(axis=1)


def find_curve(
    left: "np.ndarray", harmonics: int, sparsity: float
) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """Find the closed curve through few genes that explains most.

    From each start, angles and curve are fitted in turn until samples rest: the angles by the
    nearest point, the curve by least squares with every gene's coefficients shrunk together (group
    lasso; cosines and sines of evenly spread angles are orthogonal, so that it is a threshold on
    their norm). The curve with the smallest penalised error counts whose genes agree on the angle
    (`genes_agree`); they are fitted once more without the penalty.

    Parameters
    ----------
    left
        Samples x genes, every gene of mean 0 and variance 1 (or 0).

    Returns
    -------
    curve, centre, noise
        As in `Fitted`, in the units of `left`; a curve of zeros if there is none. It begins where
        its strongest gene peaks, and the second one peaks on the first half.
    """
    import numpy as np

    waves = wave_table(harmonics)
    found = []
    for group in closest_groups(left):
        u = np.linalg.svd(left[:, group], full_matrices=False)[0]
        turn = np.arctan2(u[:, 1], u[:, 0]) / (2 * np.pi)
        angles = np.rint(turn * ANGLES).astype(int) % ANGLES
        found.append(_settle(left, angles, waves, sparsity))
    for angles, penalised, gained in sorted(found, key=lambda each: -each[2]):
        if not gained > 0:
            break
        seen = waves[_begin_at_the_strongest(angles, penalised)]
        on_curve, centre = penalised.any(axis=0), seen.mean(axis=0)
        curve = np.zeros(penalised.shape)
        curve[:, on_curve] = np.linalg.lstsq(seen - centre, left[:, on_curve], rcond=None)[0]
        noise = np.mean(np.square(left - (seen - centre) @ curve), axis=0)
        agreement, of_lines = genes_agree(left, curve, centre, noise)
        is_cycle = harmonics == 1 or agreement >= AS_GOOD * of_lines
        if is_cycle and agreement >= LEAST_AGREEMENT:
            log.info(
                "the angle by the other genes explains %.2f of a gene, %d linear features %.2f",
                *(agreement, 2 * harmonics, of_lines),
            )
            return curve, centre, noise
    return np.zeros((2 * harmonics, left.shape[1])), np.zeros(2 * harmonics), left.var(axis=0)


def genes_agree(
    left: "np.ndarray", curve: "np.ndarray", centre: "np.ndarray", noise: "np.ndarray"
) -> tuple[float, float]:
    """Say how well the other genes of a curve predict a gene: by the angle, and by lines.

    Every pair of genes lies on some curve, and one gene on all of them: then nothing else knows the
    angle. And a cloud of samples, or two groups of them, are followed by a curve too; but there
    linear features, as many as the angle has waves, predict better than it does.

    Returns
    -------
    by_angle, by_lines
        Mean of 1 - squared error / variance over the (at most 100) genes of largest amplitude.
    """
    import numpy as np
    from scipy.special import softmax

    on_curve = np.flatnonzero(curve.any(axis=0))
    amplitudes = np.linalg.norm(curve[:, on_curve], axis=0)
    asked = np.argsort(-amplitudes, kind="stable")[:ASKED]
    points, evidence = _evidence(left, curve, centre, noise)
    shares = []
    for place in asked:
        point, value = points[:, place], left[:, on_curve[place]]
        precise = point / max(noise[on_curve[place]], LEAST_SPREAD**2)
        own = np.outer(value, precise) - 0.5 * point * precise
        predicted = softmax(evidence - own, axis=1) @ point
        shares.append(1 - np.mean((value - predicted) ** 2) / np.var(value))
    count = min(len(centre), len(on_curve) - 1)
    of_lines = linear_agreement(left[:, on_curve].astype(np.float64), count)
    return float(np.mean(shares)), float(of_lines[asked].mean())


def linear_agreement(left: "np.ndarray", count: int) -> "np.ndarray":
    """Say how well linear features of the other genes predict each gene.

    By probabilistic principal components (Tipping and Bishop 1999,
    https://doi.org/10.1111/1467-9868.00196): if genes have the covariance C = W W' + noise I, the
    expected value of one given the others misses it by (C^-1 x) / diag(C^-1).

    Parameters
    ----------
    left
        Samples x genes, of mean 0.
    count
        Linear features, fewer than genes.

    Returns
    -------
    numpy.ndarray
        1 - squared error / variance of every gene.
    """
    import numpy as np

    n, size = left.shape
    axes = principal_axes(left, count)
    scores = left @ axes.T
    variances = np.mean(scores**2, axis=0)
    noise = max((np.sum(left**2) / n - variances.sum()) / (size - count), LEAST_SPREAD**2)
    # By Woodbury's identity, since the axes are orthonormal: C^-1 = (I - V s V') / noise.
    shrunk = np.maximum(0, 1 - noise / np.maximum(variances, LEAST_SPREAD**2))
    errors = left - (scores * shrunk) @ axes
    errors /= 1 - np.sum(shrunk[:, None] * axes**2, axis=0)
    return 1 - np.mean(errors**2, axis=0) / np.var(left, axis=0)


def _settle(
    left: "np.ndarray", angles: "np.ndarray", waves: "np.ndarray", sparsity: float
) -> tuple["np.ndarray", "np.ndarray", float]:
    """Fit curve and angles in turn; return both, and how much the penalised error has fallen."""
    import numpy as np

    for _ in range(ROUNDS):
        centred = waves[angles] - waves[angles].mean(axis=0)
        products = (centred.T.astype(left.dtype) @ left).astype(np.float64)
        curve = np.linalg.lstsq(centred.T @ centred, products, rcond=None)[0]
        norms = np.linalg.norm(curve, axis=0)
        curve *= np.maximum(0, 1 - sparsity / np.maximum(norms, LEAST_SPREAD))
        if not curve.any():
            return angles, curve, 0.0
        moved = nearest_angles(left, curve, waves[angles].mean(axis=0), waves)
        restless = np.mean(moved != angles)
        angles = moved
        if restless < RESTLESS:
            break
    on_curve = curve.any(axis=0)
    seen = waves[angles]
    errors = left[:, on_curve] - (seen - seen.mean(axis=0)) @ curve[:, on_curve]
    fallen = np.sum(left[:, on_curve] ** 2) - np.sum(errors**2)
    penalty = sparsity * np.linalg.norm(curve, axis=0).sum()
    return angles, curve, float(fallen / len(left) - penalty) / 2


def _begin_at_the_strongest(angles: "np.ndarray", curve: "np.ndarray") -> "np.ndarray":
    """Turn, and if need be reverse, a circle: where it begins and which way it runs is free."""
    import numpy as np

    points = wave_table(len(curve) // 2) @ curve
    strongest = np.argsort(-np.linalg.norm(curve, axis=0), kind="stable")
    angles = (angles - points[:, strongest[0]].argmax()) % ANGLES
    peak = points[:, strongest[1 % len(strongest)]].argmax() - points[:, strongest[0]].argmax()
    return angles if peak % ANGLES <= ANGLES // 2 else -angles % ANGLES


def closest_groups(left: "np.ndarray") -> list["np.ndarray"]:
    """List groups of genes that vary together, the closest first: no gene leads two groups.

    A group is a gene and those most correlated with it, whatever the sign.
    """
    import numpy as np

    norms = np.linalg.norm(left, axis=0)
    unit = np.divide(left, norms, out=np.zeros_like(left), where=norms > 0)
    size = min(GROUP, left.shape[1] - 1)
    nearest, closeness = [], []
    for start in range(0, left.shape[1], CHUNK):
        r = np.abs(unit[:, start : start + CHUNK].T @ unit)
        r[np.arange(len(r)), np.arange(start, start + len(r))] = 0
        others = np.argsort(-r, axis=1, kind="stable")[:, :size]
        nearest.append(others)
        closeness.append(np.take_along_axis(r, others[:, :CLOSEST], axis=1).mean(axis=1))
    nearest, closeness = np.concatenate(nearest), np.concatenate(closeness)
    groups, used = [], set()
    for gene in np.argsort(-closeness, kind="stable"):
        if gene in used:
            continue
        groups.append(np.array([gene, *nearest[gene]]))
        used.update(groups[-1].tolist())
        if len(groups) == STARTS:
            break
    return groups
