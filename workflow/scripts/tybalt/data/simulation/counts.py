"""From programmes to counts: calibrate each gene to its published mean and deviation, then count.

A sequencing count is Poisson around an expected number that itself varies like a gamma variable
(together: negative binomial). The published scale is log2(normalised count + 1), where one read
is about half a unit, so that genes near zero are quantised and often exactly zero.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import norm, poisson

from tybalt.data.simulation.programmes import Programmes

#: Normalised units per read (upper quartile = 1,000 units): median, and spread of its logarithm
#: between samples. From the smallest values above zero in TCGA HiSeqV2.
UNITS_PER_READ = 0.5
UNITS_SPREAD = 0.3

#: Chance that a barely expressed gene is not seen at all, and the expression (normalised units)
#: at which this has halved: fitted to the zeros of 350 TCGA samples.
MISSED = 0.15
MISSED_BELOW = 8.0

_ITERATIONS = 40
_DAMPING = 0.6  # of each step: on-off genes oscillate without
_SILENT = -20.0  # log2 of the expression of a gene that is never seen


@dataclass(frozen=True)
class Calibration:
    """Per gene, log2 units: expected log2 expression = offset + scale x (programmes + noise)."""

    offset: np.ndarray
    scale: np.ndarray


@cache
def observed_moments() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tabulate mean and mean square of log2(units x reads + 1) of a gene of known expression.

    Returns
    -------
    grid, first, second
        log2 of the expected normalised count, and E[y], E[y^2] there. Exact Poisson sums up to
        200 reads, the delta method beyond; averaged over the spread of units per read;
        additional zeros included.
    """
    grid = np.arange(-14, 21, 0.05)
    first, second = np.zeros_like(grid), np.zeros_like(grid)
    quantiles = norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    for units in UNITS_PER_READ * np.exp(UNITS_SPREAD * quantiles):
        reads = 2.0**grid / units
        few = reads < 200
        k = np.arange(400)
        chance = poisson.pmf(k, reads[few, None])
        seen = np.log2(units * k + 1)
        first[few] += chance @ seen
        second[few] += chance @ seen**2
        mean = np.log2(units * reads[~few] + 1)
        first[~few] += mean
        second[~few] += mean**2 + 1 / (reads[~few] * np.log(2) ** 2)
    share = (1 - zero_inflation(2.0**grid)) / len(quantiles)
    return grid, first * share, second * share


def zero_inflation(expected: np.ndarray) -> np.ndarray:
    """Chance that a gene of this expected normalised count is missed (an additional zero)."""
    return MISSED / (1 + (expected / MISSED_BELOW) ** 2)


def calibrate(
    structure: np.ndarray,
    dispersion: np.ndarray,
    weights: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    rng: np.random.Generator,
) -> Calibration:
    """Find offset and scale that give each gene its mean and deviation on the observed scale.

    Parameters
    ----------
    structure
        float32, genes x reference samples: programmes and the gene's own noise (standard units).
    dispersion
        Genes: negative-binomial dispersion.
    weights
        Reference samples; sum to 1.
    mean, sd
        Genes: targets on the scale log2(normalised count + 1).
    """
    grid, first, second = observed_moments()
    step = grid[1] - grid[0]
    slope_table = np.gradient(first, step)
    shape = 1 / dispersion[:, None]
    burst = np.log2(rng.standard_gamma(shape, structure.shape) * dispersion[:, None] + 1e-9)
    offset, scale = mean.astype(float).copy(), np.maximum(sd, 0.05).astype(float)
    silent = (mean < 0.005) | (sd < 0.005)
    for _ in range(_ITERATIONS):
        expression = offset[:, None] + scale[:, None] * structure + burst
        position = np.clip((expression - grid[0]) / step, 0, len(grid) - 1.001)
        low = position.astype(np.intp)
        part = position - low
        level = first[low] * (1 - part) + first[low + 1] * part
        got_mean = level @ weights
        square = (second[low] * (1 - part) + second[low + 1] * part) @ weights
        got_sd = np.sqrt(np.maximum(square - got_mean**2, 1e-6))
        slope = np.maximum(slope_table[low] @ weights, 0.03)
        offset += _DAMPING * np.clip((mean - got_mean) / slope, -1.5, 1.5)
        scale *= np.clip((sd + 0.01) / (got_sd + 0.01), 0.6, 1.6) ** _DAMPING
        offset, scale = np.clip(offset, _SILENT, 18), np.clip(scale, 0.01, 8)
    return Calibration(np.where(silent, _SILENT, offset), np.where(silent, 0.0, scale))


def reference_structure(
    programmes: Programmes, rows: slice, factors: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Programmes plus the gene's own noise, in standard units: genes of `rows` x samples."""
    structure = programmes.loadings[rows] @ factors.T
    noise = rng.standard_normal(structure.shape, dtype=np.float32)
    return structure + programmes.residual[rows, None] * noise


def draw_expression(
    structure: np.ndarray,
    calibration: Calibration,
    dispersion: np.ndarray,
    units_per_read: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw reads and express them on the published scale.

    Parameters
    ----------
    structure
        float32, genes x samples (standard units).
    units_per_read
        Samples.

    Returns
    -------
    numpy.ndarray
        float32, genes x samples: log2(normalised count + 1).
    """
    expression = structure * calibration.scale[:, None].astype(np.float32)
    expression += calibration.offset[:, None].astype(np.float32)
    # 2^18 normalised units is the largest expression seen in TCGA.
    expected = np.exp2(np.minimum(expression, 18), out=expression)
    shape = np.broadcast_to((1 / dispersion)[:, None], expected.shape)
    expected *= rng.standard_gamma(shape.astype(np.float32), dtype=np.float32)
    expected *= dispersion[:, None].astype(np.float32)
    seen = rng.random(expected.shape, dtype=np.float32) >= zero_inflation(expected)
    units = units_per_read.astype(np.float32)
    reads = rng.poisson(expected / units).astype(np.float32)
    return np.log2(reads * units * seen + 1)
