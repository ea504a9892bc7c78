"""The status matrix against the published rule, written plainly in pandas."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tybalt.data.tables.copy_number import call_copy_number
from tybalt.data.tables.events import make_events, read_events, write_events
from tybalt.data.tables.mutations import tabulate_mutations
from tybalt.data.tables.status import combine_status
from tybalt.plan.errors import InputError

REPOSITORY = Path(__file__).parents[2]
TYPES = """\
\thugoSymbol\toncogene\ttsg
0\tMYC\tTrue\tFalse
1\tTP53\tFalse\tTrue
2\tNOTCH1\tTrue\tTrue
3\tABSENT\tTrue\tFalse
4\tPLAIN\tFalse\tFalse
"""


def write(path, frame):
    samples, genes = np.nonzero(frame.to_numpy())
    write_events(make_events(samples, genes, list(frame.index), list(frame.columns)), str(path))
    return str(path)


def frame(rows, columns):
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


@pytest.fixture
def combine(tmp_path):
    genes = ["TP53", "MYC", "NOTCH1", "PLAIN"]
    tables = {
        "mutations": frame(
            {"s3": [1, 0, 0, 0], "s1": [0, 0, 1, 0], "s2": [0, 1, 0, 0], "m": [1, 1, 1, 1]},
            genes,
        ),
        "gain": frame(
            {"s1": [1, 1, 1], "s2": [1, 1, 0], "s3": [0, 0, 0]}, ["PLAIN", "MYC", "TP53"]
        ),
        "loss": frame({"s1": [1, 0], "s2": [1, 1], "s3": [0, 1]}, ["TP53", "NOTCH1"]),
    }

    def run(types=TYPES, minimum_overlap=0.5, **changed):
        paths = {name: write(tmp_path / name, t) for name, t in (tables | changed).items()}
        (tmp_path / "types.tsv").write_text(types)
        status = str(tmp_path / "status.h5ad")
        combine_status(
            **paths,
            genetypes=str(tmp_path / "types.tsv"),
            left_out=["NOTCH1", "NOTCH2"],
            minimum_overlap=minimum_overlap,
            status=status,
        )
        return read_events(status)

    return run


def test_small_tables_by_hand(combine):
    status = combine()
    assert status.samples == ["s1", "s2", "s3"]  # those in both
    assert status.genes == ["MYC", "NOTCH1", "PLAIN", "TP53"]
    np.testing.assert_array_equal(
        status.X.toarray(),
        [
            [
                1,
                1,
                0,
                1,
            ],  # MYC gained, NOTCH1 mutated, PLAIN's gain ignored, TP53 lost (not gained)
            [1, 0, 0, 1],  # MYC mutated and gained is still 1; NOTCH1's loss ignored; TP53 lost
            [0, 0, 0, 1],  # TP53 mutated
        ],
    )
    assert status.X.dtype == np.uint8


def test_tables_of_other_names_of_genes_are_refused(combine):
    with pytest.raises(InputError, match="no change of copy number would count"):
        combine(TYPES.replace("MYC", "4609").replace("TP53", "7157").replace("NOTCH1", "4851"))


def test_too_few_samples_in_common(combine):
    with pytest.raises(InputError, match=r"found 3 \(75.0%\).*at least 90%.*minimum_overlap"):
        combine(minimum_overlap=0.9)
    other = frame({"x1": [1], "x2": [0]}, ["MYC"])
    with pytest.raises(InputError, match=r"only there: m, s1, s2.*only there: x1, x2.*found 0"):
        combine(minimum_overlap=0.0, gain=other)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ttsg\n", "\tgene type\n", "line 1: found no column 'tsg'"),
        ("MYC\tTrue", "MYC\tyes", "line 2, column oncogene: found 'yes', expected True or False"),
    ],
)
def test_bad_gene_types(combine, old, new, message):
    with pytest.raises(InputError, match=message):
        combine(TYPES.replace(old, new))


def test_real_tables_equal_the_published_rule(tmp_path):
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        pytest.skip("TYBALT_REAL_DATA is not set")
    tcga = Path(folder) / "tcga"
    types = Path(folder) / "statistics/oncokb_genetypes.tsv"
    catalogue = yaml.safe_load((REPOSITORY / "resources/sources.yaml").read_text())
    tables = catalogue["pancan-2016"]["tables"]
    paths = {name: str(tmp_path / name) for name in ("mutations", "gain", "loss", "status")}
    long, calls = (
        tcga / "PANCAN_mutation_subset.tsv.gz",
        tcga / "Gistic2like_thresholded_derived.gz",
    )
    tabulate_mutations(
        str(long), tables["mutations"]["effects"], "tcga", paths["mutations"], str(tmp_path / "b")
    )
    call_copy_number(str(calls), "tcga", paths["gain"], paths["loss"])
    left_out = tables["oncokb"]["left_out"]
    combine_status(**paths, genetypes=str(types), left_out=left_out, minimum_overlap=0.9)
    status = read_events(paths["status"])

    rows = pd.read_csv(long, sep="\t", dtype=str, keep_default_na=False)
    rows = rows[rows["effect"].isin(tables["mutations"]["effects"])]
    mutated = pd.crosstab(rows["#sample"], rows["gene"]).clip(upper=1)
    copies = pd.read_csv(calls, sep="\t", index_col=0).T
    kinds = pd.read_csv(types, sep="\t", index_col="hugoSymbol").drop(index=left_out)
    both = mutated.index.intersection(copies.index).sort_values()
    gains = (copies == 2).loc[both, copies.columns.isin(kinds.index[kinds["oncogene"]])]
    losses = (copies == -2).loc[both, copies.columns.isin(kinds.index[kinds["tsg"]])]
    altered = pd.concat([gains, losses], axis=1).reindex(columns=mutated.columns, fill_value=False)
    expected = (mutated.loc[both] + altered.astype(int)).clip(upper=1)
    assert status.samples == list(both)
    assert status.genes == list(expected.columns)
    np.testing.assert_array_equal(status.X.toarray(), expected.to_numpy())
