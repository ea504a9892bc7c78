"""The clinical table, and codes joined with it."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tybalt.data.tables.clinical_table import join_clinical, tabulate_clinical
from tybalt.plan.errors import InputError

REPOSITORY = Path(__file__).parents[2]
#: Of the columns below, what holds for one sample only.
SAMPLE_LEVEL = ["sample", "sample_type", "platform"]

COLUMNS = {
    "sample": "portion",
    "patient": "case",
    "cancer_type": "project",
    "sample_type": "type",
    "sex": "gender",
    "platform": "machine",
}
RAW = """\
case\tportion\tproject\ttype\tgender\tmachine
TCGA-ZZ-0001\tTCGA-ZZ-0001-01A-11\tTCGA-BRCA\tSolid Tissue Normal\tfemale\tGA
TCGA-ZZ-0001\tTCGA-ZZ-0001-11A-11\tTCGA-BRCA\tSolid Tissue Normal\tfemale\tHiSeq
TCGA-ZZ-0001\tTCGA-ZZ-0001-01A-12\tTCGA-BRCA\tPrimary Tumor\tfemale\tHiSeq
TCGA-ZZ-0002\t\tTCGA-SKCM\tMetastatic\tMALE\tHiSeq
"""


def tabulate(folder, barcodes="tcga", columns=COLUMNS):
    (folder / "raw.tsv").write_text(RAW)
    path = str(folder / "clinical.tsv")
    tabulate_clinical(str(folder / "raw.tsv"), columns, barcodes, {}, path)
    return pd.read_csv(path, sep="\t")


def join(folder, samples, barcodes="tcga", minimum_overlap=0.5):
    encoding = folder / "encoding.tsv.gz"
    pd.DataFrame({"sample": samples, "z1": range(len(samples))}).to_csv(
        encoding, sep="\t", index=False
    )
    path = str(folder / "joined.tsv")
    join_clinical(
        str(encoding), str(folder / "clinical.tsv"), barcodes, SAMPLE_LEVEL, minimum_overlap, path
    )
    return pd.read_csv(path, sep="\t", index_col="sample")


def test_sample_type_is_that_of_the_barcode(tmp_path):
    table = tabulate(tmp_path)
    assert list(table["sample"][:3]) == ["TCGA-ZZ-0001-01", "TCGA-ZZ-0001-11", "TCGA-ZZ-0001-01"]
    types = ["Primary Tumor", "Solid Tissue Normal", "Primary Tumor"]
    assert list(table["sample_type"][:3]) == types
    assert table["sample_type"].isna()[3]  # no barcode, no claim
    assert list(table["cancer_type"]) == ["BRCA"] * 3 + ["SKCM"]
    assert list(table["sex"]) == ["female"] * 3 + ["male"]


def test_rows_that_make_no_sense_end_no_run(tmp_path):
    """They may be of samples that the matrix has not; of the others they were refused before."""
    columns = {"sample": "s", "age": "age", "sex": "sex"}
    (tmp_path / "t.tsv").write_text("s\tage\tsex\na\t50\t1\nx\t-1\t2\n")
    out = tmp_path / "clinical.tsv"
    tabulate_clinical(str(tmp_path / "t.tsv"), columns, "none", {"group": "patient"}, str(out))
    assert out.read_text() == "sample\tage\tsex\na\t50\t1\nx\t-1\t2\n"


def test_own_table_is_taken_at_its_word(tmp_path):
    table = tabulate(tmp_path, barcodes="none")
    assert table["sample"][0] == "TCGA-ZZ-0001-01A-11"
    assert table["sample_type"][0] == "Solid Tissue Normal"


def test_join(tmp_path):
    tabulate(tmp_path)
    samples = ["TCGA-ZZ-0001-11", "TCGA-ZZ-0001-01", "TCGA-ZZ-0002-06", "TCGA-ZZ-0009-01"]
    joined = join(tmp_path, samples)
    assert list(joined.index) == samples[:3]  # the last has no clinical data
    assert list(joined["z1"]) == [0, 1, 2]
    assert list(joined["platform"][:2]) == ["HiSeq", "GA"]  # first of two rows
    types = ["Solid Tissue Normal", "Primary Tumor", "Metastatic"]
    assert list(joined["sample_type"]) == types
    of_patient = joined.loc["TCGA-ZZ-0002-06"]
    assert (of_patient["sex"], of_patient["cancer_type"]) == ("male", "SKCM")
    assert pd.isna(of_patient["platform"])  # that of another sample


def test_too_few_samples_with_clinical_data(tmp_path):
    tabulate(tmp_path)
    samples = ["TCGA-ZZ-0001-11", "TCGA-ZZ-0007-01", "TCGA-ZZ-0008-01", "TCGA-ZZ-0009-01"]
    with pytest.raises(InputError, match=r"found 1 \(25.0%\).*at least 50%"):
        join(tmp_path, samples)


def test_missing_column(tmp_path):
    with pytest.raises(InputError, match="found no column 'kind'"):
        tabulate(tmp_path, columns=COLUMNS | {"stage": "kind"})


def test_real_table_gives_the_published_number_of_samples(tmp_path):
    """Published: tybalt_features_with_clinical.tsv has 10,375 samples and 117 columns."""
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        pytest.skip("TYBALT_REAL_DATA is not set")
    tcga = Path(folder) / "tcga"
    catalogue = yaml.safe_load((REPOSITORY / "resources/sources.yaml").read_text())
    columns = catalogue["pancan-2016"]["tables"]["clinical"]["columns"]
    clinical = str(tmp_path / "clinical.tsv")
    tabulate_clinical(str(tcga / "samples_snaptron17.tsv.gz"), columns, "tcga", {}, clinical)
    raw = pd.read_csv(tcga / "samples_snaptron17.tsv.gz", sep="\t", dtype=str)
    ours = pd.read_csv(clinical, sep="\t", dtype=str)
    assert len(ours) == len(raw) == 11_284
    named = ours["sample"].notna()
    assert (ours["sample_type"] == raw["gdc_cases.samples.sample_type"])[named].all()
    for name in ("cancer_type", "organ", "sex"):
        plain = raw[columns[name]].str.removeprefix("TCGA-").value_counts().sort_index()
        pd.testing.assert_series_equal(
            ours[name].value_counts().sort_index(), plain, check_names=False
        )

    published = pd.read_csv(tcga / "clinical_all.tsv", sep="\t", index_col="sample_id")
    joined = join(tmp_path, list(published.index))
    assert joined.shape == (10_375, 1 + 17)  # with 100 features: 117
    both = published.loc[joined.index]
    assert (joined["sample_type"] == both["sample_type"]).all()
    assert (joined["cancer_type"] == both["acronym"]).all()
    known = joined["sex"].notna() & both["gender"].notna()
    assert (joined["sex"] == both["gender"])[known].all()
