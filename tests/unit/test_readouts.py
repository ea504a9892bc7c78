"""Contrasts read out of whole codes: against scikit-learn, and on planted and absent signals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tybalt.analysis import readout_comparison as comparison
from tybalt.analysis.contrasts import AUROC, SPEARMAN, Contrast
from tybalt.analysis.findings import MARGIN, add_readouts
from tybalt.analysis.readout_comparison import Effect, is_clearly_worse
from tybalt.analysis.readouts import (
    FOLDS,
    READOUT_COLUMNS,
    cross_validate,
    deal_folds,
    fit_weights,
    read_out,
)
from tybalt.analysis.stratified_tests import answering_strata, measure_effects, untestable
from tybalt.jobs.files import read_table, write_table

SPLIT = np.array(["train"] * 7 + ["validation"] + ["test"] * 2)


def split_of(n):
    return SPLIT[np.arange(n) % len(SPLIT)]


def asked(values, stratum=None, measure=AUROC, name="x"):
    stratum = np.full(len(values), "all") if stratum is None else np.asarray(stratum).astype(str)
    return Contrast(name, name, measure, np.asarray(values, float), stratum.astype(object))


def groups_of(n):
    return np.array([f"g{i:04d}" for i in range(n)], dtype=object)


def read(codes, contrast, groups=None, part="test"):
    split = split_of(len(codes))
    groups = groups_of(len(codes)) if groups is None else groups
    return read_out(codes, contrast, split == "train", split == part, groups, 0, part, "donors")


def best_single(codes, contrast):
    """The AUROC on test samples of the feature that is best on training samples."""
    split, strata = split_of(len(codes)), sorted(set(contrast.stratum))
    on_train, on_test = (
        measure_effects(codes, [contrast], split == part, [strata]).effect[0]
        for part in ("train", "test")
    )
    best = np.argmax(np.abs(on_train - 0.5))
    return 0.5 + abs(on_test[best] - 0.5)


# Independent recomputation


def test_without_strata_it_is_a_logistic_regression_of_scikit_learn():
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(300, 6)) * [1, 5, 0.1, 2, 1, 1] + 3
    values = (codes[:, 0] + rng.normal(size=300) > 3).astype(float)
    scaler = StandardScaler().fit(codes)
    for penalty in (100.0, 1.0):
        own = fit_weights(codes, values, np.zeros(300, int), AUROC, [penalty])[:, 0]
        theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
        theirs.fit(scaler.transform(codes), values)
        np.testing.assert_allclose(own * scaler.scale_, theirs.coef_[0], rtol=2e-3, atol=1e-5)


def test_strata_are_intercepts_without_a_penalty():
    # The same with a column for each stratum, of which a tenth of a thousandth is penalised.
    rng = np.random.default_rng(2)
    place = rng.integers(0, 3, 400)
    codes = rng.normal(size=(400, 4)) + 5 * place[:, None]
    chance = 1 / (1 + np.exp(-(codes[:, 0] - 5 * place) - np.array([-1.5, 0, 1])[place]))
    values = (rng.random(400) < chance).astype(float)
    own = fit_weights(codes, values, place, AUROC, [3.0])[:, 0]
    means = pd.DataFrame(codes).groupby(place).transform("mean").to_numpy()
    centred = codes - means
    columns = np.hstack([centred / centred.std(axis=0), 1e4 * np.eye(3)[place]])
    theirs = LogisticRegression(
        C=1 / 3, fit_intercept=False, solver="newton-cholesky", tol=1e-10
    ).fit(columns, values)
    np.testing.assert_allclose(own * centred.std(axis=0), theirs.coef_[0, :4], rtol=2e-3)


def test_numbers_are_a_ridge_regression_of_ranks_within_strata():
    rng = np.random.default_rng(3)
    place = rng.integers(0, 4, 500)
    codes = rng.normal(size=(500, 5)) * [1, 3, 1, 1, 2] + place[:, None]
    values = np.exp(codes[:, 1] + 10 * place + rng.normal(size=500))
    own = fit_weights(codes, values, place, SPEARMAN, [1.0, 50.0])
    table = pd.Series(values).groupby(place)
    target = table.rank() / table.transform("size")
    target -= target.groupby(place).transform("mean")
    target /= target.std(ddof=0)
    centred = codes - pd.DataFrame(codes).groupby(place).transform("mean").to_numpy()
    scale = centred.std(axis=0)
    for column, penalty in enumerate((1.0, 50.0)):
        theirs = Ridge(alpha=penalty, fit_intercept=False).fit(centred / scale, target)
        np.testing.assert_allclose(own[:, column] * scale, theirs.coef_, rtol=1e-8)


def test_the_whole_of_it_against_scikit_learn():
    rng = np.random.default_rng(4)
    codes = rng.normal(size=(600, 8))
    contrast = asked(codes @ rng.normal(size=8) + 2 * rng.normal(size=600) > 0)
    found, split = read(codes, contrast), split_of(600)
    train, test = split == "train", split == "test"
    scaler = StandardScaler().fit(codes[train])
    model = LogisticRegression(C=1 / found.penalty, tol=1e-10, max_iter=10_000)
    model.fit(scaler.transform(codes[train]), contrast.values[train])
    expected = roc_auc_score(
        contrast.values[test], model.decision_function(scaler.transform(codes[test]))
    )
    assert found.held_out == pytest.approx(expected, abs=1e-3)
    assert found.low < found.held_out < found.high
    assert (found.n_train, found.n_held_out) == (420, 120)
    assert found.n_positive_held_out == contrast.values[test].sum()


# Spread, lost, absent


def test_a_contrast_that_is_spread_over_features_is_read_out_of_all_of_them():
    # Each of 30 features carries a bit: the mean difference is 0.9 standard deviations, so that one
    # has the AUROC Phi(0.9 / sqrt(2)) = 0.74, and all together Phi(0.9 sqrt(30 / 2)) = 0.9998.
    rng = np.random.default_rng(5)
    values = rng.integers(0, 2, 700)
    codes = rng.normal(size=(700, 30)) + 0.9 * values[:, None]
    contrast = asked(values)
    assert best_single(codes, contrast) < 0.85
    found = read(codes, contrast)
    assert found.held_out > 0.995 and found.train > 0.99


def test_a_contrast_that_was_lost_is_not_read_out():
    rng = np.random.default_rng(6)
    found = read(rng.normal(size=(700, 30)), asked(rng.integers(0, 2, 700)))
    assert found.low < 0.5 < found.high


def test_permuted_labels_read_out_around_a_half_and_give_no_warning(tmp_path):
    # 20 rounds: the mean of AUROCs of 140 test samples has a standard error of about 0.011.
    rng = np.random.default_rng(7)
    effects, cross_validated, warnings = [], [], []
    for _ in range(20):
        codes = rng.normal(size=(700, 20))
        values = rng.permutation(codes[:, 0] > 0)
        found = read(codes, asked(values))
        effects.append(found.held_out)
        cross_validated.append(found.train)
        other = read(rng.normal(size=(700, 20)), asked(values))
        own, another = (Effect(each.held_out, each.low, each.high) for each in (found, other))
        warnings.append(is_clearly_worse(own, another, AUROC, 1))
    assert np.mean(effects) == pytest.approx(0.5, abs=0.035)
    # The best of seven penalties is taken, so this one is a little above chance.
    assert np.mean(cross_validated) == pytest.approx(0.5, abs=0.06)
    assert not any(warnings)


def test_a_label_that_only_differs_between_strata_is_not_read_out_within_them():
    rng = np.random.default_rng(8)
    stratum = rng.integers(0, 4, 1200)
    values = rng.random(1200) < np.array([0.1, 0.3, 0.7, 0.9])[stratum]
    codes = np.hstack([np.eye(4)[stratum] * 8, rng.normal(size=(1200, 6))])
    codes += 0.1 * rng.normal(size=codes.shape)
    everywhere = read(codes, asked(values))
    within = read(codes, asked(values, stratum))
    assert everywhere.low > 0.7
    assert within.low < 0.5 < within.high


def test_numbers_are_read_out_within_strata():
    rng = np.random.default_rng(9)
    stratum = rng.integers(0, 3, 900)
    codes = rng.normal(size=(900, 12))
    numbers = np.exp(codes @ np.ones(12) + 20 * stratum + rng.normal(size=900))
    found = read(codes, asked(numbers, stratum, SPEARMAN))
    # Signal of variance 12 and noise of variance 1: Pearson sqrt(12 / 13) = 0.961, and of normal
    # values Spearman 6 / pi asin(r / 2) = 0.957.
    assert found.held_out == pytest.approx(0.957, abs=0.02)
    assert found.n_positive_train == 0
    lost = read(codes, asked(rng.permutation(numbers), stratum, SPEARMAN))
    assert lost.low < 0  # not above chance


def test_what_cannot_be_tested_is_not_read_out():
    values = np.arange(200) % 20 == 4  # ten of 200, all of them training samples
    found = read(np.random.default_rng(10).normal(size=(200, 3)), asked(values))
    assert found.reason == "0 positive test donors, fewer than 10"
    assert np.isnan([found.penalty, found.train, found.held_out, found.low, found.high]).all()
    assert (found.n_train, found.n_positive_train) == (140, 10)


# Folds


def test_samples_of_a_group_are_in_one_fold_and_sides_in_all():
    rng = np.random.default_rng(11)
    groups = rng.permutation(np.repeat(groups_of(100), 3))
    place = rng.integers(0, 2, 300)
    sides = (rng.random(300) < 0.3).astype(float)
    folds = deal_folds(groups, place, sides)
    assert pd.Series(folds).groupby(groups).nunique().max() == 1
    assert set(folds) == set(range(FOLDS))
    table = pd.DataFrame({"g": groups, "p": place, "s": sides, "f": folds})
    first = table.assign(s=table.groupby("g")["s"].transform("max")).drop_duplicates("g")
    counts = first.groupby(["p", "s"])["f"].value_counts().unstack(fill_value=0)
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


def test_cross_validation_does_not_know_a_group_that_it_is_asked_about():
    # Each group has ten samples of the same noise, and a label of its own: a read-out that had seen
    # the group would know the label.
    rng = np.random.default_rng(12)
    of_group = np.repeat(np.arange(60), 10)
    codes = rng.normal(size=(60, 40))[of_group] + 0.01 * rng.normal(size=(600, 40))
    contrast = asked((np.arange(60) % 2)[of_group])
    chosen = np.ones(600, bool)
    honest = deal_folds(groups_of(60)[of_group], np.zeros(600, int), contrast.values)
    leaking = np.arange(600) % FOLDS
    known, unknown = (
        cross_validate(codes, contrast, chosen, folds, ["all"])[-1] for folds in (leaking, honest)
    )
    assert known > 0.99
    assert abs(unknown - 0.5) < 0.25


def test_every_fold_has_some_of_a_side_that_groups_do_not_begin_with():
    # Each tenth group has a negative and then a positive sample, as tumour and normal tissue.
    groups = np.repeat(groups_of(100), 2)
    sides = np.tile([0.0, 1.0], 100) * (np.arange(200) // 2 % 10 == 0)
    folds = deal_folds(groups, np.zeros(200, int), sides)
    assert pd.Series(folds)[sides == 1].value_counts().tolist() == [2] * FOLDS


def test_a_number_that_few_samples_have_is_read_out_all_the_same():
    # All but two of 140 training answers are alike, so most folds are without any other.
    values = np.isin(np.arange(200), [0, 50, 8, 59]).astype(float)
    codes = np.random.default_rng(14).normal(size=(200, 3)) + 9 * values[:, None]
    found = read(codes, asked(values, measure=SPEARMAN))
    assert np.isfinite(found.train) and found.reason == ""


# Beside features, and beside other models


def finding(effect, separates="yes", measure=AUROC):
    ends = {"effect_test_low": effect, "effect_test_high": effect}
    row = {"contrast": "x", "measure": measure, "separates": separates, "effect_train": effect}
    return pd.DataFrame([{**row, "effect_test": effect, **ends}])


def reading(effect, low, high):
    row = {"contrast": "x", "effect_test": effect, "effect_test_low": low, "effect_test_high": high}
    return pd.DataFrame([row])


@pytest.mark.parametrize(
    ("feature", "separates", "readout", "expected"),
    [
        (0.6, "no", (1.0, 0.98, 1.0), "whole code"),
        (0.25, "yes", (1.0, 0.98, 1.0), "whole code"),  # turned: 0.75
        (0.98, "yes", (1.0, 0.99, 1.0), "one feature"),  # not by the margin
        (0.85, "yes", (0.96, 0.84, 1.0), "one feature"),  # inside of the interval
        (0.55, "no", (0.6, 0.45, 0.75), "nothing"),
        (0.6, "unknown", (np.nan, np.nan, np.nan), None),
    ],
)
def test_from_what_a_contrast_is_read(feature, separates, readout, expected):
    found = add_readouts(finding(feature, separates), reading(*readout))
    (read_from,) = found["read_from"]
    assert read_from == expected if expected else pd.isna(read_from)
    np.testing.assert_array_equal(
        found.loc[0, ["readout_test", "readout_test_low"]].astype(float), readout[:2]
    )


def test_clearly_worse_is_by_the_margin_and_beyond_the_errors():
    # Half-widths of 0.098 are standard errors of 0.05, of the difference 0.0707: 1.645 times that
    # (p = 0.05) is 0.1163, and with 100 comparisons (p = 0.0005) 3.291 times it 0.2327.
    own, at = Effect(0.7, 0.602, 0.798), lambda value: Effect(value, value - 0.098, value + 0.098)
    assert not is_clearly_worse(own, at(0.81), AUROC, 1)
    assert is_clearly_worse(own, at(0.82), AUROC, 1)
    assert not is_clearly_worse(own, at(0.93), AUROC, 100)
    assert is_clearly_worse(own, at(0.94), AUROC, 100)
    sure = Effect(0.7, 0.7, 0.7)
    assert not is_clearly_worse(sure, Effect(0.7 + MARGIN[AUROC] - 0.01, 0.79, 0.79), AUROC, 1)
    # What is not there cannot be lost.
    assert is_clearly_worse(Effect(0.4, 0.3, 0.5), Effect(0.71, 0.55, 0.86), AUROC, 1)
    assert not is_clearly_worse(Effect(0.4, 0.3, 0.5), Effect(0.69, 0.55, 0.86), AUROC, 1)
    assert not is_clearly_worse(Effect(0.4, 0.3, 0.5), Effect(0.71, 0.5, 0.86), AUROC, 1)
    assert not is_clearly_worse(Effect(np.nan, np.nan, np.nan), own, AUROC, 1)


SEX = {"covariate": "sex", "positive": ["male"], "within": "kind"}


def readouts_table(effect, low, high):
    row = dict.fromkeys(READOUT_COLUMNS)
    row |= {"contrast": "sex", "named": "yes", "measure": AUROC, "evaluated_on": "test"}
    row |= {"effect_test": effect, "effect_test_low": low, "effect_test_high": high}
    return pd.DataFrame([row, {**row, "contrast": "age", "named": "no"}])


def trials_table(module, *effects, within="kind"):
    """What trials recorded, the chosen setting first: (effect, half-width)."""
    rows = [
        {
            "rank": number, "round": "r0", "trial": f"t{number}", "run_epochs": 1, "module": module,
            "chosen": "yes" if number == 1 else "no", "setting": f"depth {number}",
            "contrast": "sex", "covariate": "sex", "positive": "male", "within": within,
            "effect": effect, "low": effect - half, "high": effect + half, "reason": None,
        }
        for number, (effect, half) in enumerate(effects, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def compare(folder, models, declared=None):
    """Compare models given as name -> (read-out, what trials recorded)."""
    paths = {"readouts": [], "trial_readouts": []}
    for name, (readout, recorded) in models.items():
        for kind, table in (("readouts", readout), ("trial_readouts", recorded)):
            paths[kind].append(str(folder / f"{name}_{kind}.tsv"))
            write_table(table, paths[kind][-1])
    out = str(folder / "comparison.tsv")
    experiments = [[name, "none"] for name in models]
    comparison.compare_readouts(
        **paths, experiments=experiments, declared=declared or {"sex": SEX}, comparison=out
    )
    table = read_table(out)
    return table[table["contrast"] == "sex"].set_index("model"), table


def test_what_one_model_has_lost_and_another_has_is_said(tmp_path):
    models = {
        "pca": (readouts_table(1.0, 1.0, 1.0), trials_table("pca", (1.0, 0.0))),
        "vae": (readouts_table(0.74, 0.6, 0.88), trials_table("vae", (0.72, 0.14), (0.76, 0.14))),
    }
    found, whole = compare(tmp_path, models)
    assert found["lost_to"].fillna("").to_dict() == {"pca": "", "vae": "pca"}
    assert found.loc["vae", ["bar", "validation_bar"]].tolist() == ["pca", 1.0]
    assert found.loc["vae", "other_setting"] == "rank 2 (depth 2)"
    warning = found.loc["vae", "warning"]
    assert "sex is lost in part: AUROC 0.74 (0.60–0.88) from the whole code on test" in warning
    assert "out with AUROC 0.72 (0.58–0.86), clearly worse than others (pca: 1.00)" in warning
    assert "rank 2" not in warning
    assert pd.isna(found.loc["pca", "warning"])
    # Contrasts that nobody named stand in the table, and warn of nothing.
    assert whole[whole["contrast"] == "age"]["warning"].isna().all()


def test_another_setting_that_reads_out_clearly_better_is_named(tmp_path):
    models = {"vae": (readouts_table(0.7, 0.6, 0.8), trials_table("vae", (0.7, 0.1), (1.0, 0.0)))}
    found, _ = compare(tmp_path, models)
    assert "clearly worse than others (rank 2 (depth 2): 1.00)" in found.loc["vae", "warning"]
    assert "readout:sex into the objective" in found.loc["vae", "warning"]


def test_the_best_of_many_settings_by_chance_is_no_warning(tmp_path):
    # 200 settings of no signal, with the standard error of 35 validation samples, 0.1.
    rng = np.random.default_rng(13)
    effects = [(value, 0.196) for value in 0.5 + 0.1 * rng.normal(size=200)]
    models = {"vae": (readouts_table(0.5, 0.3, 0.7), trials_table("vae", (0.5, 0.196), *effects))}
    found, _ = compare(tmp_path, models)
    assert found.loc["vae", "validation_other"] > 0.7
    assert pd.isna(found.loc["vae", "warning"])


def test_a_record_of_another_definition_is_no_answer(tmp_path):
    recorded = trials_table("vae", (0.7, 0.1), (1.0, 0.0), within="organ")
    found, _ = compare(tmp_path, {"vae": (readouts_table(0.7, 0.6, 0.8), recorded)})
    assert found.loc["vae", "validation_reason"] == "not recorded"
    assert pd.isna(found.loc["vae", "validation"])
    assert "--forcerun train_trial" in found.loc["vae", "warning"]


def test_without_contrasts_the_comparison_is_empty(tmp_path):
    nothing = pd.DataFrame(columns=READOUT_COLUMNS)
    recorded = trials_table("vae", (0.7, 0.1)).head(0)
    paths = [str(tmp_path / name) for name in ("a.tsv", "b.tsv", "c.tsv")]
    write_table(nothing, paths[0])
    write_table(recorded, paths[1])
    comparison.compare_readouts([paths[0]], [paths[1]], [["vae", "none"]], {}, paths[2])
    assert read_table(paths[2]).empty


def test_folds_have_some_of_the_rarer_side_whichever_it_is():
    # All donors give a tumour, every fifth a normal sample, too; by name these come to one fold.
    donors = np.array([f"d{i:02d}" for i in range(100)])
    groups = np.concatenate([donors, donors[::5]])
    sides = np.repeat([1.0, 0.0], [100, 20])
    folds = deal_folds(groups, np.zeros(120, int), sides)
    assert (np.bincount(folds[sides == 0], minlength=5) == 4).all()
    assert (folds[100:] == folds[:100:5]).all()  # a donor is in one fold


@pytest.mark.parametrize(
    ("strata", "reason"),
    [
        (["all"] * 40, "9 positive training donors, fewer than 10"),
        (["a", "b"] * 20, "no stratum has 10 training donors on each side (9 positive in all)"),
    ],
)
def test_the_reason_counts_who_is_there(strata, reason):
    values = (np.arange(80) % 40 < 9).astype(float)
    stratum, groups = np.array(strata * 2, object), np.arange(80)
    train = np.arange(80) < 40
    contrast = Contrast("x", "x", AUROC, values, stratum)
    answering = answering_strata(contrast, train, groups)
    parts = {"training": train, "test": ~train}
    assert answering == []
    assert untestable(contrast, parts, answering, groups, "donors") == reason
