"""Mutation table and burden against plain pandas."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tybalt.data.tables.events import read_events
from tybalt.data.tables.mutations import tabulate_mutations
from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError

REPOSITORY = Path(__file__).parents[2]
EFFECTS = yaml.safe_load((REPOSITORY / "resources/sources.yaml").read_text())["pancan-2016"][
    "tables"
]["mutations"]["effects"]

SMALL = """\
#sample\tchr\tstart\tgene\teffect\tcohort
TCGA-ZZ-0002-01A\tchr1\t1\tTP53\tMissense_Mutation\tX
TCGA-ZZ-0002-01A\tchr1\t9\tTP53\tNonsense_Mutation\tX
TCGA-ZZ-0001-01\tchr1\t1\tKRAS\tSilent\tX
TCGA-ZZ-0001-01\tchr2\t1\tABC1\tRNA\tX
TCGA-ZZ-0003-01\tchr2\t1\tABC1\tIntron\tX
TCGA-ZZ-0002-01B\tchr2\t1\t\tSplice_Site\tX
TCGA-ZZ-0001-01\tchr2\t1\tABC1\t\tX
"""


@pytest.fixture
def tabulate(tmp_path):
    def run(table, barcodes="tcga", effects=EFFECTS):
        if isinstance(table, str):
            path = tmp_path / "mutations.tsv"
            path.write_text(table)
        else:
            path = table
        matrix, burden = tmp_path / "mutations.h5ad", tmp_path / "burden.tsv"
        tabulate_mutations(str(path), effects, barcodes, str(matrix), str(burden))
        return read_events(str(matrix)), read_table(str(burden), index="sample")

    return run


AS_WRITTEN = {
    "a byte-order mark": "\ufeff" + SMALL,
    "quotes": "\n".join(
        "\t".join(f'"{cell}"' for cell in line.split("\t")) for line in SMALL.splitlines()
    ),
    "a version before it, as MAF files have": "#version 2.4\n" + SMALL.removeprefix("#"),
    "blanks": SMALL.replace("TP53", " TP53 "),
    "old Macintosh": SMALL.replace("\n", "\r"),
}


@pytest.mark.parametrize("text", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_tables_as_other_programs_write_them_read_alike(tabulate, text):
    events, burden = tabulate(text)
    expected, known = tabulate(SMALL)
    assert (events.genes, events.samples) == (expected.genes, expected.samples)
    np.testing.assert_array_equal(events.X.toarray(), expected.X.toarray())
    pd.testing.assert_frame_equal(burden, known)


def test_small_table_by_hand(tabulate):
    events, burden = tabulate(SMALL)
    assert events.samples == ["TCGA-ZZ-0001-01", "TCGA-ZZ-0002-01"]
    assert events.genes == ["ABC1", "TP53"]
    np.testing.assert_array_equal(events.X.toarray(), [[1, 0], [0, 1]])
    assert events.X.dtype == np.uint8
    assert list(burden.index) == events.samples
    assert list(burden["n_mutations"]) == [1, 3]  # the one without gene counts as well
    np.testing.assert_array_equal(burden["log10_mutations"], np.log10([1, 3]))


def test_very_many_mutations_in_one_gene_are_one_event(tabulate):
    row = "TCGA-ZZ-0001-01\tchr1\t1\tTTN\tMissense_Mutation\tX\n"
    events, burden = tabulate(SMALL.splitlines()[0] + "\n" + row * 512)
    np.testing.assert_array_equal(events.X.toarray(), [[1]])
    assert list(burden["n_mutations"]) == [512]


def test_ids_of_other_studies_are_left_alone(tabulate):
    events, _ = tabulate(SMALL, barcodes="none")
    assert events.samples == ["TCGA-ZZ-0001-01", "TCGA-ZZ-0002-01A"]


def test_gzip_windows_line_ends_and_no_last_line_end(tabulate, tmp_path):
    path = tmp_path / "m.tsv.gz"
    path.write_bytes(gzip.compress(SMALL.strip().replace("\n", "\r\n").encode()))
    expected, _ = tabulate(SMALL)
    events, _ = tabulate(path)
    np.testing.assert_array_equal(events.X.toarray(), expected.X.toarray())


def test_same_input_same_bytes(tabulate, tmp_path):
    tabulate(SMALL)
    first = (tmp_path / "mutations.h5ad").read_bytes()
    tabulate(SMALL)
    assert (tmp_path / "mutations.h5ad").read_bytes() == first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\teffect\t", "\tefect\t", "line 1: found no column 'effect'.*did you mean 'efect'"),
        ("#sample", "id", "line 1: found no column 'sample'"),
        ("KRAS\tSilent", "KRAS", "line 4: found 5 fields, expected 6"),
        ("KRAS\tSilent", "KRAS\tSilent\tx", "line 4: found 7 fields, expected 6"),
        ("TCGA-ZZ-0003-01", "", "line 6: found no sample id"),
    ],
)
def test_bad_table(tabulate, old, new, message):
    with pytest.raises(InputError, match=message):
        tabulate(SMALL.replace(old, new, 1))


def test_effects_of_another_vocabulary(tabulate):
    with pytest.raises(InputError, match="its effects are Missense_Mutation.*expected some of mis"):
        tabulate(SMALL, effects=["missense_variant"])


# --- real mutations ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tcga():
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        pytest.skip("TYBALT_REAL_DATA is not set")
    return Path(folder) / "tcga"


def test_real_table_equals_pandas(tabulate, tcga):
    path = tcga / "PANCAN_mutation_subset.tsv.gz"
    events, burden = tabulate(path)
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    kept = table[table["effect"].isin(EFFECTS)]
    expected = pd.crosstab(kept["#sample"], kept["gene"]).clip(upper=1)
    assert events.samples == list(expected.index)
    assert events.genes == list(expected.columns)
    np.testing.assert_array_equal(events.X.toarray(), expected.to_numpy())
    per_sample = kept["#sample"].value_counts().sort_index()
    assert list(burden["n_mutations"]) == list(per_sample)
    np.testing.assert_array_equal(burden["log10_mutations"], np.log10(per_sample))


def test_real_burden_agrees_with_the_published_one(tabulate, tcga):
    """Published: data/pancan_mutation_burden.tsv of greenelab/tybalt, column log10_mut.

    The callers differ (MC3 and Firehose here): for 895 samples in both, r = 0.896 and the median
    difference -0.18 were found when the subset was made.
    """
    _, burden = tabulate(tcga / "PANCAN_mutation_subset.tsv.gz")
    published = pd.read_csv(tcga / "clinical_all.tsv", sep="\t", index_col="sample_id")["log10_mut"]
    both = pd.concat([burden["log10_mutations"], published], axis=1, join="inner").dropna()
    assert both.corr().iloc[0, 1] == pytest.approx(0.896, abs=0.002)
    difference = (both["log10_mut"] - both["log10_mutations"]).median()
    assert abs(difference) == pytest.approx(0.18, abs=0.01)
