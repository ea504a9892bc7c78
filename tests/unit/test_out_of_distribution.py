"""Ranks among held-out samples: false alarms as stated, and power where there is a difference."""

import numpy as np
import pytest
from scipy import stats

from tybalt.analysis.out_of_distribution import (
    FALSE_ALARMS,
    fewest_held_out,
    find_far,
    limit_of_median,
    rank_among,
)


def test_ranks_count_ties_half():
    assert rank_among(np.array([0.0, 1.0, 2.5, 9.0]), np.array([2.0, 1.0, 3.0, 1.0])).tolist() == [
        0.0,
        0.25,
        0.75,
        1.0,
    ]


def test_samples_like_the_held_out_ones_are_called_far_as_often_as_stated():
    """Also of two measures that go together, and of few held-out samples."""
    for seed, (n_usual, together) in enumerate([(40, 0.0), (40, 0.9), (105, 0.5)]):
        rng = np.random.default_rng(seed)
        called = []
        for _ in range(300):
            values = rng.multivariate_normal([0, 0], [[1, together], [together, 1]], n_usual + 20)
            new, usual = np.exp(values[:20].T), np.exp(values[20:].T)
            called.append(find_far(list(new), list(usual)).mean())
        error = np.std(called) / np.sqrt(len(called))
        assert np.mean(called) < FALSE_ALARMS + 3 * error
        assert np.mean(called) > FALSE_ALARMS / 2 - 3 * error


def test_the_product_of_two_measures_is_compared_as_the_definition_says():
    """Slowly: the new sample joins the held-out ones, and all are scored alike."""
    rng = np.random.default_rng(0)
    usual, new = rng.normal(size=(2, 30)), rng.normal(1.5, 1, size=(2, 40))
    found = find_far(list(new), list(usual))
    for i, far in enumerate(found):
        both = np.column_stack([usual, new[:, i]])
        p = [[(row >= value).sum() / 31 for value in row] for row in both]
        score = np.prod(p, axis=0)
        assert far == ((score <= score[-1] * (1 + 1e-12)).mean() <= FALSE_ALARMS)
    assert 0 < found.sum() < 40


def test_nothing_is_far_from_too_few_held_out_samples():
    few = fewest_held_out() - 1
    assert not find_far([np.array([99.0])], [np.arange(few) * 1.0]).any()
    assert find_far([np.array([99.0])], [np.arange(few + 1) * 1.0]).all()


def test_the_limit_is_what_theory_says_of_uniform_ranks():
    """Of one kind: the median of n ranks among m, n large, varies as the median of m does."""
    m, n = 200, 5000
    ranks = (np.arange(m) + 0.5) / m
    kinds = np.full(m, "a"), np.full(n, "a")
    limit = limit_of_median(ranks, *kinds, 0.05, 1)
    # The median of m uniform numbers is Beta(m/2, m/2) (order statistics).
    assert limit == pytest.approx(stats.beta(m / 2, m / 2).ppf(0.95), abs=0.015)
    assert limit_of_median(ranks, *kinds, 0.05, 1) == limit
    one = limit_of_median(ranks, kinds[0], np.array(["a"]), 0.05, 1)
    assert one == pytest.approx(0.95, abs=0.02)


def test_a_cohort_of_one_kind_is_compared_with_that_kind():
    ranks = np.r_[np.linspace(0, 0.4, 50), np.linspace(0.6, 1, 50)]
    near = np.repeat(["near", "far"], 50)
    of_far = limit_of_median(ranks, near, np.full(50, "far"), 0.025, 1)
    of_near = limit_of_median(ranks, near, np.full(50, "near"), 0.025, 1)
    assert 0.8 < of_far < 0.95
    # Of a kind that no held-out sample has, all are drawn from; and none has a lower limit.
    unknown = limit_of_median(ranks, near, np.full(50, "new"), 0.025, 1)
    assert of_near == unknown and 0.5 < unknown < of_far
