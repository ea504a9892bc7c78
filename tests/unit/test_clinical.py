import gzip
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
    with pytest.raises(InputError, match="TCGA-AA-0001-77.*'77'"):
        sample_type_from_barcode("TCGA-AA-0001-77")


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
    obs = describe_samples(SAMPLES, clinical, columns, "tcga").table
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
    obs = describe_samples(SAMPLES, clinical, columns, "tcga").table
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
    obs = describe_samples(["s1", "s2", "s3"], clinical, columns, "none").table
    assert list(obs["patient"]) == ["p1", "p1", "s3"]
    assert list(obs["sample_type"].fillna("")) == ["tumour", "normal", ""]
    assert list(obs["stage"].fillna("")) == ["1", "2", ""]  # text, though it looks like numbers
    by_patient = describe_samples(["p1"], clinical, {"patient": "p"}, "none").table
    assert list(by_patient["patient"]) == ["p1"]


def test_values_that_are_not_understood_are_missing_and_told(tmp_path):
    clinical = write(
        tmp_path,
        ("s", "sex", "age", "race"),
        ("a", "Male ", "50.5", "white"),
        ("b", "not reported", "old", "Not Reported"),
        ("c", "1", "", "--"),
        ("d", "F", "50", ""),
    )
    columns = {"sample": "s", "sex": "sex", "age": "age", "race": "race"}
    obs, *_, caveats = describe_samples(list("abcd"), clinical, columns, "none")
    assert list(obs["sex"].fillna("")) == ["male", "", "", "female"]
    assert list(obs["age"].fillna(-1)) == [50.5, -1, -1, 50]
    assert list(obs["race"].fillna("")) == ["white", "", "", ""]
    assert [line.partition("clinical.tsv, ")[2] for line in caveats] == [
        "column sex: 1 values are not understood (expected female or male (f, m)) and count as "
        "missing: 1.",
        "column age: 1 values are not understood (expected a number of years) and count as "
        "missing: old.",
    ]


def test_of_several_rows_every_column_has_its_first_known_value(tmp_path):
    clinical = write(
        tmp_path,
        ("s", "sex", "age"),
        ("a", "male", "50"),
        ("a", "male", "50"),
        ("b", "", "60"),
        ("b", "female", "61"),
        ("c", "NA", ""),
        ("x", "male", "1"),
        ("x", "female", "1"),
    )
    columns = {"sample": "s", "sex": "sex", "age": "age"}
    obs, *_, caveats = describe_samples(["a", "b", "c"], clinical, columns, "none")
    assert list(obs["sex"].fillna("")) == ["male", "female", ""]
    assert list(obs["age"].fillna(-1)) == [50, 60, -1]
    assert len(caveats) == 1  # none of x, which is no sample
    assert "several rows of one sample contradict each other for 1 of them" in caveats[0]
    assert "age of b (b: 60.0, 61.0)" in caveats[0]


AGES = {
    "years": (["50", "61.5", ""], [50, 61.5, None], []),
    "ranges": (["60-69", "70-79", "41"], [64.5, 74.5, 41], ["2 ages are ranges"]),
    "bounds": (["90+", ">89", "41"], [90, 89, 41], ["2 ages are bounds"]),
    "days since birth": (["-29950", "-12784", ""], [82.0, 35.0, None], ["taken for days"]),
    "days of age": (["29950", "12784", ""], [82.0, 35.0, None], ["taken for days"]),
}


@pytest.mark.parametrize(("words", "years", "told"), AGES.values(), ids=AGES)
def test_ages_are_years(tmp_path, words, years, told):
    clinical = write(tmp_path, ("s", "age"), *zip("abc", words, strict=True))
    columns = {"sample": "s", "age": "age"}
    obs, *_, caveats = describe_samples(list("abc"), clinical, columns, "none")
    assert [round(age, 1) if age == age else None for age in obs["age"]] == years
    assert len(caveats) == len(told) and all(a in b for a, b in zip(told, caveats, strict=True))


def test_years_among_days_are_refused(tmp_path):
    clinical = write(tmp_path, ("s", "age"), ("a", "50"), ("b", "-1"), ("c", "20000"))
    with pytest.raises(InputError, match=r"column age: found 2 of 3 ages outside.*\(-1, 20000\)"):
        describe_samples(list("abc"), clinical, {"sample": "s", "age": "age"}, "none")


SEXES = ["M", "F", "man", "Woman", "XY", "xx", "MALE", "female"]


def test_sexes_are_read_in_all_usual_words(tmp_path):
    clinical = write(tmp_path, ("s", "sex"), *((f"s{i}", sex) for i, sex in enumerate(SEXES)))
    samples = [f"s{i}" for i in range(len(SEXES))]
    obs = describe_samples(samples, clinical, {"sample": "s", "sex": "sex"}, "none").table
    assert list(obs["sex"]) == ["male", "female"] * 4


def test_a_column_of_which_nothing_is_understood_is_refused(tmp_path):
    clinical = write(tmp_path, ("s", "g"), ("a", "1"), ("b", "2"))
    with pytest.raises(InputError, match=r"column g: none of its 2 values is understood \(1, 2\)"):
        describe_samples(["a", "b"], clinical, {"sample": "s", "sex": "g"}, "none")


def test_an_odd_word_among_numbers_is_missing_and_told(tmp_path):
    rows = [(f"s{i}", f"0.{i}", "x" if i % 2 else "1") for i in range(1, 10)]
    clinical = write(tmp_path, ("s", "purity", "batch"), *rows, ("s0", "[Discrepancy]", "2"))
    columns = {"sample": "s", "purity": "purity", "batch": "batch"}
    samples = [f"s{i}" for i in range(10)]
    obs, *_, caveats = describe_samples(samples, clinical, columns, "none")
    assert obs["purity"].dtype == "float64" and obs["purity"].isna().sum() == 1
    assert obs["batch"].dtype == object
    assert len(caveats) == 1 and "column purity: 1 values" in caveats[0]
    assert "[Discrepancy]" in caveats[0]


def test_quotes_never_swallow_rows(tmp_path):
    rows = [(f"s{i}", "-", f"stage {i}") for i in range(40)]
    rows[10] = ("s10", '"large lesion', "stage 10")
    rows[30] = ("s30", '"see chart', "stage 30")
    rows[35] = ('"s35"', '"a ""b"""', '"stage 35"')
    clinical = write(tmp_path, ("s", "note", "stage"), *rows)
    columns = {"sample": "s", "note": "note", "stage": "stage"}
    samples = [f"s{i}" for i in range(40)]
    obs, *_, caveats = describe_samples(samples, clinical, columns, "none")
    assert list(obs["stage"]) == [f"stage {i}" for i in range(40)] and not caveats
    assert obs.loc["s10", "note"] == '"large lesion' and obs.loc["s35", "note"] == 'a "b"'


CHANGED_IDS = {
    "R's X": ("1A 2A 3A", "X1A X2A X3A", "an X before a digit"),
    "dots": ("a-1 a-2 a-3", "a.1 a.2 a.3", "dots in the place of dashes"),
    "case": ("s1 s2 s3", "S1 S2 S3", "upper and lower case"),
    "zeros": ("0001 0002 0003", "1 2 3", "zeros at the start"),
    "floats": ("1 2 3", "1.0 2.0 3.0", "a .0 at the end"),
    "Latin-1": ("\u00fc1 \u00fc2", "\u00c3\u00bc1 \u00c3\u00bc2", "the encoding"),
    "invisible": ("a\u200b1 a\u200b2", "a1 a2", "blanks or invisible"),
}


@pytest.mark.parametrize(("table", "matrix", "what"), CHANGED_IDS.values(), ids=CHANGED_IDS)
def test_ids_that_a_program_has_changed_are_explained(tmp_path, table, matrix, what):
    clinical = write(tmp_path, ("s",), ("common",), *((name,) for name in table.split()))
    samples = ["common", *matrix.split()]
    *_, caveats = describe_samples(samples, clinical, {"sample": "s"}, "none")
    assert len(caveats) == 1 and f"differ only in {what}" in caveats[0]
    with pytest.raises(InputError, match=f"differ only in {what}"):
        describe_samples(samples, clinical, {"sample": "s"}, "none", 0.9)


WRONG_AGES = {
    "years of birth": ["1961", "1975", "1988"],
    "months": ["600", "720", "960"],
    "hours": ["438000", "520000", "700000"],
    "dates": ["19610101", "19750304", "19881231"],
    "a code for unknown": ["50", "61", "999"],
}


@pytest.mark.parametrize("words", WRONG_AGES.values(), ids=WRONG_AGES)
def test_other_numbers_are_no_ages(tmp_path, words):
    clinical = write(tmp_path, ("s", "age"), *zip("abc", words, strict=True))
    with pytest.raises(InputError, match="column age: found .* ages outside of 0 to 130"):
        describe_samples(list("abc"), clinical, {"sample": "s", "age": "age"}, "none")


def test_sexes_in_another_language_are_refused(tmp_path):
    """Spanish M is mujer, a woman: half a table understood is worse than none."""
    clinical = write(tmp_path, ("s", "sex"), ("a", "M"), ("b", "H"), ("c", "M"))
    with pytest.raises(InputError, match="only those for male are understood, and 1 are not"):
        describe_samples(list("abc"), clinical, {"sample": "s", "sex": "sex"}, "none")


def test_rows_of_other_samples_are_nobodys_loss(tmp_path):
    clinical = write(
        tmp_path, ("s", "age", "n"), ("a", "50", "1"), ("b", "61", "2"), ("x", "-1", "odd")
    )
    columns = {"sample": "s", "age": "age", "n": "n"}
    obs, *_, caveats = describe_samples(["a", "b"], clinical, columns, "none")
    assert not caveats and list(obs["n"]) == [1, 2]


@pytest.mark.parametrize("codes", ["001 002 010", "1_1 11 12", "1 2 9007199254740993"])
def test_codes_are_no_numbers(tmp_path, codes):
    clinical = write(tmp_path, ("s", "code"), *zip("abc", codes.split(), strict=True))
    obs = describe_samples(list("abc"), clinical, {"sample": "s", "code": "code"}, "none").table
    assert list(obs["code"]) == codes.split()


def test_codes_for_missing_numbers_are_told(tmp_path):
    rows = [(f"s{i}", str(i / 10), str(i)) for i in range(20)]
    rows[3] = ("s3", "-999", "3")
    clinical = write(tmp_path, ("s", "psa", "n"), *rows)
    columns = {"sample": "s", "psa": "psa", "n": "n"}
    *_, caveats = describe_samples([f"s{i}" for i in range(20)], clinical, columns, "none")
    assert len(caveats) == 1
    assert "column psa: 1 values are -999, far from all others (0 to 1.9)" in caveats[0]


def test_spellings_that_make_classes_of_their_own_are_told(tmp_path):
    words = ["Brca", "BRCA", "x  y", "x y", "caf\u00e9", "cafe\u0301"]
    clinical = write(tmp_path, ("s", "type"), *zip("abcdef", words, strict=True))
    *_, caveats = describe_samples(
        list("abcdef"), clinical, {"sample": "s", "type": "type"}, "none"
    )
    assert len(caveats) == 1 and "'BRCA' and 'Brca'" in caveats[0]
    assert "'x  y' and 'x y'" in caveats[0]


def test_a_row_without_a_patient_is_refused(tmp_path):
    """As merged cells of a spreadsheet leave it: the split would part a patient's samples."""
    clinical = write(tmp_path, ("s", "p"), ("a", "P1"), ("b", ""), ("c", "P2"))
    columns = {"sample": "s", "patient": "p"}
    with pytest.raises(InputError, match=r"column p: 1 samples have no patient \(b\)"):
        describe_samples(list("abc"), clinical, columns, "none")
    obs = describe_samples(["a", "z"], clinical, columns, "none").table
    assert list(obs["patient"]) == ["P1", "z"]


def test_headers_of_cbioportal_are_comments(tmp_path):
    rows = [("#Sample", "Sex"), ("#Id of it", "Its sex"), ("#STRING", "STRING"), ("#1", "1")]
    clinical = write(tmp_path, *rows, ("SAMPLE_ID", "SEX"), ("a", "Male"), ("b", "Female"))
    columns = {"sample": "SAMPLE_ID", "sex": "SEX"}
    assert list(describe_samples(["b", "a"], clinical, columns, "none").table["sex"]) == [
        "female",
        "male",
    ]


def test_no_carried_column_is_lost(tmp_path):
    clinical = write(tmp_path, ("s", "n", "n", ""), ("a", "1", "2", "3"))
    carried = describe_samples(["a"], clinical, {"sample": "s"}, "none", carry=True).carried
    assert carried.iloc[0].to_dict() == {"carried:n": "1", "carried:n.1": "2", "carried:4": "3"}


def test_columns_that_are_not_named_are_carried_along(tmp_path):
    clinical = write(
        tmp_path, ("s", "split", "n/m", "sex"), ("a", "x", "1", "M"), ("b", "NA", "2", "F")
    )
    columns = {"sample": "s", "sex": "sex"}
    table, carried, *_ = describe_samples(["b", "a"], clinical, columns, "none", carry=True)
    assert list(table) == ["patient", "sex"]
    assert carried.fillna("").to_dict("list") == {
        "carried:split": ["", "x"],
        "carried:n/m": ["2", "1"],
    }


def test_types_of_rows_outside_of_the_matrix_never_end_a_run(tmp_path):
    clinical = write(tmp_path, ("s", "sex"), (TUMOUR, "male"), ("TCGA-ZZ-0001-GK", "male"))
    obs = describe_samples([TUMOUR], clinical, {"sample": "s", "sex": "sex"}, "tcga").table
    assert list(obs["sample_type"]) == ["Primary Tumor"]
    for code, name in {
        "10": "Blood Derived Normal",
        "09": "Bone Marrow",
        "04": "Recurrent",
    }.items():
        assert name in sample_type_from_barcode(f"TCGA-AA-0001-{code}")


def test_a_column_that_stands_twice_is_refused(tmp_path):
    clinical = write(tmp_path, ("s", "sex", "sex"), ("a", "M", "F"))
    with pytest.raises(InputError, match="found the column 'sex' .columns.sex. 2 times"):
        describe_samples(["a"], clinical, {"sample": "s", "sex": "sex"}, "none")


def test_exchanged_genes_and_samples_are_told(tmp_path):
    clinical = write(tmp_path, ("s",), ("a",), ("b",))
    names = [("matrix.tsv", iter(["a", "b", "c"]))]
    with pytest.raises(InputError, match=r"matrix.tsv: found samples \(a, b\).*transpose"):
        describe_samples(["TP53"], clinical, {"sample": "s"}, "none", row_names=lambda: names)


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
    obs = describe_samples(list(expected.index), recount, columns, "tcga").table
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
    assert len(describe_samples(samples, str(clinical), columns, "none", 0.4).table) == 5
    with pytest.raises(InputError, match="2 of 5 samples .*not: C, D, E.* at least 50%"):
        describe_samples(samples, str(clinical), columns, "none", 0.5)
