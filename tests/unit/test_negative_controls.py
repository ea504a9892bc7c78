"""Negative controls: where nothing is to be found, nothing may be confirmed, and p is uniform.

A small cohort has a real signal (sex, in one gene programme that the code holds). Then the signal
is taken away in four ways, each of which leaves everything else as it is.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, kstest

from tybalt.analysis import associations
from tybalt.analysis.contrasts import plan_contrasts
from tybalt.analysis.stratified_tests import answering_strata, measure_effects
from tybalt.data.samples import Samples
from tybalt.models import pca
from tybalt.training.rows import Rows, make_inputs

N, N_GENES, N_FEATURES = 600, 300, 12
ROUNDS = 5

#: Of true nulls a check fails this often, whatever the seed: a Kolmogorov-Smirnov or binomial test
#: at this level, eight of them in this file.
LEVEL = 1e-3


def simulate(rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Draw expression (log2-like, samples x genes) and a clinical table: sex is real, in 10 genes.

    Three cancer types differ in all genes and in their shares of men, smokers and old patients.
    """
    kind = rng.choice(3, N)
    male = rng.random(N) < np.array([0.35, 0.5, 0.65])[kind]
    X = 5 + rng.normal(size=(3, N_GENES))[kind] + rng.normal(size=(N, N_GENES))
    X += rng.normal(size=(N, 4)) @ rng.normal(size=(4, N_GENES))
    X[:, :10] += 4 * male[:, None]
    clinical = pd.DataFrame(
        {
            "kind": np.array(["A", "B", "C"], dtype=object)[kind],
            "sex": np.where(male, "male", "female"),
            "smoker": np.where(rng.random(N) < np.array([0.3, 0.5, 0.7])[kind], "yes", "no"),
            "age": 50 + 5 * kind + 10 * rng.normal(size=N),
            "weight": 70 + 12 * rng.normal(size=N),
        },
        index=[f"s{i}" for i in range(N)],
    )
    return X.astype(np.float32), clinical


def encode(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Codes of all samples by the project's principal components of the training samples."""
    inputs = make_inputs([f"g{i}" for i in range(X.shape[1])])
    fit = pca.fit(Rows(X[train], inputs), pca.HParams(latent_dim=N_FEATURES), 1)
    return fit.encode(X)


def permuted_within(values: pd.DataFrame, strata: np.ndarray, rng: np.random.Generator):
    """Permute the rows of a table within strata."""
    order = np.arange(len(values))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        order[inside] = rng.permutation(inside)
    return values.iloc[order].set_axis(values.index)


def permuted_table(X, clinical, train, rng):
    """The whole clinical table belongs to other samples, types included."""
    return encode(X, train), permuted_within(clinical, np.zeros(N), rng)


def permuted_labels(X, clinical, train, rng):
    """Within types, the other columns belong to other samples; the types stay."""
    rest = permuted_within(clinical.drop(columns="kind"), clinical["kind"].to_numpy(), rng)
    return encode(X, train), clinical[["kind"]].join(rest)


def noise_matrix(X, clinical, train, rng):
    """Every gene is Gaussian noise; the model is fitted to that."""
    return encode(rng.normal(size=X.shape).astype(np.float32), train), clinical


def gaussian_codes(X, clinical, train, rng):
    """No model at all: the code is drawn."""
    return rng.normal(size=(N, N_FEATURES)), clinical


CONTROLS = [permuted_table, permuted_labels, noise_matrix, gaussian_codes]


def asked(clinical: pd.DataFrame, of_types: bool):
    """Plan the contrasts as the workflow does, of types only where they are nulls."""
    samples = Samples(clinical, {"group": "donor", "label": "kind"})
    declared = {"men": {"covariate": "sex", "positive": ["male"], "within": "kind"}}
    found = plan_contrasts(samples, declared, {})
    return [each for each in found if of_types or not each.name.startswith("kind:")]


def rounds(control):
    """Yield codes, contrasts, split and groups of five cohorts under one control."""
    for seed in range(ROUNDS):
        rng = np.random.default_rng([seed, CONTROLS.index(control)])
        X, clinical = simulate(rng)
        split = np.where(np.arange(N) < 0.7 * N, "train", "test").astype(object)
        codes, table = control(X, clinical, split == "train", rng)
        codes = pd.DataFrame(codes, clinical.index, [f"z{i + 1}" for i in range(N_FEATURES)])
        contrasts = asked(table, of_types=control is not permuted_labels)
        yield codes, contrasts, split, np.asarray(clinical.index)


@pytest.mark.parametrize("control", CONTROLS)
def test_nothing_is_confirmed_where_nothing_is(control):
    """One confirmed finding in 1,200 and more tests would be one too many.

    To be confirmed, a null has to pass q <= 0.05, an effect of AUROC 0.7 or rho 0.3 in 420 samples
    (of which a null has a chance below 1e-8: four and more standard errors), and the test samples.
    """
    tests = 0
    for codes, contrasts, split, groups in rounds(control):
        table, _ = associations.answer(codes, contrasts, split, groups, seed=1)
        testable = table[table["verdict"] != "not testable"]
        assert (testable["verdict"] == "confirmed").sum() == 0
        tests += len(testable)
    assert tests >= 5 * 5 * N_FEATURES


@pytest.mark.parametrize("control", CONTROLS)
def test_p_values_are_uniform_where_nothing_is(control):
    """By Kolmogorov and Smirnov, and by the share below 0.05.

    Within types the columns are independent, but components may be correlated a little: for the
    first test each feature of a cohort is asked one thing only, 60 independent p in all. The share
    is that of all 240, within the limits of a binomial distribution.
    """
    independent, all_p = [], []
    for number, (codes, contrasts, split, groups) in enumerate(rounds(control)):
        train = split == "train"
        strata = [answering_strata(contrast, train, groups) for contrast in contrasts]
        p = measure_effects(codes.to_numpy(float), contrasts, train, strata).p
        rng = np.random.default_rng(number)
        own = {"smoker", "age", "weight", "men"}  # `sex` is `men` once more
        rows = [i for i, contrast in enumerate(contrasts) if contrast.name in own]
        features = rng.permutation(N_FEATURES).reshape(len(rows), -1)
        pairs = zip(rows, features, strict=True)
        independent += [p[row, feature] for row, some in pairs for feature in some]
        all_p.append(p[rows].ravel())
    assert len(independent) == ROUNDS * N_FEATURES
    assert kstest(independent, "uniform").pvalue > LEVEL
    everything = np.concatenate(all_p)
    low, high = binom.ppf([LEVEL / 2, 1 - LEVEL / 2], len(everything), 0.05)
    assert low <= (everything < 0.05).sum() <= high


def test_the_signal_that_the_controls_take_away_is_there():
    """Else the controls would prove nothing: as it is, the cohort has a feature for sex."""
    rng = np.random.default_rng(0)
    X, clinical = simulate(rng)
    split = np.where(np.arange(N) < 0.7 * N, "train", "test").astype(object)
    codes = pd.DataFrame(encode(X, split == "train"), clinical.index)
    contrasts = asked(clinical, of_types=True)
    table, _ = associations.answer(codes, contrasts, split, np.asarray(clinical.index), seed=1)
    confirmed = table[table["verdict"] == "confirmed"].groupby("contrast").size()
    assert confirmed["men"] >= 1
    assert confirmed.index.str.startswith("kind:").any()
    assert "smoker" not in confirmed


def test_a_test_that_ignores_strata_fails_these_controls():
    """Labels that follow the type alone are associated with it where strata are forgotten."""
    p = []
    for codes, contrasts, split, groups in rounds(permuted_labels):
        everywhere = np.full(N, "all", dtype=object)
        naive = [dataclasses.replace(each, stratum=everywhere) for each in contrasts]
        train = split == "train"
        strata = [answering_strata(contrast, train, groups) for contrast in naive]
        p.append(measure_effects(codes.to_numpy(float), naive, train, strata).p.ravel())
    p = np.concatenate(p)
    assert (p < 0.05).sum() > binom.ppf(1 - LEVEL / 2, len(p), 0.05)
