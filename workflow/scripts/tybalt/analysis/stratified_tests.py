"""AUROC and Spearman's rho within strata: of all features at once, with tests and intervals.

Both are linear in ranks, so one ranking of the codes of a stratum and one matrix product answer
all contrasts that are asked of the same samples.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.stats import norm, rankdata

from tybalt.analysis.contrasts import AUROC, SPEARMAN, Contrast

#: Fewer groups than this on a side of a contrast (or, of numbers, in a stratum) tell nothing.
MINIMUM_PER_SIDE = 10

BOOTSTRAP_SAMPLES = 1000

#: The effect of a feature that says nothing.
CHANCE = {AUROC: 0.5, SPEARMAN: 0.0}


@dataclasses.dataclass(frozen=True)
class Effects:
    """What was measured of F features and Q contrasts in some samples.

    Attributes
    ----------
    effect, p
        Q x F: AUROC or rho, combined over strata; two-sided p-value. NaN where no stratum answers.
    n, n_positive
        Q: samples that answered; those with a 1 (of numbers: 0).
    strata
        Q: strata that answered.
    """

    effect: np.ndarray
    p: np.ndarray
    n: np.ndarray
    n_positive: np.ndarray
    strata: np.ndarray


def answering_strata(contrast: Contrast, train: np.ndarray, groups: np.ndarray) -> list[str]:
    """Name the strata with enough training samples to answer a contrast.

    Of at least 10 groups on each side or, for numbers, of 10 and not all alike.

    Parameters
    ----------
    train
        True for each training sample.
    groups
        Of each sample.
    """
    known = train & np.isfinite(contrast.values) & (contrast.stratum != "")
    place, names = pd.factorize(contrast.stratum[known], sort=True)
    values, people = contrast.values[known], groups[known]

    def groups_by_stratum(rows: np.ndarray) -> np.ndarray:
        distinct = pd.DataFrame({"place": place[rows], "group": people[rows]}).drop_duplicates()
        return np.bincount(distinct["place"], minlength=len(names))

    if contrast.measure == AUROC:
        sides = [groups_by_stratum(values == side) for side in (0, 1)]
        enough = np.minimum(*sides) >= MINIMUM_PER_SIDE
    else:
        varies = np.array([np.ptp(values[place == i]) > 0 for i in range(len(names))], dtype=bool)
        enough = (groups_by_stratum(np.isfinite(values)) >= MINIMUM_PER_SIDE) & varies
    return [str(name) for name in names[enough]]


def count_groups(
    contrast: Contrast, rows: np.ndarray, strata: Sequence[str], groups: np.ndarray
) -> tuple[int, int]:
    """Count the groups behind an effect: with a 1 and with a 0 (of numbers: all, twice).

    Parameters
    ----------
    rows, strata
        As in `measure_effects`; the strata of this contrast.
    groups
        Of each sample.
    """
    counted = np.zeros(len(rows), dtype=bool)
    asked = rows & np.isin(contrast.stratum.astype(str), list(strata))
    for _, _, inside in _samples_of_strata([contrast], asked):
        if np.ptp(contrast.values[inside]) > 0:
            counted |= inside
    positive, negative = counted, counted
    if contrast.measure == AUROC:
        positive, negative = (counted & (contrast.values == side) for side in (1, 0))
    return len(set(groups[positive])), len(set(groups[negative]))


def untestable(
    contrast: Contrast,
    parts: Mapping[str, np.ndarray],
    strata: Sequence[str],
    groups: np.ndarray,
    noun: str,
) -> str:
    """Say why a contrast cannot be tested; "" if it can.

    Parameters
    ----------
    parts
        Name of a part -> which samples are in it, the training part first.
    strata
        Those that answer (`answering_strata`).
    groups
        Of each sample.
    noun
        What groups are called.
    """
    for part, rows in parts.items():
        asked = strata or sorted({*contrast.stratum[rows].astype(str)} - {""})
        sides = count_groups(contrast, rows, asked, groups)
        side = "positive" if sides[0] <= sides[1] else "negative"
        kind = f"{side} " if contrast.measure == AUROC else ""
        if not strata and len(asked) > 1:
            each = "on each side" if contrast.measure == AUROC else "with different values"
            enough = f"{MINIMUM_PER_SIDE} {part} {noun} {each}"
            return f"no stratum has {enough} ({min(sides)} {kind}in all)"
        if min(sides) < MINIMUM_PER_SIDE:
            return f"{min(sides)} {kind}{part} {noun}, fewer than {MINIMUM_PER_SIDE}"
    return ""


def measure_effects(
    codes: np.ndarray,
    contrasts: Sequence[Contrast],
    rows: np.ndarray,
    strata: Sequence[Sequence[str]],
) -> Effects:
    """Measure how every feature answers every contrast in some of the samples.

    *AUROC* of higher values in positive samples: each stratum has the weight n1 n0 / (n1 + n0 + 1)
    (van Elteren 1960, Bull. Int. Stat. Inst. 37:351-361). *Spearman's rho*: each stratum has the
    weight n - 1, the inverse of its variance (Taylor 1987, Biometrics 43:409-416). p-values come
    from the normal approximation with the exact permutation variance of the (tied) ranks.

    Parameters
    ----------
    codes
        All samples x features.
    rows
        Per sample whether it takes part.
    strata
        For each contrast the strata that may answer (see `answering_strata`). One in which the
        samples that take part are all on one side is left out.
    """
    shape = (len(contrasts), codes.shape[1])
    weighted, variance = np.zeros(shape), np.zeros(shape)
    weights = np.zeros(len(contrasts))
    n, n_positive, n_strata = (np.zeros(len(contrasts), dtype=int) for _ in range(3))
    for members, stratum, inside in _samples_of_strata(contrasts, rows):
        asked = [q for q in members if stratum in strata[q]]
        if not asked:
            continue
        ranks = rankdata(codes[inside], axis=0) - (inside.sum() + 1) / 2
        spread = np.sum(ranks**2, axis=0)
        for q in asked:
            values = contrasts[q].values[inside]
            measured = _measure_stratum(ranks, spread, values, contrasts[q].measure)
            if measured is None:
                continue
            effect, own_variance, weight = measured
            weighted[q] += weight * effect
            variance[q] += weight**2 * own_variance
            weights[q] += weight
            n[q] += len(values)
            n_positive[q] += int((values == 1).sum()) if contrasts[q].measure == AUROC else 0
            n_strata[q] += 1
    with np.errstate(divide="ignore", invalid="ignore"):
        departure = weighted / weights[:, None]
        z = np.where(variance > 0, np.abs(weighted) / np.sqrt(variance), 0.0)
    chance = np.array([CHANCE[contrast.measure] for contrast in contrasts])
    p = np.where(weights[:, None] > 0, 2 * norm.sf(z), np.nan)
    return Effects(departure + chance[:, None], p, n, n_positive, n_strata)


def _samples_of_strata(
    contrasts: Sequence[Contrast], rows: np.ndarray
) -> Iterator[tuple[list[int], str, np.ndarray]]:
    """Yield (contrasts, stratum, samples): contrasts asked of the same samples come together."""
    blocks: dict[tuple[bytes, bytes], list[int]] = {}
    codes_of: dict[int, bytes] = {}
    for q, contrast in enumerate(contrasts):
        known = rows & np.isfinite(contrast.values)
        key = id(contrast.stratum)
        if key not in codes_of:
            codes_of[key] = "\t".join(contrast.stratum).encode()
        blocks.setdefault((known.tobytes(), codes_of[key]), []).append(q)
    for members in blocks.values():
        contrast = contrasts[members[0]]
        known = rows & np.isfinite(contrast.values)
        for stratum in sorted(set(contrast.stratum[known]) - {""}):
            yield members, stratum, known & (contrast.stratum == stratum)


def _measure_stratum(
    ranks: np.ndarray, spread: np.ndarray, values: np.ndarray, measure: str
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Return departure from chance and its variance (both per feature), and the weight."""
    n = len(values)
    if measure == AUROC:
        n1 = int((values == 1).sum())
        n0 = n - n1
        if not n1 or not n0:
            return None
        effect = values @ ranks / (n1 * n0)
        return effect, spread / (n * (n - 1) * n1 * n0), n1 * n0 / (n + 1)
    centred = rankdata(values) - (n + 1) / 2
    if not centred.any():
        return None
    scale = np.sqrt(spread * np.sum(centred**2))
    effect = np.divide(centred @ ranks, scale, out=np.zeros_like(scale), where=scale > 0)
    return effect, np.where(scale > 0, 1 / (n - 1), 0.0), n - 1


def bootstrap_intervals(
    codes: np.ndarray,
    contrast: Contrast,
    rows: np.ndarray,
    strata: Sequence[str],
    groups: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap (2.5 % to 97.5 %) of the effects, resampling within stratum and side.

    Patients are drawn, with all their samples on that side: samples of one group are no
    independent witnesses (Field and Welsh 2007, https://doi.org/10.1111/j.1467-9868.2007.00593.x).

    Parameters
    ----------
    codes
        All samples x the features of interest.
    rows, strata
        As in `measure_effects`; the strata of this contrast.
    groups
        Of each sample.

    Returns
    -------
    low, high
        One value per feature; NaN if no stratum answers.
    """
    rng = np.random.default_rng(seed)
    total, weights = np.zeros((BOOTSTRAP_SAMPLES, codes.shape[1])), 0.0
    for _, stratum, inside in _samples_of_strata([contrast], rows):
        values = contrast.values[inside]
        if stratum not in strata or np.ptp(values) == 0:
            continue
        if contrast.measure == AUROC:
            weight = (values == 1).sum() * (values == 0).sum() / (len(values) + 1)
            areas = _resampled_auroc(codes[inside], values == 1, groups[inside], rng)
            total += weight * (areas - 0.5)
        else:
            weight = len(values) - 1
            total += weight * _resampled_rho(codes[inside], values, groups[inside], rng)
        weights += weight
    if not weights:
        return np.full(codes.shape[1], np.nan), np.full(codes.shape[1], np.nan)
    low, high = np.percentile(total / weights, [2.5, 97.5], axis=0) + CHANCE[contrast.measure]
    return low, high


def effect_intervals(
    codes: np.ndarray,
    contrast: Contrast,
    rows: np.ndarray,
    strata: Sequence[str],
    groups: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the effects: the bootstrap's, of an AUROC at least as wide as the score's.

    Near 0 and 1 the bootstrap has hardly any width (at 1 none, of however few samples), so that
    there the score interval is the wider one; elsewhere the bootstrap knows ties and groups of
    several samples. Arguments and results as of `bootstrap_intervals`.
    """
    low, high = bootstrap_intervals(codes, contrast, rows, strata, groups, seed)
    if contrast.measure != AUROC:
        return low, high
    effect = measure_effects(codes, [contrast], rows, [strata]).effect[0]
    counts, weights = [], []
    for _, stratum, inside in _samples_of_strata([contrast], rows):
        values = contrast.values[inside]
        if stratum not in strata or np.ptp(values) == 0:
            continue
        sides = [groups[inside][values == side] for side in (1, 0)]
        counts.append([len(set(side)) for side in sides])
        weights.append(len(sides[0]) * len(sides[1]) / (len(values) + 1))
    if not weights:
        return low, high
    score_low, score_high = score_intervals(effect, np.array(counts), np.array(weights))
    return np.minimum(low, score_low), np.maximum(high, score_high)


def score_intervals(
    areas: np.ndarray, counts: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of AUROCs whose variance is that at the bound, not that at the estimate.

    Method 5 of Newcombe 2006 (https://doi.org/10.1002/sim.2324): the bound t solves |area - t| = z
    sqrt(V(t)), with the variance of Hanley and McNeil (1982, doi:10.1148/radiology.143.1.7063747),
    in which both numbers of samples less one are replaced by their mean. It keeps within 0..1 and
    has a width at 0 and 1. Strata: of one AUROC in all of them, V is that of the weighted mean.

    Parameters
    ----------
    areas
        AUROCs, in 0..1; NaN gives NaN.
    counts
        Strata x 2: groups with a 1 and with a 0, at least one of each.
    weights
        Of the strata in the mean.
    """
    m, n = counts.T[:, :, None].astype(float)
    middle = (m + n) / 2 - 1
    share = (weights / weights.sum())[:, None] ** 2
    z = norm.ppf(0.975)

    def reached(t: np.ndarray) -> np.ndarray:
        variance = t * (1 - t) * (1 + middle * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return z * np.sqrt(np.sum(share * variance, axis=0))

    bounds = []
    for end in (0.0, 1.0):
        beyond, within = np.full(areas.shape, end), areas.astype(float)
        for _ in range(60):  # bisection, to the last bit
            t = (beyond + within) / 2
            is_outside = np.abs(areas - t) > reached(t)
            beyond, within = np.where(is_outside, t, beyond), np.where(is_outside, within, t)
        bounds.append(np.where(np.isfinite(areas), beyond, np.nan))
    return bounds[0], bounds[1]


def wilson_interval(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % score interval of a share (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).

    As `scipy.stats.binomtest(k, n).proportion_ci(method="wilson")`, for many shares at once, which
    need not be whole numbers of n.

    Parameters
    ----------
    share
        In 0..1.
    n
        Independent cases behind it, at least 1.
    """
    z2 = norm.ppf(0.975) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return middle - half, middle + half


def draw_groups(groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw as many groups as there are; return how often each sample came: float32, draws x n."""
    of_sample, names = pd.factorize(groups)
    n = len(names)
    picked = rng.integers(0, n, (BOOTSTRAP_SAMPLES, n))
    picked += n * np.arange(BOOTSTRAP_SAMPLES)[:, None]
    counts = np.bincount(picked.ravel(), minlength=n * BOOTSTRAP_SAMPLES)
    return counts.reshape(BOOTSTRAP_SAMPLES, n)[:, of_sample].astype(np.float32)


def _resampled_auroc(
    codes: np.ndarray, positive: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """AUROC of each bootstrap sample, draws x features, from all pairs of a 1 and a 0."""
    sides = (positive, ~positive)
    of_positive, of_negative = (draw_groups(groups[side], rng) for side in sides)
    pairs = of_positive.sum(axis=1) * of_negative.sum(axis=1)
    areas = np.empty((BOOTSTRAP_SAMPLES, codes.shape[1]))
    for feature in range(codes.shape[1]):
        above, below = codes[positive, feature, None], codes[~positive, feature]
        wins = (above > below).astype(np.float32) + np.float32(0.5) * (above == below)
        areas[:, feature] = np.einsum("bj,bj->b", of_positive @ wins, of_negative) / pairs
    return areas


def _resampled_rho(
    codes: np.ndarray, values: np.ndarray, groups: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Spearman's rho of each bootstrap sample, draws x features; 0 where one side is constant."""
    counts = draw_groups(groups, rng).astype(float)
    answer = weighted_ranks(values, counts)
    own = np.sum(counts * answer**2, axis=1)
    rho = np.zeros((BOOTSTRAP_SAMPLES, codes.shape[1]))
    for feature in range(codes.shape[1]):
        ranks = weighted_ranks(codes[:, feature], counts)
        scale = np.sqrt(own * np.sum(counts * ranks**2, axis=1))
        product = np.sum(counts * ranks * answer, axis=1)
        np.divide(product, scale, out=rho[:, feature], where=scale > 0)
    return rho


def weighted_ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rank samples that occur several times, ties by their middle rank; the mean rank is 0.

    Parameters
    ----------
    values
        Shape (samples,).
    counts
        Draws x samples: how often each sample occurs.

    Returns
    -------
    numpy.ndarray
        Draws x samples.
    """
    distinct, place = np.unique(values, return_inverse=True)
    n = len(values)
    belongs = csr_matrix((np.ones(n), (np.arange(n), place)), shape=(n, len(distinct)))
    of_value = counts @ belongs
    middle = np.cumsum(of_value, axis=1) - (of_value - 1) / 2
    return middle[:, place] - (counts.sum(axis=1, keepdims=True) + 1) / 2


def stratified_auroc(codes: np.ndarray, label: np.ndarray, stratum: np.ndarray) -> np.ndarray:
    """AUROC of every feature within strata, combined as in `measure_effects`.

    Parameters
    ----------
    codes
        Samples x features.
    label, stratum
        1 or 0, and the stratum, of the same samples.

    Returns
    -------
    array of shape (features,)
        In 0..1; NaN if no stratum has both sides.
    """
    total, weights = np.zeros(codes.shape[1]), 0.0
    for name in sorted(set(stratum)):
        inside = stratum == name
        ranks = rankdata(codes[inside], axis=0) - (inside.sum() + 1) / 2
        spread = np.sum(ranks**2, axis=0)
        measured = _measure_stratum(ranks, spread, label[inside].astype(float), AUROC)
        if measured:
            total += measured[2] * measured[0]
            weights += measured[2]
    return total / weights + 0.5 if weights else np.full(codes.shape[1], np.nan)
