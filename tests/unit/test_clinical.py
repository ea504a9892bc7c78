import gzip
import logging
import os
from pathlib import Path

import pandas as pd
import pytest

from tybalt.data.tables.clinical import describe_samples, read_sample_ids, sample_type_from_barcode
from tybalt.plan.errors import InputError

TUMOUR, NORMAL, OTHER = "TCGA-AA-0001-01", "TCGA-AA-0001-11", "TCGA-BB-0002-06"
SAMPLES = [TUMOUR, NORMAL, OTHER]


def write(tmp_path, *rows):
    path = tmp_path / "clinical.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return str(path)


def test_barcodes_are_cut_to_fifteen_characters():
    header = ["TCGA-AA-0001-01A-11R", OTHER]
    assert read_sample_ids(header, "tcga", "x") == [TUMOUR, OTHER]
    assert read_sample_ids(header, "none", "x") == header


@pytest.mark.parametrize(
    ("header", "barcodes", "message"),
    [
        (["a", "b", "a"], "none", r"x, line 1: found 1 doubled sample ids \(a\)"),
        ([TUMOUR + "A", TUMOUR + "B"], "tcga", f"doubled sample ids after cutting.*{TUMOUR}"),
        (["TCGA-AA-0001"], "tcga", "'TCGA-AA-0001', expected a TCGA barcode.*barcodes: none"),
        (["a"], "tgca", "did you mean 'tcga'"),
    ],
)
def test_bad_headers_are_refused(header, barcodes, message):
    with pytest.raises(InputError, match=message):
        read_sample_ids(header, barcodes, "x")


def test_the_sample_type_is_that_of_the_barcode():
    assert sample_type_from_barcode(NORMAL) == "Solid Tissue Normal"
    with pytest.raises(InputError, match="TCGA-AA-0001-99.*'99'"):
        sample_type_from_barcode("TCGA-AA-0001-99")


def test_a_normal_joined_by_patient_keeps_its_own_sample_type(tmp_path):
    clinical = write(
        tmp_path,
        ("id", "project", "type", "gender", "years"),
        ("TCGA-AA-0001", "TCGA-BRCA", "Primary Tumor", "FEMALE", "61"),
    )
    columns = {
        "patient": "id",
        "cancer_type": "project",
        "sample_type": "type",
        "sex": "gender",
        "age": "years",
    }
    obs = describe_samples(SAMPLES, clinical, columns, "tcga")
    assert list(obs.index) == SAMPLES
    assert list(obs["patient"]) == ["TCGA-AA-0001", "TCGA-AA-0001", "TCGA-BB-0002"]
    assert list(obs["sample_type"]) == ["Primary Tumor", "Solid Tissue Normal", "Metastatic"]
    assert list(obs["cancer_type"].fillna("")) == ["BRCA", "BRCA", ""]
    assert list(obs["sex"].fillna("")) == ["female", "female", ""]
    assert list(obs["age"].fillna(-1)) == [61.0, 61.0, -1.0]


def test_the_join_is_by_sample_where_the_table_has_samples(tmp_path):
    clinical = write(
        tmp_path,
        ("sample", "purity"),
        (TUMOUR + "A", "0.7"),
        (NORMAL, "[Not Available]"),
    )
    columns = {"sample": "sample", "purity": "purity"}
    obs = describe_samples(SAMPLES, clinical, columns, "tcga")
    assert list(obs.columns) == ["patient", "sample_type", "purity"]
    assert list(obs["purity"].fillna(-1)) == [0.7, -1, -1]


def test_other_ids_take_patient_and_sample_type_from_the_table(tmp_path):
    clinical = write(
        tmp_path,
        ("s", "p", "tissue", "stage"),
        ("s1", "p1", "tumour", "1"),
        ("s2", "p1", "normal", "2"),
    )
    columns = {"sample": "s", "patient": "p", "sample_type": "tissue", "stage": "stage"}
    obs = describe_samples(["s1", "s2", "s3"], clinical, columns, "none")
    assert list(obs["patient"]) == ["p1", "p1", "s3"]
    assert list(obs["sample_type"].fillna("")) == ["tumour", "normal", ""]
    assert list(obs["stage"].fillna("")) == ["1", "2", ""]  # text, though it looks like numbers
    by_patient = describe_samples(["p1"], clinical, {"patient": "p"}, "none")
    assert list(by_patient["patient"]) == ["p1"]


def test_values_that_are_not_understood_are_missing_and_logged(tmp_path, caplog):
    clinical = write(
        tmp_path,
        ("s", "sex", "age", "race"),
        ("a", "Male ", "50.5", "white"),
        ("b", "not reported", ">89", "Not Reported"),
        ("c", "woman", "", "--"),
    )
    columns = {"sample": "s", "sex": "sex", "age": "age", "race": "race"}
    with caplog.at_level(logging.INFO):
        obs = describe_samples(["a", "b", "c"], clinical, columns, "none")
    assert list(obs["sex"].fillna("")) == ["male", "", ""]
    assert list(obs["age"].fillna(-1)) == [50.5, -1, -1]
    assert list(obs["race"].fillna("")) == ["white", "", ""]
    assert "1 values of sex are not understood and count as missing: woman" in caplog.text
    assert "1 values of age are not understood and count as missing: >89" in caplog.text


def test_identical_rows_are_one_and_of_others_the_first_stays(tmp_path, caplog):
    rows = [("s", "sex"), ("a", "male"), ("a", "male"), ("b", "male"), ("b", "female")]
    clinical = write(tmp_path, *rows)
    with caplog.at_level(logging.INFO):
        obs = describe_samples(["a", "b"], clinical, {"sample": "s", "sex": "sex"}, "none")
    assert list(obs["sex"]) == ["male", "male"]
    assert "1 further rows for the same sample differ from the first" in caplog.text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sample": "s", "sex": "gendr"}, "no column 'gendr' .columns.sex.; did you mean 'gender'"),
        ({"sex": "gender"}, "neither 'sample' nor 'patient'"),
        ({"sample": "gender"}, r"no id of its column 'gender' \(male\).*\(a, b\)"),
    ],
)
def test_bad_tables_are_refused(tmp_path, columns, message):
    clinical = write(tmp_path, ("s", "gender"), ("x1", "male"))
    with pytest.raises(InputError, match=message):
        describe_samples(["a", "b"], clinical, columns, "none")


def test_files_that_are_no_tables_are_refused(tmp_path):
    ragged = write(tmp_path, ("s", "sex"), ("a", "male"), ("b", "male", "more"))
    with pytest.raises(InputError, match="line 3"):
        describe_samples(["a"], ragged, {"sample": "s"}, "none")
    cut = tmp_path / "clinical.tsv.gz"
    cut.write_bytes(gzip.compress(b"s\tsex\na\tmale\n" * 100)[:-5])
    with pytest.raises(InputError, match="truncated"):
        describe_samples(["a"], str(cut), {"sample": "s"}, "none")


@pytest.mark.skipif("TYBALT_REAL_DATA" not in os.environ, reason="TYBALT_REAL_DATA is not set")
def test_the_recount_table_joins_by_patient():
    folder = Path(os.environ["TYBALT_REAL_DATA"]) / "tcga"
    columns = {
        "patient": "gdc_cases.submitter_id",
        "cancer_type": "gdc_cases.project.project_id",
        "sex": "gdc_cases.demographic.gender",
        "age": "cgc_case_age_at_diagnosis",
        "sample_type": "gdc_cases.samples.sample_type",
    }
    expected = pd.read_csv(folder / "clinical_subset.tsv", sep="\t", index_col="sample_id")
    recount = str(folder / "samples_snaptron17.tsv.gz")
    obs = describe_samples(list(expected.index), recount, columns, "tcga")
    known = obs["cancer_type"].notna()
    assert known.mean() > 0.95
    assert (obs["cancer_type"] == expected["acronym"])[known].all()
    assert (obs["sample_type"] == expected["sample_type"]).all()
    assert (obs["sample_type"] == "Solid Tissue Normal").sum() == 13
    assert (obs["sex"] == expected["gender"])[obs["sex"].notna()].all()


def test_fewer_samples_in_common_than_asked_for_are_taken_for_a_mistake(tmp_path):
    clinical = tmp_path / "clinical.tsv"
    clinical.write_text("s\nA\nB\n")
    samples, columns = ["A", "B", "C", "D", "E"], {"sample": "s"}
    assert len(describe_samples(samples, str(clinical), columns, "none", 0.4)) == 5
    with pytest.raises(InputError, match="2 of 5 samples .*not: C, D, E.* at least 50%"):
        describe_samples(samples, str(clinical), columns, "none", 0.5)
