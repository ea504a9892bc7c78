"""Claims about features: measured against scikit-learn and scipy, and tried on nulls."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, mannwhitneyu, norm, spearmanr
from sklearn.metrics import roc_auc_score

from tybalt.analysis import associations, stratified_tests
from tybalt.analysis.contrasts import (
    Contrast,
    ask_contrast,
    plan_contrasts,
)
from tybalt.analysis.gene_differences import add_differences, choose_genes
from tybalt.analysis.gene_set_enrichment import high_weights
from tybalt.analysis.marks import MARKS, add_marks, count_verdicts, mark_genes, mark_refits
from tybalt.analysis.refits import compare_refit
from tybalt.analysis.stability import match_features
from tybalt.data.known_columns import ordered_as_numbers, read_known_columns
from tybalt.data.samples import Samples
from tybalt.data.simulation.patients import draw_clinical, draw_samples
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.errors import InputError

ROOT = Path(__file__).parents[2]

SEX = {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}


@pytest.fixture
def cohort():
    """Two cancer types; z1 follows sex in both, z2 follows the type, which follows sex."""
    rng = np.random.default_rng(0)
    n = 600
    cancer_type = rng.choice(["A", "B", "C"], n)
    male = rng.random(n) < np.select([cancer_type == "A", cancer_type == "B"], [0.8, 0.3], 1.0)
    obs = pd.DataFrame(
        {
            "cancer_type": cancer_type,
            "sex": np.where(male, "male", "female"),
            "split": np.where(np.arange(n) < 400, "train", "test"),
        },
        index=[f"s{i}" for i in range(n)],
    )
    codes = pd.DataFrame(
        {
            "z1": 1.5 * male + rng.normal(size=n),
            "z2": 2.0 * (cancer_type == "B") + rng.normal(size=n),
            "z3": rng.normal(size=n),
        },
        index=obs.index,
    )
    return codes, obs


KNOWN = read_known_columns(str(ROOT / "resources" / "tcga_columns.yaml"))


def plan(obs, declared, *tables, known=KNOWN):
    """Plan the contrasts of samples whose columns are TCGA's."""
    label = "cancer_type" if "cancer_type" in obs else None
    return plan_contrasts(
        Samples(obs, {"group": "patient", "label": label}), declared, known, *tables
    )


def ask(codes, obs, contrast, seed=1):
    """Ask one contrast; return its associations, by feature, and what was compared."""
    contrast = ask_contrast(obs, "it", contrast)
    split = obs["split"].to_numpy(object)
    table, facts = associations.answer(codes, [contrast], split, np.asarray(obs.index), seed)
    return table.set_index("feature"), facts.iloc[0]


def measure(codes, values, measure_name, stratum=None):
    stratum = np.full(len(values), "all", dtype=object) if stratum is None else stratum
    contrast = Contrast("q", "", measure_name, np.asarray(values, float), stratum)
    rows = np.full(len(values), True)
    strata = [stratified_tests.answering_strata(contrast, rows, np.arange(len(values)))]
    return contrast, stratified_tests.measure_effects(codes, [contrast], rows, strata)


# Statistics


def test_auroc_and_its_p_value_equal_scikit_learn_and_scipy_with_ties():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 5, size=(80, 3)).astype(float)
    side = rng.random(80) < 0.4
    _, effects = measure(codes, side, "auroc")
    expected = [roc_auc_score(side, column) for column in codes.T]
    assert effects.effect[0] == pytest.approx(expected)
    for column, p in zip(codes.T, effects.p[0], strict=True):
        exact = mannwhitneyu(
            column[side], column[~side], method="asymptotic", use_continuity=False
        ).pvalue
        assert p == pytest.approx(exact)


def test_spearman_equals_scipy_with_ties():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 9, size=(70, 2)).astype(float)
    values = rng.integers(0, 4, size=70) + codes[:, 0] / 4
    _, effects = measure(codes, values, "spearman")
    assert effects.effect[0] == pytest.approx([spearmanr(column, values)[0] for column in codes.T])


def test_strata_are_weighted_as_van_elteren(cohort):
    codes, obs = cohort
    table, facts = ask(codes, obs, SEX)
    train = obs["split"] == "train"
    label = (obs["sex"] == "male").astype(float)
    total, weights = 0.0, 0.0
    for name in ("A", "B"):
        rows = train & (obs["cancer_type"] == name)
        n1, n0 = (label[rows] == 1).sum(), (label[rows] == 0).sum()
        weight = n1 * n0 / (n1 + n0 + 1)
        total += weight * roc_auc_score(label[rows], codes.loc[rows, "z1"])
        weights += weight
    assert table.loc["z1", "effect_train"] == pytest.approx(total / weights)
    assert facts["strata"] == 2  # C has men only
    inside = train & obs["cancer_type"].isin(["A", "B"])
    alone = stratified_tests.stratified_auroc(
        codes[inside].to_numpy(), label[inside].to_numpy(), obs["cancer_type"][inside].to_numpy()
    )
    assert alone[0] == pytest.approx(total / weights)


def test_stratified_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(3)
    stratum = rng.choice(["A", "B", "C"], 300).astype(object)
    shift = np.select([stratum == "A", stratum == "B"], [0.0, 2.0], 5.0)
    values = shift + rng.normal(size=300)
    codes = shift[:, None] + rng.normal(size=(300, 2000))
    for name, answers in (("spearman", values), ("auroc", rng.random(300) < 0.1 + shift / 8)):
        _, effects = measure(codes, answers, name, stratum)
        # 2,000 draws: the standard error of a share of 0.05 is 0.005.
        assert (effects.p[0] < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_weighted_ranks_are_the_ranks_of_the_repeated_samples():
    values = np.array([3.0, 1, 2, 2, 5])
    counts = np.array([[2, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    for row, ranks in zip(counts, stratified_tests.weighted_ranks(values, counts), strict=True):
        repeated = pd.Series(np.repeat(values, row)).rank() - (row.sum() + 1) / 2
        assert np.repeat(ranks, row) == pytest.approx(repeated.to_numpy())


def test_bootstrap_intervals_are_as_wide_as_theory_says():
    rng = np.random.default_rng(4)
    n = 1000
    answers = np.arange(n) % 2 == 0
    codes = (answers + rng.normal(size=n))[:, None]
    contrast, effects = measure(codes, answers, "auroc")
    (low,), (high,) = stratified_tests.bootstrap_intervals(
        codes, contrast, np.full(n, True), ["all"], np.arange(n), 1
    )
    area = effects.effect[0, 0]
    # Standard error of an AUROC: Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt(
        (area * (1 - area) + (n / 2 - 1) * (q1 - area**2 + q2 - area**2)) / (n / 2) ** 2
    )
    assert low < area < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)
    contrast, effects = measure(codes, rng.normal(size=n), "spearman")
    (low,), (high,) = stratified_tests.bootstrap_intervals(
        codes, contrast, np.full(n, True), ["all"], np.arange(n), 1
    )
    # Of independent ranks the standard error of rho is 1 / sqrt(n - 1).
    assert low < effects.effect[0, 0] < high
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(n - 1), rel=0.15)


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718),
    ],
)  # fmt: skip
def test_intervals_of_shares_are_those_of_newcombes_table(hits, cases, low, high):
    """Newcombe 1998 (Statistics in Medicine 17:857-872), table I, method 3; and scipy's."""
    ours = stratified_tests.wilson_interval(np.array([hits / cases]), np.array([cases]))
    scipys = binomtest(hits, cases).proportion_ci(method="wilson")
    for own, published, other in zip(ours, (low, high), scipys, strict=True):
        assert own[0] == pytest.approx(published, abs=5e-5)
        assert own[0] == pytest.approx(other, abs=1e-12)


def hanley_mcneil(area, m, n):
    """Variance of an AUROC, as published: doi:10.1148/radiology.143.1.7063747."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (m * n)


@pytest.mark.parametrize("area", [0.0, 0.03, 0.5, 0.93, 1.0])
def test_the_bounds_of_an_auroc_are_solutions_of_the_score_equation(area):
    """With as many of both sides Newcombe's variance is that of Hanley and McNeil."""
    low, high = stratified_tests.score_intervals(
        np.array([area]), np.array([[25, 25]]), np.array([1.0])
    )
    for bound, end in ((low[0], 0), (high[0], 1)):
        if area == end:
            assert bound == end
            continue
        error = np.sqrt(hanley_mcneil(bound, 25, 25))
        assert abs(area - bound) == pytest.approx(1.959964 * error, rel=1e-5)
    mirrored = stratified_tests.score_intervals(
        np.array([1 - area]), np.array([[25, 25]]), np.array([1.0])
    )
    assert mirrored[1][0] == pytest.approx(1 - low[0])


def test_two_strata_of_one_kind_are_as_good_as_twice_the_variance_less():
    one, two = (
        stratified_tests.score_intervals(np.array([0.8]), np.array(counts), np.array(weights))
        for counts, weights in (([[20, 30]], [1.0]), ([[20, 30], [20, 30]], [2.0, 2.0]))
    )
    assert two[1] - two[0] < one[1] - one[0]
    low = two[0][0]
    middle = 24 * ((1 - low) / (2 - low) + low / (1 + low))
    variance = low * (1 - low) * (1 + middle) / 600 / 2
    assert 0.8 - low == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-6)


def test_a_perfect_auroc_of_few_has_an_interval_with_a_width():
    answers = np.arange(120) < 14
    codes = np.where(answers, 1.0, 0.0)[:, None] + np.linspace(0, 0.5, 120)[:, None]
    contrast, effects = measure(codes, answers, "auroc")
    assert effects.effect[0, 0] == 1
    rows = np.full(120, True)
    for intervals, bound in (
        (stratified_tests.bootstrap_intervals, 1),
        (stratified_tests.effect_intervals, 0.920),
    ):
        (low,), (high,) = intervals(codes, contrast, rows, ["all"], np.arange(120), 1)
        assert (low, high) == (pytest.approx(bound, abs=5e-4), 1)
    # The same samples of two donors a side say less.
    donors = np.where(answers, np.arange(120) % 2, 2 + np.arange(120) % 2)
    (low,), _ = stratified_tests.effect_intervals(codes, contrast, rows, ["all"], donors, 1)
    assert low < 0.5


@pytest.mark.parametrize("area", [0.8, 0.95, 0.99])
def test_intervals_of_small_groups_hold_the_auroc_as_often_as_they_say(area):
    """Normal values of which the true AUROC is known; 95 % of intervals should hold it."""
    rng = np.random.default_rng(7)
    shift = np.sqrt(2) * norm.ppf(area)
    values = rng.normal(size=(28, 600)) + shift * (np.arange(28) < 14)[:, None]
    _, effects = measure(values, np.arange(28) < 14, "auroc")
    low, high = stratified_tests.score_intervals(
        effects.effect[0], np.array([[14, 14]]), np.array([1.0])
    )
    # The standard error of a share of 0.95 among 600 is 0.009.
    assert np.mean((low <= area) & (area <= high)) >= 0.93


@pytest.mark.parametrize("measure_name", ["auroc", "spearman"])
def test_a_second_sample_of_every_patient_tells_nothing_new(measure_name):
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(200), 2)
    values = np.repeat(np.arange(200) % 2 if measure_name == "auroc" else rng.normal(size=200), 2)
    codes = np.repeat(values[::2] + rng.normal(size=200), 2)[:, None]
    contrast, _ = measure(codes, values, measure_name)

    def width(rows, patients):
        (low,), (high,) = stratified_tests.bootstrap_intervals(
            codes, contrast, rows, ["all"], patients, 1
        )
        return high - low

    everyone, once = np.full(400, True), np.arange(400) % 2 == 0
    assert width(everyone, patients) == pytest.approx(width(once, patients), rel=0.02)
    as_if_independent = width(everyone, np.arange(400))
    assert as_if_independent == pytest.approx(width(once, patients) / np.sqrt(2), rel=0.1)


def test_many_samples_of_two_patients_are_two_witnesses(cohort):
    codes, obs = cohort
    contrast = ask_contrast(obs, "it", SEX)
    split = obs["split"].to_numpy(object)
    everyone = np.asarray(obs.index)
    as_two = np.where(contrast.values == 1, "he", "she").astype(object)
    for patients, claim in ((everyone, "confirmed"), (as_two, "not testable")):
        table, _ = associations.answer(codes, [contrast], split, patients, 1)
        assert table.iloc[0]["verdict"] == claim
    reason = "no stratum has 10 training groups on each side (1 positive in all)"
    assert table["reason"].iloc[0] == reason


# Claims


def test_a_feature_that_follows_the_confounder_is_not_a_sex_feature(cohort):
    codes, obs = cohort
    naive, _ = ask(codes, obs, {key: value for key, value in SEX.items() if key != "within"})
    table, _ = ask(codes, obs, SEX)
    assert naive.loc["z2", "effect_train"] < 0.4
    assert table.loc["z2", "effect_train"] == pytest.approx(0.5, abs=0.07)
    assert table.index[0] == "z1"
    best = table.iloc[0]
    assert best["effect_test_low"] < best["effect_test"] < best["effect_test_high"]
    assert table["verdict"].to_dict() == {
        "z1": "confirmed",
        "z2": "not confirmed",
        "z3": "not confirmed",
    }


def test_a_feature_that_turns_around_on_test_samples_is_not_confirmed(cohort):
    codes, obs = cohort
    codes = codes.copy()
    codes.loc[obs["split"] == "test", "z1"] *= -1
    table, _ = ask(codes, obs, SEX)
    assert table.loc["z1", "verdict"] == "not confirmed"
    assert table.loc["z1", "reason"] == "opposite direction on test samples"


def test_missing_answers_count_on_neither_side(cohort):
    codes, obs = cohort
    obs = obs.copy()
    obs.loc[obs.index[:50], "sex"] = None
    _, facts = ask(codes, obs, {"covariate": "sex", "positive": ["male"]})
    assert facts["n_train"] == 350


@pytest.mark.parametrize("positives", [[0, 1, 401, 402], [*range(30), 401, 402]])
def test_too_few_positives_are_not_testable(cohort, positives):
    codes, obs = cohort
    obs = obs.assign(rare="no")
    obs.iloc[positives, obs.columns.get_loc("rare")] = "yes"
    table, _ = ask(codes, obs, {"covariate": "rare", "positive": ["yes"]})
    assert set(table["verdict"]) == {"not testable"}
    assert table["reason"].str.contains("positive .* fewer than 10").all()


def test_without_a_test_part_validation_judges(cohort):
    codes, obs = cohort
    obs = obs.assign(split=obs["split"].replace("test", "validation"))
    table, facts = ask(codes, obs, SEX)
    assert facts["evaluated_on"] == "validation"
    assert table.loc["z1", "verdict"] == "confirmed"


def test_a_constant_feature_says_nothing(cohort):
    codes, obs = cohort
    table, _ = ask(codes.assign(z4=0.0), obs, SEX)
    assert table.loc["z4", ["effect_train", "p_train"]].tolist() == [0.5, 1.0]


def test_a_contrast_that_nobody_answers_is_refused(cohort):
    _, obs = cohort
    with pytest.raises(InputError, match="did you mean 'male'"):
        ask_contrast(obs, "sex", {"covariate": "sex", "positive": ["Male"]})


@pytest.fixture(scope="module")
def nulls():
    """A simulated cohort whose clinical table has twenty columns without any effect.

    Ten depend on nothing, ten on the cancer type only. The features follow cancer types and noise,
    as those of a trained model do.
    """
    path = "resources/cohorts.tsv"
    cohorts = pd.read_csv(path, sep="\t", index_col="acronym", keep_default_na=False)
    rng = np.random.default_rng(5)
    cohorts = cohorts.loc[["BRCA", "KIRC", "LGG", "LUAD", "THCA", "PRAD", "HNSC", "STAD"]]
    samples = draw_samples(cohorts, 1200, rng)
    clinical = draw_clinical(samples, cohorts, rng)
    clinical = clinical.drop_duplicates("gdc_cases.submitter_id")
    clinical = clinical.set_index("gdc_cases.submitter_id").filter(like="null_")
    obs = samples[["patient", "cancer_type", "sample_type"]].copy()
    for name, column in clinical.items():
        values = column.reindex(obs["patient"]).to_numpy()
        obs[name] = values.astype(float) if int(name.rsplit("_", 1)[1]) % 2 else values
    obs["split"] = np.where(rng.random(len(obs)) < 0.8, "train", "test")
    types = pd.get_dummies(obs["cancer_type"]).to_numpy(float)
    codes = 2 * types @ rng.normal(size=(types.shape[1], 40)) + rng.normal(size=(len(obs), 40))
    return pd.DataFrame(codes, obs.index, [f"z{i}" for i in range(1, 41)]), obs


def test_no_false_claim_on_columns_that_depend_on_nothing_or_on_the_cancer_type(nulls):
    codes, obs = nulls
    asked = [q for q in plan(obs, {}) if q.name.startswith("null_")]
    assert len(asked) == 20
    split = obs["split"].to_numpy(object)
    table, _ = associations.answer(codes, asked, split, np.asarray(obs.index), 1)
    assert len(table) == 20 * 40
    assert (table["verdict"] == "confirmed").sum() == 0
    # The same columns without strata: cancer types alone would give false claims by the dozen.
    everywhere = np.full(len(obs), "all", dtype=object)
    naive = [Contrast(q.name, "", q.measure, q.values, everywhere) for q in asked]
    table, _ = associations.answer(codes, naive, split, np.asarray(obs.index), 1)
    claims = table[table["verdict"] == "confirmed"].groupby("contrast").size()
    assert claims.sum() > 12
    assert claims.index.str.startswith("null_type").all()


# Which contrasts


def test_contrasts_follow_from_the_covariates(cohort):
    _, obs = cohort
    rng = np.random.default_rng(6)
    n = len(obs)
    obs = obs.assign(
        age=rng.normal(60, 10, n),
        organ=np.where(obs["cancer_type"] == "A", "liver", "other"),
        stage=rng.choice(["Stage I", "Stage IIIA", "Stage X"], n),
        sample_type=np.where(
            (rng.random(n) < 0.2) & (obs["cancer_type"] == "A"),
            "Solid Tissue Normal",
            "Primary Tumor",
        ),
        smoker=rng.choice(["yes", "no"], n),
        race=rng.choice(["x", "y", "z"], n),
    )
    obs.loc[obs.index[:20], "sample_type"] = "Metastatic"
    drivers = pd.DataFrame({"TP53": rng.integers(0, 2, n)}, index=obs.index)
    burden = pd.Series(rng.normal(size=n), index=obs.index)
    asked = {q.name: q for q in plan(obs, {"men": SEX}, drivers, burden)}
    expected = ["men", "cancer_type:A", "cancer_type:B", "cancer_type:C", "organ:other"]
    expected += ["normal", "normal:A", "metastatic", "sex", "age", "smoker", "stage"]
    expected += ["mutation_burden", "driver:TP53"]  # not race: three values, no order
    # organ:liver divides the samples as cancer_type:A does
    assert list(asked) == expected
    assert asked["sex"].description == "male against female, within cancer types"
    normal = (obs["sample_type"] == "Solid Tissue Normal").to_numpy()
    assert set(asked["age"].stratum[normal]) == {""}  # of patients' tumours only
    assert set(asked["normal"].stratum) == {"A", "B", "C"}
    assert np.isnan(asked["metastatic"].values[normal]).all()


def test_a_named_contrast_takes_the_place_of_the_automatic_one(cohort):
    _, obs = cohort
    asked = plan(obs, {"sex": SEX})
    assert [(q.name, q.group) for q in asked if q.name == "sex"] == [("sex", "named")]


def test_stages_are_ordered_and_others_are_unknown():
    stages = ["Stage I", "Stage IIA", "stage iiic2", "IV", "Stage X", "I/II NOS", "", None, "2"]
    found = ordered_as_numbers(pd.Series(stages, dtype=object), KNOWN["ordered"]["stage"])
    np.testing.assert_array_equal(found, [1, 2, 3, 4, np.nan, np.nan, np.nan, np.nan, 2])


# Findings


@pytest.fixture
def finished(tmp_path, cohort):
    """The tables that a finding is made of: z1 is lower in men, and found again in three refits."""
    codes, obs = cohort
    codes = codes.assign(z1=-codes["z1"])
    asked = plan(obs, {"sex": SEX})
    names = ["associations", "contrasts", "gene_differences", "gene_sets", "stability", "refits"]
    paths = {name: str(tmp_path / f"{name}.tsv") for name in (*names, "readouts", "findings")}
    split = obs["split"].to_numpy(object)
    table, facts = associations.answer(codes, asked, split, np.asarray(obs.index), 1)
    write_table(table, paths["associations"])
    write_table(facts, paths["contrasts"])
    genes = pd.DataFrame(
        [
            ("negative", "UTY", -9.0, "higher", "yes"),
            ("negative", "ZFY", -8.0, "higher", "yes"),
            ("negative", "TFF1", -7.0, "higher", "no"),
            ("positive", "XIST", 5.0, "lower", "yes"),
        ],
        columns=["side", "gene", "deviations", "direction", "agrees"],
    )
    write_table(genes.assign(contrast="sex", feature="z1"), paths["gene_differences"])
    sets = pd.DataFrame(
        [
            ("z1", "negative", "Y", 1e-9, 1e-8, "yes", 4),
            ("z1", "negative", "FIRST", 1e-12, 1e-11, "no", 0),
            ("z1", "positive", "OTHER", 1e-13, 1e-12, "yes", 0),
        ],
        columns=["feature", "side", "gene_set", "p", "q", "named", "other_features"],
    )
    write_table(sets, paths["gene_sets"])
    matches = pd.DataFrame({"kind": "seed", "replicate": [1, 2], "feature": "z1", "r": [-0.9, 0.7]})
    bootstrap = pd.DataFrame({"kind": ["bootstrap"], "replicate": 1, "feature": "z1", "r": 0.1})
    write_table(pd.concat([matches, bootstrap]), paths["stability"])
    refits = pd.DataFrame({"contrast": "sex", "feature": "z1", "r": [0.9, -0.8, 0.2]})
    write_table(refits.assign(comes_back=["yes", "yes", "no"]), paths["refits"])
    read = {"contrast": ["sex"], "effect_test": [1.0]}
    read |= {"effect_test_low": [0.9], "effect_test_high": [1.0]}
    write_table(pd.DataFrame(read), paths["readouts"])
    return paths


def listed(paths, **changed):
    associations.list_findings(**paths | changed)
    return read_table(paths["findings"]).iloc[0]


def test_a_finding_names_the_genes_that_are_higher_in_positive_samples(finished):
    row = listed(finished)
    assert row[["contrast", "feature", "verdict"]].tolist() == ["sex", "z1", "confirmed"]
    assert row[list(MARKS)].tolist() == ["yes"] * 3
    assert row["effect_test"] < 0.3
    assert row["genes"] == "UTY, ZFY"  # not TFF1, whose weight says so alone
    assert row[["genes_agreeing", "genes_checked"]].tolist() == [3, 4]
    assert row[["gene_set", "gene_set_other_features"]].tolist() == ["Y", 4]
    assert row["stability_over_seeds"] == pytest.approx(0.8)
    assert row["stability"] == pytest.approx(0.8)  # the median of three
    assert row[["refits_again", "refits"]].tolist() == [2, 3]
    assert row["features_separating"] == 1


def change(path, **columns):
    write_table(read_table(path).assign(**columns), path)


@pytest.mark.parametrize(
    ("table", "column", "values", "reason"),
    [
        (
            "refits", "comes_back", ["yes", "no", "no"],
            "comes back in 1 of 3 trainings on bootstrap samples (median |r| 0.80)",
        ),
        (
            "gene_differences", "agrees", ["yes", "no", "no", "yes"],
            "2 of 4 genes differ as their weights say",
        ),
    ],
)  # fmt: skip
def test_the_verdict_is_the_weakest_of_the_marks(finished, table, column, values, reason):
    change(finished[table], **{column: values})
    row = listed(finished)
    assert row[["separates", "verdict", "reason"]].tolist() == ["yes", "partly confirmed", reason]
    assert row["genes"].startswith("UTY")
    assert pd.isna(row["gene_set"])


def test_without_bootstraps_nothing_is_confirmed_in_full(finished):
    row = listed(finished, stability=[], refits=[])
    assert row[["comes_back", "verdict"]].tolist() == ["unknown", "partly confirmed"]
    assert row["reason"] == "not trained on bootstrap samples"
    assert np.isnan(row["stability"]) and np.isnan(row["stability_over_seeds"])


def test_a_feature_without_high_weights_has_no_genes_to_agree(finished):
    change(finished["gene_differences"], contrast="other")
    row = listed(finished)
    assert row[["genes_agree", "verdict"]].tolist() == ["unknown", "partly confirmed"]
    assert row["reason"] == "no gene has a high weight"


@pytest.mark.parametrize("verdict", ["not confirmed", "not testable"])
def test_a_contrast_that_failed_claims_no_genes(finished, verdict):
    change(finished["associations"], verdict=verdict, reason="because")
    row = listed(finished)
    assert row[["verdict", "reason"]].tolist() == [verdict, "because"]
    assert row["separates"] == ("no" if verdict == "not confirmed" else "unknown")
    assert row[["genes", "gene_set"]].isna().all()


def test_the_largest_weights_decide_whether_genes_agree():
    table = pd.DataFrame({"contrast": "q", "gene": [f"G{i}" for i in range(12)]})
    table = table.assign(deviations=np.linspace(3, 9, 12), direction="higher", agrees="no")
    table.loc[7:, "agrees"] = "yes"  # the five largest of the eight
    found = mark_genes(table).loc["q"]
    assert found[["genes_agreeing", "genes_checked", "genes_agree"]].tolist() == [5, 8, "yes"]
    assert found["genes"] == "G11, G10, G9, G8, G7"
    table.loc[7, "agrees"] = "no"  # half is no majority
    assert mark_genes(table).loc["q", "genes_agree"] == "no"


def test_nothing_to_mark_is_no_failure():
    columns = ["contrast", "gene", "deviations", "direction", "agrees", "r", "comes_back"]
    empty = pd.DataFrame(columns=columns)
    assert mark_genes(empty).empty and mark_refits(empty).empty


def test_verdicts_are_counted_by_what_could_be_tested():
    verdicts = ["confirmed", "not testable", "partly confirmed", "not confirmed", "not testable"]
    expected = {"testable": 3, "confirmed": 1, "partly": 1, "untestable": 2}
    assert count_verdicts(verdicts) == expected


def test_columns_that_mean_nothing_get_no_mark(nulls):
    """The genes are those of the features and the refit is the model itself: all could agree."""
    codes, obs = nulls
    obs = obs.assign(patient=obs.index)
    asked = [q for q in plan(obs, {}) if q.name.startswith("null_")]
    samples = Samples(obs, {"group": "patient", "label": "cancer_type"})
    rng = np.random.default_rng(8)
    weights = pd.DataFrame(rng.standard_t(3, size=(300, 40)), columns=codes.columns)
    weights.index = pd.Index([f"G{i}" for i in range(300)], name="gene")
    values = codes.to_numpy() @ weights.to_numpy().T + rng.normal(size=(len(codes), 300))
    table, _ = associations.answer(codes, asked, samples.split, samples.group, 1)
    differences = add_differences(
        choose_genes(table, high_weights(weights)),
        list(weights.index),
        values,
        None,
        asked,
        samples,
    )
    best = table[table["rank"] == 1].reset_index(drop=True)
    match = match_features(codes, codes, samples.split).set_index("feature")
    refits = compare_refit(best, match, codes, asked, samples.is_train, samples.group)
    found = add_marks(best[["contrast", "verdict", "reason"]], differences, refits)
    assert (found["verdict"] == "not confirmed").all() and len(found) == 20
    assert (found[list(MARKS)] == "no").all(axis=None)
    assert found["genes_checked"].sum() > 100
    assert found["genes_agreeing"].sum() <= 2
