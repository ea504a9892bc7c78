"""Which contrasts a split can test, told before training: as the tests themselves will tell."""

import logging

import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.associations import answer
from tybalt.analysis.contrasts import plan_contrasts
from tybalt.analysis.testable import (
    COLUMNS,
    count_testable,
    larger_tests,
    list_testable,
    untested_caveats,
)
from tybalt.data.samples import Samples, write_samples
from tybalt.data.split import split_samples
from tybalt.jobs.files import read_table, write_table

ROLES = {"group": "donor", "label": "tissue", "strata": ["tissue"]}
SPLIT = {"method": "stratified", "validation": 0.1, "test": 0.1}
SEX = {"sex": {"covariate": "sex", "positive": ["male"]}}


def cohort(count=200, split=None, seed=7):
    """Make samples: two of every tenth donor, a fifth of them male, 30 of a rare tissue."""
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "donor": [f"D{i - (i % 10 == 9):03}" for i in range(count)],
            "tissue": np.where(np.arange(count) < 30, "rare", "common"),
            "sex": np.where(np.arange(count) % 5 == 0, "male", "female"),
            "age": rng.integers(20, 80, count).astype(float),
        },
        index=pd.Index([f"S{i:03}" for i in range(count)], name="sample"),
    )
    obs["split"] = split_samples(obs, split or SPLIT, ROLES, seed)
    return Samples(obs, ROLES)


@pytest.mark.parametrize("test", [0.1, 0.4])
def test_what_is_told_is_what_the_tests_will_say(test):
    known = cohort(split={**SPLIT, "test": test})
    contrasts = plan_contrasts(known, SEX, {})
    told = list_testable(contrasts, known.split, known.group, "donors").set_index("contrast")
    codes = pd.DataFrame(np.random.default_rng(1).normal(size=(200, 2)), columns=["z1", "z2"])
    verdicts, _ = answer(codes, contrasts, known.split, known.group, 0, "donors")
    best = verdicts[verdicts["rank"] == 1].set_index("contrast")
    assert list((best["verdict"] != "not testable").map({True: "yes", False: "no"})) == list(
        told.loc[best.index, "testable"]
    )
    refused = best[best["verdict"] == "not testable"]
    assert list(refused["reason"]) == list(told.loc[refused.index, "reason"])
    assert bool(len(refused)) == (test == 0.1)


def test_larger_parts_are_those_that_the_split_would_make():
    known = cohort()
    found = larger_tests(known, SPLIT, seed=7)
    assert list(found) == [0.15, 0.2, 0.25, 0.3, 0.35, 0.4]
    for share, parts in found.items():
        made = split_samples(known.table, {**SPLIT, "test": share}, ROLES, 7)
        assert list(parts) == list(made)


def test_only_larger_shares_that_leave_enough_to_train_are_tried():
    known = cohort()
    assert list(larger_tests(known, {**SPLIT, "test": 0.35}, 7)) == [0.4]
    assert list(larger_tests(known, {**SPLIT, "validation": 0.5}, 7)) == [0.15, 0.2, 0.25, 0.3]
    assert larger_tests(known, {"method": "tybalt"}, 7) == {}


def test_a_share_that_leaves_a_part_empty_is_not_advised():
    # Of four donors 0.15 + 0.1 is one, which cannot be in both parts; 0.3 + 0.1 are two.
    few = pd.DataFrame(
        {"donor": list("abcd"), "tissue": "one", "split": "train"}, index=list("abcd")
    )
    found = larger_tests(Samples(few, ROLES), {**SPLIT, "test": 0.0}, 7)
    assert 0.15 not in found and 0.3 in found
    assert all({"train", "validation", "test"} == set(parts) for parts in found.values())


def run(folder, known, repeats=1, split=None, seed=7):
    write_samples(known.table, str(folder / "samples.tsv"))
    write_table(pd.DataFrame({"gene": ["TP53"]}), str(folder / "genes.tsv"))
    count_testable(
        samples=str(folder / "samples.tsv"), known_columns=[], status=[], mutation_burden=[],
        driver_genes=str(folder / "genes.tsv"), declared=SEX, roles=ROLES, split=split or SPLIT,
        repeats=repeats, seed=seed, testable=str(folder / "testable.tsv"),
    )  # fmt: skip
    return read_table(str(folder / "testable.tsv"))


def test_the_table_counts_donors_and_the_log_says_what_is_lost(tmp_path, caplog):
    known = cohort()
    with caplog.at_level(logging.WARNING):
        table = run(tmp_path, known)
    mine = table[table["used"] == "yes"].set_index("contrast")
    males = known.table[(known.table["sex"] == "male") & (known.split == "test")]["donor"]
    assert males.nunique() < 10
    reason = f"{males.nunique()} positive test donors, fewer than 10"
    assert (mine.loc["sex", "testable"], mine.loc["sex", "reason"]) == ("no", reason)
    assert list(mine["test"].unique()) == [0.1]
    said = [record.getMessage() for record in caplog.records]
    assert f"(sex: {reason})" in said[0] and "with split.test 0." in said[0]
    assert said[1].startswith("200 samples, split once")


def test_with_repeats_none_are_recommended(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        run(tmp_path, cohort(), repeats=5)
    assert not [record for record in caplog.records if "split once" in record.getMessage()]


def test_the_published_split_has_no_share_and_no_other(tmp_path):
    published = {"method": "tybalt"}
    table = run(tmp_path, cohort(split=published), split=published)
    assert set(table["used"]) == {"yes"} and table["test"].isna().all()
    (line,) = untested_caveats(table)
    assert "can be tested with this split" in line
    assert line.endswith("; more samples are needed to test the others.")


FEW = "7 positive test donors, fewer than 10"


def planted(shares, named=("sex",)):
    """Make a table: share -> contrasts of a, b, c and sex that can be tested; the first is used."""
    rows = [
        (share, "yes" if i == 0 else "no", name, "yes" if name in named else "no",
         "yes" if name in able else "no", "" if name in able else FEW)
        for i, (share, able) in enumerate(shares.items())
        for name in ("sex", "a", "b", "c")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            planted({0.2: ["a"], 0.3: ["sex", "a", "b"], 0.35: ["sex", "a", "b"], 0.4: ["b"]}),
            f"Of 4 contrasts 1 can be tested with split.test 0.2, of the 1 that the config names 0 "
            f"(sex: {FEW}); with split.test 0.3, which leaves fewer samples to train on, 3 (1 of "
            "those named).",
        ),
        (  # what the config names comes first
            planted({0.2: ["a"], 0.3: ["a", "b", "c"], 0.35: ["sex"]}),
            f"Of 4 contrasts 1 can be tested with split.test 0.2, of the 1 that the config names 0 "
            f"(sex: {FEW}); with split.test 0.35, which leaves fewer samples to train on, 1 (1 of "
            "those named).",
        ),
        (
            planted({0.2: ["a"], 0.3: ["b"]}, named=()),
            "Of 4 contrasts 1 can be tested with split.test 0.2; no larger test part would test "
            "more.",
        ),
    ],
)
def test_one_sentence_says_what_can_be_tested_and_how_to_test_more(table, line):
    assert untested_caveats(table) == [line]


def test_reasons_of_named_contrasts_stand_apart_and_are_cut():
    (line,) = untested_caveats(planted({0.2: []}, named=("sex", "a", "b", "c")))
    assert f"config names 0 (sex: {FEW}; a: {FEW}; b: {FEW}; ...);" in line


def test_nothing_is_said_where_all_can_be_tested_or_nothing_is_asked():
    assert untested_caveats(planted({0.2: ["sex", "a", "b", "c"], 0.3: ["a"]})) == []
    assert untested_caveats(pd.DataFrame(columns=COLUMNS)) == []
