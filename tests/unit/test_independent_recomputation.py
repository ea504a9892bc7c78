"""What the workflow reports, computed once more with numpy, scipy and scikit-learn alone.

One small cohort goes through the project's functions as its files do; here each number is computed
from the definition, pair by pair and gene by gene where that is possible, and never with a function
of the project. Other tests do the same for a single measure: AUROC, p and rho without strata, van
Elteren's weights and the width of intervals in test_associations.py; Fisher's test in
test_gene_set_enrichment.py; balanced accuracy in test_evaluation.py; trustworthiness of 700 samples
in test_embedding_quality.py.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom, norm, rankdata
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.metrics import mean_squared_error

from tybalt.analysis import associations, embedding_quality
from tybalt.analysis.contrasts import Contrast
from tybalt.analysis.evaluation import reconstruction_quality
from tybalt.analysis.gene_set_enrichment import high_weights, known_sets, over_represented
from tybalt.analysis.stratified_tests import answering_strata, bootstrap_intervals, measure_effects
from tybalt.models import pca
from tybalt.training.rows import Rows, make_inputs

N, N_GENES, K = 240, 60, 5
TRAIN = np.arange(N) < 160
GENES = [f"g{i}" for i in range(N_GENES)]


@pytest.fixture(scope="module")
def cohort():
    """Expression in 0..1 with ties, two strata, a label that follows gene 0 to 9, and an age."""
    rng = np.random.default_rng(0)
    stratum = rng.choice(["A", "B"], N).astype(object)
    label = (rng.random(N) < np.where(stratum == "A", 0.3, 0.6)).astype(float)
    X = rng.normal(size=(N, N_GENES)) + 2 * (stratum == "B")[:, None] * rng.normal(size=N_GENES)
    X[:, :10] += 2 * label[:, None]
    X = np.round((X - X.min()) / np.ptp(X), 2).astype(np.float32)
    age = np.round(50 + 10 * rng.normal(size=N) + 20 * X[:, 10])
    age[rng.random(N) < 0.1] = np.nan
    return X, stratum, label, age


@pytest.fixture(scope="module")
def fitted(cohort):
    X = cohort[0]
    return pca.fit(Rows(X[TRAIN], make_inputs(GENES)), pca.HParams(latent_dim=K), 1)


@pytest.fixture(scope="module")
def codes(cohort, fitted):
    table = pd.DataFrame(fitted.encode(cohort[0]), columns=[f"z{i + 1}" for i in range(K)])
    table["z1"] = table["z1"].round(1)  # ties
    return table


@pytest.fixture(scope="module")
def asked(cohort):
    _, stratum, label, age = cohort
    return [
        Contrast("label", "", "auroc", label, stratum),
        Contrast("age", "", "spearman", age, stratum),
    ]


@pytest.fixture(scope="module")
def answers(codes, asked):
    split = np.where(TRAIN, "train", "test").astype(object)
    table, _ = associations.answer(codes, asked, split, np.arange(N), seed=1)
    return table.set_index(["contrast", "feature"])


def test_errors_of_reconstruction(cohort, fitted):
    """The mean squared error and what it explains, by scikit-learn's components and metric."""
    X = cohort[0].astype(float)
    model = PCA(K, svd_solver="full").fit(X[TRAIN])
    ours = fitted.decode(fitted.encode(cohort[0]))
    theirs = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    part = np.where(TRAIN, "train", "test")
    samples = pd.DataFrame(
        {
            "split": part,
            "mse": np.mean((X - ours) ** 2, axis=1),
            "mse_of_mean": np.mean((X - X[TRAIN].mean(axis=0)) ** 2, axis=1),
            "pearson": 0.0,
            "bce": np.nan,
        }
    )
    genes = pd.DataFrame({"pearson_test": np.zeros(N_GENES)})
    found = reconstruction_quality(genes, samples, "test")
    held_out = X[~TRAIN]
    error = mean_squared_error(held_out, theirs[~TRAIN])
    of_mean = mean_squared_error(held_out, np.tile(X[TRAIN].mean(axis=0), (len(held_out), 1)))
    assert found["mse"] == pytest.approx(error, rel=1e-5)
    assert found["explained"] == pytest.approx(1 - error / of_mean, rel=1e-5)


def wins(values: np.ndarray, label: np.ndarray) -> float:
    """The AUROC by its definition: the share of pairs that the positive sample wins."""
    pairs = list(itertools.product(values[label == 1], values[label == 0]))
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("part", ["train", "test"])
def test_stratified_auroc_is_that_of_the_pairs_within_strata(part, codes, cohort, answers):
    """Pairs of two strata never meet; a stratum weighs n1 n0 / (n1 + n0 + 1) (van Elteren 1960)."""
    _, stratum, label, _ = cohort
    rows = TRAIN if part == "train" else ~TRAIN
    for feature in codes:
        areas, weights = [], []
        for name in "AB":
            inside = rows & (stratum == name)
            n1, n0 = (label[inside] == 1).sum(), (label[inside] == 0).sum()
            areas.append(wins(codes[feature].to_numpy()[inside], label[inside]))
            weights.append(n1 * n0 / (n1 + n0 + 1))
        found = answers.loc[("label", feature), f"effect_{part}"]
        assert found == pytest.approx(np.average(areas, weights=weights), abs=1e-12)


def test_p_is_van_elterens_with_the_variance_of_all_permutations(codes, cohort, answers):
    """The rank sum of the positive samples of a stratum, of all that could be drawn from its ranks.

    Without replacement: mean n1 rbar, variance n1 n0 / (n (n - 1)) sum (r - rbar)^2.
    """
    _, stratum, label, _ = cohort
    for feature in codes:
        statistic, variance = 0.0, 0.0
        for name in "AB":
            inside = TRAIN & (stratum == name)
            ranks = rankdata(codes[feature].to_numpy()[inside])
            n, n1 = inside.sum(), int(label[inside].sum())
            spread = np.sum((ranks - ranks.mean()) ** 2)
            # van Elteren divides the rank sum by n + 1, which gives the locally best weights.
            statistic += (ranks[label[inside] == 1].sum() - n1 * ranks.mean()) / (n + 1)
            variance += n1 * (n - n1) / (n * (n - 1)) * spread / (n + 1) ** 2
        expected = 2 * norm.sf(abs(statistic) / np.sqrt(variance))
        assert answers.loc[("label", feature), "p_train"] == pytest.approx(expected, rel=1e-9)


def test_that_variance_is_the_one_of_all_permutations():
    """Of six samples all twenty ways to be positive, enumerated."""
    ranks = rankdata([3, 1, 2, 2, 5, 4])
    sums = [ranks[list(chosen)].sum() for chosen in itertools.combinations(range(6), 3)]
    spread = np.sum((ranks - ranks.mean()) ** 2)
    assert np.var(sums) == pytest.approx(3 * 3 / (6 * 5) * spread)


def test_rho_within_strata_is_the_mean_weighed_by_their_sizes(codes, cohort, answers):
    _, stratum, _, age = cohort
    for feature in codes:
        rhos, sizes = [], []
        for name in "AB":
            inside = TRAIN & (stratum == name) & np.isfinite(age)
            values = codes[feature].to_numpy()[inside]
            rhos.append(np.corrcoef(rankdata(values), rankdata(age[inside]))[0, 1])
            sizes.append(inside.sum() - 1)
        expected = np.average(rhos, weights=sizes)
        found = answers.loc[("age", feature)]
        assert found["effect_train"] == pytest.approx(expected, abs=1e-12)
        p = 2 * norm.sf(abs(expected) * np.sqrt(sum(sizes)))
        assert found["p_train"] == pytest.approx(p, rel=1e-9)


def step_up(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg 1995: the least level at which a hypothesis is rejected.

    At level q all are rejected up to the largest rank i with p_(i) <= q i / m.
    """
    m, ordered = len(p), np.sort(p)
    return np.array(
        [min(1, min(ordered[i] * m / (i + 1) for i in range(m) if ordered[i] >= one)) for one in p]
    )


def test_q_is_the_least_level_that_rejects_over_all_contrasts_and_features(answers):
    expected = step_up(answers["p_train"].to_numpy())
    np.testing.assert_allclose(answers["q_train"], expected, rtol=1e-12)
    assert len(expected) == 2 * K
    assert expected.min() < 0.05 < expected.max()


def test_over_representation_is_a_draw_without_replacement():
    """P(overlap or more) summed term by term; q over all sides and sets, as above."""
    rng = np.random.default_rng(3)
    weights = pd.DataFrame(rng.normal(size=(200, 3)), [f"g{i}" for i in range(200)])
    weights = weights.rename(columns=lambda i: f"z{i + 1}")
    weights.iloc[:8, 0] += 6
    sets = {"real": [f"g{i}" for i in range(12)], "unknown": ["a", "b"]}
    sets |= {f"random {i}": list(rng.choice(weights.index, 15, replace=False)) for i in range(6)}
    genes = list(weights.index)
    found = over_represented(high_weights(weights), genes, known_sets([("file", sets)], genes))
    every, rows = [], {}
    for feature in weights:
        scaled = (weights[feature] - weights[feature].mean()) / weights[feature].std(ddof=0)
        for side, beyond in (("positive", scaled > 2.5), ("negative", scaled < -2.5)):
            side_genes = set(weights.index[beyond])
            if not side_genes:
                continue
            for name in sets.keys() - {"unknown"}:
                overlap, size = len(side_genes & set(sets[name])), len(sets[name])
                draws = hypergeom(200, size, len(side_genes))
                p = sum(draws.pmf(i) for i in range(overlap, min(size, len(side_genes)) + 1))
                rows[feature, side, name] = (overlap, p, len(every))
                every.append(min(p, 1))
    q = step_up(np.array(every))
    assert {"real"} == set(found.loc[found["q"] <= 0.05, "gene_set"])
    for row in found.itertuples():
        overlap, p, place = rows[row.feature, row.side, row.gene_set]
        assert row.overlap == overlap >= 3
        assert row.p == pytest.approx(p, rel=1e-9)
        assert row.q == pytest.approx(q[place], rel=1e-9)
    assert len(found) == sum(overlap >= 3 for overlap, _, _ in rows.values())


def test_trustworthiness_of_codes_in_their_plane(codes):
    """As `measure_embedding` writes it for the first two components, by scikit-learn."""
    values = codes.to_numpy()
    values = values + 1e-6 * np.random.default_rng(0).normal(size=values.shape)  # no ties
    plane = values[:, :2]
    next_ones = embedding_quality.nearest(values, 50)
    row, _ = embedding_quality.measure_embedding(values, next_ones, plane, None)
    expected = trustworthiness(values, plane, n_neighbors=10)
    assert row["trustworthiness"] == pytest.approx(expected, abs=1e-12)


def test_bootstrap_intervals_hold_the_truth_as_often_as_they_say():
    """Of 200 cohorts of known AUROC: Phi(1 / sqrt 2) = 0.760 of normals one deviation apart.

    A percentile interval of 40 against 60 samples holds it a little less often than 95 %; three
    standard errors of a share of 0.95 in 200 are 0.046.
    """
    expected, held = norm.cdf(1 / np.sqrt(2)), []
    everyone = np.full(100, True)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        label = (np.arange(100) < 40).astype(float)
        values = (label + rng.normal(size=100))[:, None]
        contrast = Contrast("label", "", "auroc", label, np.full(100, "all", dtype=object))
        strata = answering_strata(contrast, everyone, np.arange(100))
        (low,), (high,) = bootstrap_intervals(
            values, contrast, everyone, strata, np.arange(100), seed
        )
        held.append(low <= expected <= high)
    assert 0.95 - 0.046 <= np.mean(held) <= 0.95 + 0.046


def test_effects_do_not_depend_on_the_order_of_the_samples(codes, cohort, asked):
    rng = np.random.default_rng(4)
    order = rng.permutation(N)
    moved = [
        Contrast(each.name, "", each.measure, each.values[order], each.stratum[order])
        for each in asked
    ]
    strata = [["A", "B"]] * 2
    before = measure_effects(codes.to_numpy(), asked, TRAIN, strata)
    after = measure_effects(codes.to_numpy()[order], moved, TRAIN[order], strata)
    np.testing.assert_allclose(before.effect, after.effect, atol=1e-12)
    np.testing.assert_allclose(before.p, after.p, rtol=1e-9)
