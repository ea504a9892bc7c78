"""Gains and losses against plain pandas."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tybalt.data.tables.copy_number import call_copy_number
from tybalt.data.tables.events import read_events
from tybalt.plan.errors import InputError

SAMPLES = ["TCGA-ZZ-0002-01", "TCGA-ZZ-0001-01", "TCGA-ZZ-0003-01"]
SMALL = "Sample\t" + "\t".join(SAMPLES) + "\nMYC\t2\t-1\t0\nEGFR\t1\t-2\t2\nABC1\t0\t0\t0\n"


def call(folder, table, barcodes="tcga"):
    if isinstance(table, str):
        path = folder / "calls.tsv"
        path.write_text(table)
    else:
        path = table
    gain, loss = str(folder / "gain.h5ad"), str(folder / "loss.h5ad")
    call_copy_number(str(path), barcodes, gain, loss)
    return read_events(gain), read_events(loss)


def test_small_table_by_hand(tmp_path):
    gain, loss = call(tmp_path, SMALL)
    for events in (gain, loss):
        assert events.samples == sorted(SAMPLES)
        assert events.genes == ["ABC1", "EGFR", "MYC"]
    np.testing.assert_array_equal(gain.X.toarray(), [[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(loss.X.toarray(), [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_gene_in_two_rows_has_an_event_if_one_of_them_has(tmp_path):
    gain, loss = call(tmp_path, SMALL + "MYC\t0\t-2\t2\n")
    np.testing.assert_array_equal(gain.X.toarray()[:, 2], [0, 1, 1])
    np.testing.assert_array_equal(loss.X.toarray()[:, 2], [1, 0, 0])


AS_WRITTEN = {
    "quotes": '"Sample"\t'
    + "\t".join(f'"{s}"' for s in SAMPLES)
    + '\n"MYC"\t2\t-1\t0\n"EGFR"\t1\t-2\t2\n'
    '"ABC1"\t"0"\t0\t0\n',
    "R's header": SMALL.removeprefix("Sample\t"),
    "a byte-order mark": "\ufeff" + SMALL,
    "old Macintosh": SMALL.replace("\n", "\r"),
    "tabs at the ends": SMALL.replace("\n", "\t\n"),
    "blanks": SMALL.replace("EGFR", " EGFR "),
}


@pytest.mark.parametrize("text", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_tables_as_other_programs_write_them_read_alike(tmp_path, text):
    for found, expected in zip(call(tmp_path, text), call(tmp_path, SMALL), strict=True):
        assert found.genes == expected.genes and found.samples == expected.samples
        np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())


def test_what_is_no_table_of_calls_is_refused(tmp_path):
    rng = np.random.default_rng(1)
    samples = [f"s{i}" for i in range(20)]
    copies = pd.DataFrame(rng.choice([0, 1, 2], (60, 20), p=[0.1, 0.2, 0.7]), columns=samples)
    with pytest.raises(InputError, match="as numbers of copies are, of which 2 is normal"):
        call(tmp_path, copies.to_csv(sep="\t"), "none")
    raw = copies.sub(1).rename_axis("Gene Symbol")
    raw.insert(0, "Locus ID", range(60))
    with pytest.raises(InputError, match="found the column Locus ID among the samples"):
        call(tmp_path, raw.to_csv(sep="\t"), "none")


def test_genes_are_named_as_in_the_matrix(tmp_path):
    gain, _ = call(tmp_path, SMALL.replace("MYC", "MYC|chr8"))
    assert gain.genes == ["ABC1", "EGFR", "MYC"]


FORMS = {
    -2: ["-2", "-2.0", "-2.000"],
    -1: ["-1", "-1.0"],
    0: ["0", "-0", "0.0", "-0.0", "0e0"],
    1: ["1", "1.0", "+1"],
    2: ["2", "2.0", "2.00", "0.2e1"],
}


@settings(max_examples=25, deadline=None)
@given(
    calls=arrays(
        np.int64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(-2, 2)
    ),
    plain=st.lists(st.booleans(), min_size=6, max_size=6),
    data=st.data(),
)
def test_any_form_of_an_integer(tmp_path_factory, calls, plain, data):
    """Rows of plain integers take the fast path, others the slow one, next to each other."""
    lines = ["gene\t" + "\t".join(f"s{i}" for i in range(calls.shape[1]))]
    for i, row in enumerate(calls):
        forms = [FORMS[c][0] if plain[i] else data.draw(st.sampled_from(FORMS[c])) for c in row]
        lines.append(f"G{i}\t" + "\t".join(forms))
    gain, loss = call(tmp_path_factory.mktemp("calls"), "\n".join(lines), "none")
    np.testing.assert_array_equal(gain.X.toarray(), (calls == 2).T)
    np.testing.assert_array_equal(loss.X.toarray(), (calls == -2).T)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\t1\t-2", "\t3\t-2", "line 3, column 'TCGA-ZZ-0002-01': found '3', expected an integer"),
        ("\t1\t-2", "\t1\t-3", "line 3, column 'TCGA-ZZ-0001-01': found '-3'"),
        ("\t1\t-2", "\t1-1\t-2", "found '1-1'"),
        ("\t1\t-2", "\t--1\t-2", "found '--1'"),
        ("\t1\t-2", "\t0.5\t-2", "found '0.5'"),
        ("\t1\t-2", "\tNA\t-2", "found 'NA'"),
        ("\t1\t-2", "\tnan\t-2", "found 'nan'"),
        ("\t1\t-2", "\t\t-2", "found ''"),
        ("\t1\t-2", "\ta\t-2", "found 'a'"),
        ("\t1\t-2", "\t1\tb", "found 'b'"),
        ("\t1\t-2", "\t1\t-", "found '-'"),
        ("\t1\t-2", "\t1-\t2", "found '1-'"),
        ("\t1\t-2", "\t-\t12", "found '-'"),
        ("\t1\t-2", "\t-\t1\t2", "found 4 values|found '-'"),
        ("\t1\t-2", "\t-2", "line 3: found 2 values, expected 3"),
        ("\t1\t-2", "\t1\t1\t-2", "line 3: found 4 values, expected 3"),
        ("0003", "0002", "line 1: found 1 doubled sample ids"),
        ("\nMYC\t2\t-1\t0\nEGFR\t1\t-2\t2\nABC1\t0\t0\t0", "", "a header and no row"),
    ],
)
def test_bad_table(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        call(tmp_path, SMALL.replace(old, new, 1))


# --- real calls ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Gistic2_thresholded_ACC_198genes.tsv", "Gistic2like_thresholded_derived.gz"]
)
def test_real_table_equals_pandas(tmp_path, name):
    folder = os.environ.get("TYBALT_REAL_DATA")
    if not folder:
        pytest.skip("TYBALT_REAL_DATA is not set")
    path = Path(folder) / "tcga" / name
    compression = "gzip" if name.endswith("gz") else None
    calls = pd.read_csv(path, sep="\t", index_col=0, compression=compression)
    calls = calls.T.sort_index().sort_index(axis=1)
    for events, value in zip(call(tmp_path, path), (2, -2), strict=True):
        assert events.samples == list(calls.index)
        assert events.genes == list(calls.columns)
        np.testing.assert_array_equal(events.X.toarray(), calls.to_numpy() == value)
