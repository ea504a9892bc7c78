"""Whether new samples are such as a model was trained on: one by one, and as a cohort.

Two numbers speak for or against a sample, each a rank among held-out samples of the training
cohort: its distance to the nearest training sample by code, and the error of its reconstruction.
Held-out samples count as they are when they lack what new ones do
(`tybalt.analysis.missing_genes.deal_missing`): what is missing changes both numbers.
"""

from collections.abc import Sequence

import numpy as np

#: The share of samples, and of cohorts, that are called far although they are of the training
#: cohort's kinds.
FALSE_ALARMS = 0.05

#: Cohorts of held-out samples that are drawn.
DRAWS = 1000

#: Held-out samples near training samples of one label that are enough to draw from; with fewer,
#: all held-out samples are drawn from.
FEWEST = 5


def rank_among(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Share of the usual values that are smaller, those as large counting half: 0..1."""
    ordered = np.sort(usual)
    below = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return below / (2 * len(ordered))


def fewest_held_out() -> int:
    """Return the number of held-out samples below which no sample can be called far."""
    return round(1 / FALSE_ALARMS) - 1


def find_far(new: Sequence[np.ndarray], usual: Sequence[np.ndarray]) -> np.ndarray:
    """Tell which samples are too far, by all measures together, to be like held-out samples.

    Of each measure a sample has the p value (1 + number of others as large or larger) / number of
    all; their product (Fisher's) is the score, and the share of scores as small decides. The new
    sample is ranked together with the held-out ones, so that of samples like these at most the
    share `FALSE_ALARMS` is called far, whatever the distributions (conformal p values: Vovk,
    Gammerman and Shafer 2005, Algorithmic Learning in a Random World, chapter 2; for outliers
    Bates et al. 2023, doi:10.1214/22-AOS2244).

    Parameters
    ----------
    new, usual
        Arrays of each measure, larger meaning farther: of the new and of the held-out samples.

    Returns
    -------
    bool array of shape (new samples,)
        All False with fewer than `fewest_held_out` held-out samples.
    """
    n_usual = len(usual[0])
    larger = [(known[None, :] >= known[:, None]).sum(axis=1) for known in usual]
    far = np.empty(len(new[0]), bool)
    for i in range(len(far)):
        mine, theirs = 1, np.ones(n_usual)
        for values, known, count in zip(new, usual, larger, strict=True):
            mine = mine * (1 + int((known >= values[i]).sum()))
            theirs = theirs * (count + (values[i] >= known))
        far[i] = (1 + (theirs <= mine).sum()) / (n_usual + 1) <= FALSE_ALARMS
    return far


def limit_of_median(
    ranks: np.ndarray, near: np.ndarray, near_new: np.ndarray, share: float, seed: int
) -> float:
    """Say how high the median rank of a cohort of held-out samples can be, by drawing cohorts.

    Each draw has as many samples as the new cohort near training samples of each label: kinds of
    samples differ in how far they are, and a cohort is often of one kind. Held-out samples are few:
    they are themselves drawn anew first, so that the limit holds for a cohort of the same kinds and
    not only for these very samples. A cohort near a kind that is close by itself is not called far
    as long as one of all kinds could be as far: the larger of both limits counts.

    Parameters
    ----------
    ranks
        Of the held-out samples among themselves, 0..1.
    near, near_new
        The label of the training sample that is nearest to each held-out and each new sample.
    share
        Of the `DRAWS` medians that may be larger, 0..1.
    seed
        Of the draws.
    """
    kinds = zip(*np.unique(near_new, return_counts=True), strict=True)
    own = [(ranks[near == label], count) for label, count in kinds]
    alike = [(pool if len(pool) >= FEWEST else ranks, count) for pool, count in own]
    return max(
        float(np.quantile(draw_medians(pools, seed), 1 - share))
        for pools in (alike, [(ranks, len(near_new))])
    )


def draw_medians(pools: Sequence[tuple[np.ndarray, int]], seed: int) -> np.ndarray:
    """Draw from pools (ranks, how many of them), each drawn anew first: `DRAWS` medians of all."""
    rng = np.random.default_rng(seed)
    return np.array(
        [
            np.median(
                np.concatenate([rng.choice(rng.choice(pool, len(pool)), n) for pool, n in pools])
            )
            for _ in range(DRAWS)
        ]
    )
