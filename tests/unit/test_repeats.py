"""Repeats of the split: what they share, what differs, and how their results are compared."""

import copy

import numpy as np
import pandas as pd
import pytest
from shared_study import EXPERIMENTS, findings, leaderboard
from test_experiments import SMALL, changed, study_of

from tybalt.analysis.repeats import RECOMMENDED, compare_repeats, recommend, summarise
from tybalt.jobs.files import read_table, write_table
from tybalt.pages import repeats as page
from tybalt.plan import outputs
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import derive_seed
from tybalt.plan.places import Places

PLACES = Places(results="results", downloads="downloads")
TABLES = ["clinical", "mutations", "copy_number", "status"]
SIMULATED = {
    "kind": "simulated",
    "simulation": {"samples": 100, "genes": 300},
    "genes": {"count": 200},
    "tables": TABLES,
}
NAMES = ["toy", "toy-repeat-2", "toy-repeat-3"]


def repeated(count, dataset=None):
    """Plan the small study with so many repeats; None: without the key."""
    config = copy.deepcopy(SMALL)
    if dataset is not None:
        config["datasets"]["toy"] = copy.deepcopy(dataset)
    if count is not None:
        config["datasets"]["toy"].setdefault("split", {})["repeats"] = count
    return study_of(config)


# The plan


def test_repeats_are_datasets_that_differ_in_nothing_but_their_name():
    study = repeated(3)
    assert study.datasets == NAMES
    assert all(study.repeats(name) == NAMES for name in NAMES)
    first = study.dataset("toy")
    for name in NAMES[1:]:
        assert study.dataset(name) == {**first, "repeat_of": "toy"}
    assert [key for key in study.experiments if key[0] == NAMES[2]] == [
        (NAMES[2], *key[1:]) for key in study.experiments if key[0] == "toy"
    ]


def test_the_seed_of_the_split_is_the_only_one_that_differs():
    study = repeated(3)
    seeds = [study.seed_of_matrix(name) for name in NAMES]
    assert len(set(seeds)) == 3
    for names in (["simulation"], ["vae", "grid"], ["vae", "r0", "s00", "e0"], ["bootstrap"]):
        expected = derive_seed(study.config["seed"], "toy", *names)
        assert [study.seed(name, *names) for name in NAMES] == [expected] * 3


@pytest.mark.parametrize("tuner", ["grid", "random", "bayes", "band"])
def test_searches_of_all_repeats_try_the_same_settings(tuner):
    config = changed(["datasets", "toy", "split"], {"repeats": 2})
    config["models"]["vae"]["space"]["learning_rate"] = [0.001, 0.002, 0.003]
    config["experiments"][0]["tuners"] = [tuner]
    study = study_of(config)
    first, second = (study.experiment(name, "vae", tuner).rounds for name in NAMES[:2])
    assert first == second


@pytest.mark.parametrize("dataset", [None, SIMULATED])
def test_one_repeat_is_what_was_there_before(dataset):
    without, one = repeated(None, dataset), repeated(1, dataset)
    assert one == without
    assert "repeats" not in one.dataset("toy")["split"]
    # As seeds were before there were repeats.
    assert one.seed_of_matrix("toy") == derive_seed(one.config["seed"], "toy", "split")
    assert not [path for path in outputs.files(one) if "repeat" in path]


@pytest.mark.parametrize("dataset", [None, SIMULATED])
def test_more_repeats_leave_the_first_as_it_is(dataset):
    before, after = repeated(1, dataset), repeated(3, dataset)
    for step in ("READS", *(["SIMULATES"] if dataset else [])):
        assert before.settings("toy", step) == after.settings("toy", step)
    assert before.seed_of_matrix("toy") == after.seed_of_matrix("toy")
    assert before.raw_files("toy", PLACES) == after.raw_files("toy", PLACES)
    for key, experiment in before.experiments.items():
        assert after.experiments[key] == experiment
    files = [path for path in outputs.files(after) if path.startswith("toy/")]
    assert set(files) - set(outputs.files(before)) == {"toy/repeats.tsv"}
    assert set(outputs.files(before)) <= set(files)


def test_raw_files_and_companion_tables_are_made_once():
    study = repeated(3, SIMULATED)
    assert study.datasets_of_kind("simulated") == ["toy"]
    raw = study.raw_files("toy", PLACES)
    assert all(study.raw_files(name, PLACES) == raw for name in NAMES)
    assert raw["expression"] == "results/toy/raw/HiSeqV2.gz"
    made = {path for path in outputs.files(study) if path.count("/") == 1}
    once = {"clinical.tsv", "mutations.h5ad", "mutation_burden.tsv", "status.h5ad", "repeats.tsv"}
    once |= {"copy_number_gain.h5ad", "copy_number_loss.h5ad"}
    of_first = {path.partition("/")[2] for path in made if path.startswith("toy/")}
    assert once <= of_first
    for name in NAMES[1:]:
        mine = {path.partition("/")[2] for path in made if path.startswith(f"{name}/")}
        assert mine == of_first - once
    # The codes are joined to the clinical table in every repeat.
    joined = [path for path in outputs.files(study) if path.endswith("with_clinical.tsv.gz")]
    assert len(joined) == 3 * len(study.experiments_of("toy"))


def test_files_of_users_and_downloads_are_named_once():
    assert list(repeated(3).files_of_user) == list(repeated(1).files_of_user)
    xena = {"kind": "xena", "source": "pancan-2016", "tables": TABLES}
    assert repeated(3, xena).downloads(PLACES) == repeated(1, xena).downloads(PLACES)


def test_new_samples_go_to_the_repeat_that_they_name():
    config = changed(["datasets", "toy", "split"], {"repeats": 2})
    for target in ("toy/pca/none", "toy-repeat-2/pca/none"):
        new = {"kind": "local", "files": {"expression": "n.tsv"}, "project_onto": target}
        config["datasets"]["new"] = new
        study = study_of(config)
        assert "/".join(study.target("new").key) == target
        assert study.repeats("new") == ["new"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            {**SIMULATED, "split": {"method": "tybalt", "repeats": 2}},
            "datasets.toy.split.repeats: found 2, but the published split has a fixed seed, so "
            "that all repeats would be the same; leave this key out",
        ),
        (
            {
                "kind": "logic-genes",
                "logic": {"samples": 100, "independent": 2},
                "split": {"repeats": 3},
            },
            "datasets.toy.split.repeats: found 3, but the seed 'logic' of a dataset of kind "
            "`logic-genes` makes its samples too",
        ),
        (
            {
                "kind": "simulated",
                "simulation": SIMULATED["simulation"],
                "project_onto": "toy/pca/none",
                "split": {"repeats": 2},
            },
            "datasets.toy.split.repeats: found 2, but new samples are not split; leave",
        ),
        ({**SIMULATED, "split": {"repeats": 0}}, "found 0, expected at least 1"),
        ({**SIMULATED, "split": {"repeats": 21}}, "found 21, expected at most 20"),
        ({**SIMULATED, "split": {"repeats": 1.5}}, "found 1.5, expected a whole number"),
    ],
)
def test_repeats_that_make_no_sense_are_refused(dataset, message):
    with pytest.raises(InputError) as caught:
        study_of(changed(["datasets", "toy"], dataset))
    assert message in str(caught.value)


@pytest.mark.parametrize("order", [["toy", "toy-repeat-2"], ["toy-repeat-2", "toy"]])
def test_a_dataset_under_the_name_of_a_repeat_is_refused(order):
    entries = {name: copy.deepcopy(SMALL["datasets"]["toy"]) for name in order}
    entries["toy"]["split"] = {"repeats": 2}
    expected = "datasets.toy: it expands into toy, toy-repeat-2, but 'toy-repeat-2' is the name of"
    with pytest.raises(InputError, match=expected):
        study_of({**SMALL, "datasets": entries})


# The table


def test_mean_sd_and_range_are_those_of_the_known_values():
    known = summarise([0.5, np.nan, 0.9, 0.7])  # mean 2.1 / 3; deviations -0.2, 0.2, 0
    assert known["known"] == 3
    assert known["mean"] == pytest.approx(0.7)
    assert known["sd"] == pytest.approx(np.sqrt(0.08 / 2))
    assert (known["lowest"], known["highest"]) == (0.5, 0.9)
    assert np.isnan(known["repeat_2"]) and known["repeat_4"] == 0.7
    one = summarise([0.5, np.nan])
    assert one["mean"] == 0.5 and np.isnan(one["sd"])


#: Of three repeats: variance explained by pca and vae.
EXPLAINED = {"pca": [0.7, 0.5, 0.6], "vae": [0.6, 0.7, 0.5]}


@pytest.fixture
def table(tmp_path):
    """Compare three repeats in which `type` loses, and `rare` gains, what it had."""
    boards, paths = [], []
    for number in range(3):
        board = leaderboard()
        explained = {name: values[number] for name, values in EXPLAINED.items()}
        board["explained"] = [explained.get(model, 0.0) for model in board["model"]]
        # The order of the rows is that of the repeat's own errors, and differs.
        board = board.iloc[::-1] if number == 1 else board
        boards.append(str(tmp_path / f"leaderboard_{number}.tsv"))
        write_table(board, boards[-1])
        for model, _ in EXPERIMENTS:
            found = findings().set_index("contrast", drop=False)
            if number == 1:  # the feature of another run points the other way
                found.loc["type", ["effect_train", "effect_test"]] = [0.9, 0.8]
            if number == 2:
                found.loc["type", "verdict"] = "not confirmed"
                found.loc["type", ["effect_train", "effect_test"]] = [0.8, 0.5]
                found.loc["rare", "verdict"] = "confirmed"
                found.loc["rare", ["effect_train", "effect_test"]] = [0.8, 0.75]
            paths.append(str(tmp_path / f"findings_{number}_{model}.tsv"))
            write_table(found, paths[-1])
    compare_repeats(boards, paths, EXPERIMENTS, str(tmp_path / "repeats.tsv"))
    return read_table(str(tmp_path / "repeats.tsv"))


def row_of(table, model, name):
    rows = table[(table["model"] == model) & (table["name"] == name)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_measures_of_a_model_come_from_its_own_row_in_every_repeat(table):
    for model, values in EXPLAINED.items():
        row = row_of(table, model, "explained")
        assert row["kind"] == "measure"
        assert list(row[["repeat_1", "repeat_2", "repeat_3"]]) == values
        assert row["mean"] == pytest.approx(0.6)
        assert row["sd"] == pytest.approx(0.1)
    floor = table[(table["control"] == "mean sample") & (table["name"] == "explained")]
    assert list(floor["mean"]) == [0.0]


def test_intervals_of_single_splits_and_twice_told_contrasts_are_no_measures(table):
    names = set(table["name"][table["kind"] == "measure"])
    assert {"explained", "knn_accuracy", "trainings"} <= names
    assert not [name for name in names if name.startswith("auroc") or name.endswith("_low")]


def test_a_contrast_counts_only_where_it_could_be_tested(table):
    # In findings(): effect on test samples 0.05, lower in positive samples: 0.95 in its direction.
    first = row_of(table, "vae", "type")
    assert (first["testable"], first["confirmed"], first["known"]) == (3, 2, 3)
    values = list(first[["repeat_1", "repeat_2", "repeat_3"]])
    assert values == pytest.approx([0.95, 0.8, 0.5])
    assert first["mean"] == pytest.approx(2.25 / 3)
    rare = row_of(table, "pca", "rare")
    assert (rare["testable"], rare["confirmed"], rare["known"]) == (1, 1, 1)
    assert np.isnan(rare["repeat_1"]) and rare["repeat_3"] == 0.75
    assert rare["mean"] == rare["lowest"] == rare["highest"] == 0.75


# The recommendation


@pytest.mark.parametrize(
    ("samples", "repeats", "method", "advice"),
    [
        (499, 1, "stratified", f"set split.repeats: {RECOMMENDED} "),
        (350, 1, "tybalt", f"set split.method: stratified and split.repeats: {RECOMMENDED} "),
        (500, 1, "stratified", None),
        (499, 2, "stratified", None),
    ],
)
def test_repeats_are_recommended_for_few_samples(samples, repeats, method, advice):
    lines = recommend(samples, repeats, method)
    assert bool(lines) == (advice is not None)
    assert not lines or (advice in lines[0] and lines[0].startswith(f"{samples} samples, split"))


# The page


def test_the_page_names_the_repeat_and_links_the_others():
    said = page.repeat_in_words("toy-repeat-2", NAMES)
    assert (said["number"], said["count"], said["first"]) == (2, 3, "toy")
    assert said["links"] == [
        ("toy", "../toy/summary.html"),
        ("toy-repeat-3", "../toy-repeat-3/summary.html"),
    ]


def test_models_are_shown_with_range_and_how_often_they_were_best(table):
    rows = {row["name"]: row for row in page.model_rows(table, ["explained", "trainings"])}
    assert rows["pca"]["values"][0] == "60.0 % (50.0–70.0 %)"
    assert (rows["pca"]["best"], rows["vae · grid"]["best"]) == ("2 of 3", "1 of 3")
    assert rows["mean sample"]["values"] == ["0.0 % (0.0–0.0 %)", "–"]
    assert rows["mean sample"]["best"] == "–"
    apart = page.model_rows(table, ["explained"], compared=False)
    assert {row["best"] for row in apart} == {"–"}


def test_contrasts_are_shown_with_the_repeats_in_which_they_held(table):
    rows = page.contrast_rows(table)
    assert [row["contrast"] for row in rows] == ["rare", "rare", "type", "type"]
    assert rows[0]["testable"] == "1 of 3" and rows[0]["effect"] == "0.75 (0.75–0.75)"
    assert rows[2]["testable"] == "3 of 3" and rows[2]["confirmed"] == "2 of 3"
    assert rows[2]["effect"] == "0.75 (0.50–0.95)"
    assert page.others_in_words(table)[0] == (
        "vae · grid: of 1 further contrasts 1 are confirmed in some repeat, 1 of them in all 3."
    )


def test_a_contrast_that_no_repeat_could_test_has_a_dash():
    row = pd.Series({"mean": np.nan, "lowest": np.nan, "highest": np.nan})
    assert page.with_range(row, str) == "–"


def test_a_minus_does_not_stand_beside_the_dash_of_a_range():
    row = pd.Series({"mean": -0.1, "lowest": -0.3, "highest": 0.1})
    assert page.with_range(row, "{:.2f}".format) == "-0.10 (-0.30 to 0.10)"
