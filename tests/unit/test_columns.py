"""Columns of the samples: what is understood of them is said, and checked before any training."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tybalt.analysis.columns import caveats, describe_columns
from tybalt.data.known_columns import check_ordered, ordered_as_numbers, read_known_columns
from tybalt.data.samples import write_samples
from tybalt.data.tables.clinical import CARRIED
from tybalt.data.tables.events import make_events, write_events
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.places import HOME

SAMPLES = [f"s{i:02}" for i in range(40)]
ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type"]}
KNOWN = str(HOME / "resources" / "tcga_columns.yaml")


def run(folder, declared=None, known=True, events=None, **columns):
    obs = pd.DataFrame(
        {
            "patient": SAMPLES,
            "cancer_type": ["A", "B"] * 20,
            "split": ["train", "validation", "test", "train"] * 10,
            **columns,
        },
        index=pd.Index(SAMPLES, name="sample"),
    )
    write_samples(obs, str(folder / "samples.tsv"))
    genes = folder / "genes.tsv"
    write_table(pd.DataFrame({"gene": ["TP53"]}), genes)
    status = []
    if events is not None:
        status = str(folder / "status.h5ad")
        write_events(make_events(range(len(events)), [0] * len(events), events, ["TP53"]), status)
    describe_columns(
        samples=str(folder / "samples.tsv"), known_columns=KNOWN if known else [], status=status,
        mutation_burden=[], driver_genes=str(genes), declared=declared or {}, roles=ROLES,
        columns=str(folder / "columns.tsv"),
    )  # fmt: skip
    return read_table(str(folder / "columns.tsv"), index="column")


def test_every_column_is_listed_with_role_values_and_contrasts(tmp_path):
    table = run(
        tmp_path,
        age=[np.nan, *range(39)],
        sex=["male", "female", None, "male"] * 10,
        **{f"{CARRIED}batch": ["7", "8"] * 20},
    )
    assert list(table.index) == ["patient", "cancer_type", "split", "age", "sex", "batch"]
    assert list(table["role"].fillna("")) == ["group", "label, strata", "", "", "", ""]
    assert list(table["type"][1:]) == [
        "two values",
        "not asked",
        "numbers",
        "two values",
        "carried",
    ]
    assert list(table["known"]) == [40, 40, 40, 39, 30, 40]
    assert list(table["contrasts"]) == [0, 2, 0, 1, 1, 0]
    assert table.loc["sex", "values"] == "male (20), female (10)"
    assert table.loc["age", "values"] == "0 to 38"
    lines = caveats(table.reset_index())
    assert (
        len(lines) == 1
        and "Nothing is asked of columns of the clinical" in lines[0]
        and "(1: batch)" in lines[0]
    )


STAGES = ["1.0", "III-A", "stage iii a", "Stage_III", "pStage III", "stage3", "Stage IIIA", "iv"]


def test_stages_are_read_in_all_usual_spellings(tmp_path):
    table = run(tmp_path, stage=STAGES * 5)
    assert table.loc["stage", "type"] == "ordered"
    assert pd.isna(table.loc["stage", "not_understood"])
    assert table.loc["stage", "contrasts"] == 1
    order = yaml.safe_load(Path(KNOWN).read_text(encoding="utf-8"))["ordered"]["stage"]
    assert list(ordered_as_numbers(pd.Series(STAGES), order)) == [1, 3, 3, 3, 3, 3, 3, 4]


def test_a_declared_column_of_which_nothing_is_asked_is_told(tmp_path):
    table = run(tmp_path, response=["CR", "PD", "CR", "n.d."] * 10)
    assert table.loc["response", "contrasts"] == 0
    assert caveats(table.reset_index())[-1].startswith(
        "Nothing is asked of response (CR (20), PD (10), n.d. (10)): only columns with two values"
    )


def test_gaps_in_labels_and_columns_that_are_mostly_missing_are_told(tmp_path):
    table = run(
        tmp_path, cancer_type=["A", "B", None, "A"] * 10, sex=["male", "female"] + [None] * 38
    )
    assert caveats(table.reset_index()) == [
        "cancer_type: known of 30 of 40 samples only.",
        "sex: known of 2 of 40 samples only.",
    ]


def test_contrasts_count_for_the_column_that_they_ask_for(tmp_path):
    declared = {"any": {"covariate": "sample_type", "positive": ["Metastatic"]}}
    types = ["Primary Tumor", "Solid Tissue Normal", "Metastatic", "Primary Tumor"] * 10
    # any; metastatic; normal, and normal within the one label that has ten of them
    assert run(tmp_path, declared, sample_type=types).loc["sample_type", "contrasts"] == 4


def test_stages_that_are_not_understood_are_told(tmp_path):
    table = run(tmp_path, stage=["Stage I", "Stage II", "Stage X", "I/II NOS"] * 10)
    assert table.loc["stage", "not_understood"] == "20: I/II NOS, Stage X"
    assert table.loc["stage", "known"] == 20
    assert caveats(table.reset_index()) == [
        "stage: 20 values are not understood and count as missing (I/II NOS, Stage X)."
    ]


def test_a_column_of_which_nothing_is_understood_is_refused(tmp_path):
    table = pd.DataFrame({"stage": ["early", "late", None]})
    with pytest.raises(InputError, match=r"clinical.columns.stage: none of its 2 .*early, late"):
        check_ordered(table, read_known_columns(KNOWN))
    check_ordered(table, read_known_columns([]))
    check_ordered(table.iloc[2:], read_known_columns(KNOWN))
    assert run(tmp_path, known=False, stage=["early", "late"] * 20).loc["stage", "contrasts"] == 1


def test_a_contrast_without_a_positive_sample_is_refused(tmp_path):
    declared = {"old": {"covariate": "cancer_type", "positive": ["a"]}}
    with pytest.raises(InputError, match=r"no sample has cancer_type 'a'.*allowed: A, B"):
        run(tmp_path, declared)
    declared = {"both": {"covariate": "cancer_type", "positive": ["A", "C"]}}
    with pytest.raises(InputError, match=r"contrasts.both: no sample has cancer_type 'C'"):
        run(tmp_path, declared)


def test_a_table_of_other_samples_is_refused_and_of_few_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none of its 40 samples \(S00.*upper and lower case"):
        run(tmp_path, events=[name.upper() for name in SAMPLES])
    table = run(tmp_path, events=SAMPLES[:10])
    assert table.loc["driver", "known"] == 10
    assert caveats(table.reset_index()) == ["driver: known of 10 of 40 samples only."]
