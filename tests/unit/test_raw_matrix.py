import bz2
import gzip
import itertools
import lzma
import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tybalt.data.readers.fast_rows import (
    CellError,
    parse_cell,
    parse_plain_rows,
    set_aside_odd_cells,
)
from tybalt.data.readers.raw_matrix import read_header, read_row_names, stream_blocks
from tybalt.plan.errors import InputError

PLAIN = re.compile(rb"(?=.{1,8}\Z)([0-9]+|[0-9]*\.[0-9]+)\Z")
NOT_A_NUMBER = object()


def python_float(cell):
    """Say what a cell means, by Python's float: a number, NaN for missing, or no number."""
    if cell[:1] == cell[-1:] == b'"' and len(cell) > 1:  # as spreadsheets write
        cell = cell[1:-1]
    if cell in (b"", b"NA", b"N/A"):
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return NOT_A_NUMBER
    return NOT_A_NUMBER if math.isinf(value) or b"_" in cell else value


def same_bits(values, expected):
    return np.asarray(values, float).tobytes() == np.asarray(expected, float).tobytes()


# ---- the fast way against Python's float() -----------------------------------------------------


def test_every_short_cell_is_read_as_by_float_or_left_to_the_slow_way():
    alphabet = [bytes([b]) for b in b"0159.-+eN_ \r/:\xb2"]
    for length in range(4):
        for characters in itertools.product(alphabet, repeat=length):
            cell = b"".join(characters)
            values = parse_plain_rows([cell], 1)
            assert (values is not None) == bool(PLAIN.match(cell)), cell
            assert values is None or same_bits(values, [[float(cell)]]), cell


digits = st.integers(1, 8).flatmap(lambda n: st.integers(0, 10**n - 1).map(lambda i: f"{i:0{n}d}"))
with_point = st.tuples(digits, st.integers(0, 8)).map(lambda d: f"{d[0][: d[1]]}.{d[0][d[1] :]}")
plain_cells = st.one_of(digits, with_point.filter(lambda cell: len(cell) <= 8)).map(str.encode)
other_cells = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True).map(lambda x: repr(x).encode()),
    st.floats(width=32, allow_nan=False).map(lambda x: f"{x:e}".encode()),
    st.sampled_from(
        [b"", b"NA", b"NaN", b"nan", b"N/A", b"inf", b"-Infinity", b"-0.0", b"+1.5", b".", b"5."]
        + [b"1.2.3", b"..", b"1e5", b"1E-3", b" 1.5 ", b"1_000", b"0x10", b"1,5", b"\xc2\xb2"]
        + [b"123456789", b"0.12345678901234567", b"TRUE", b"#N/A", b'"1"', b"--1", b"1-"]
    ),
    st.binary(max_size=10).filter(lambda cell: not set(cell) & set(b"\t\n\r")),
)


@given(st.lists(st.lists(plain_cells, min_size=3, max_size=3), min_size=1, max_size=5))
def test_plain_rows_are_read_fast_and_to_the_last_bit(rows):
    values = parse_plain_rows([b"\t".join(row) for row in rows], 3)
    if any(not PLAIN.match(cell) for row in rows for cell in row):  # as "5."
        assert values is None
    else:
        assert same_bits(values, [[float(cell) for cell in row] for row in rows])


def parse_mixed_row(row, n_cells):
    """Read a row as the stream does: plain cells at once, the others one by one."""
    plain, odd = set_aside_odd_cells(row, n_cells)
    values = parse_plain_rows([plain], n_cells)[0]
    for column, cell in odd:
        values[column] = parse_cell(column, cell)
    return values


@given(st.lists(st.one_of(plain_cells, other_cells), min_size=1, max_size=6))
def test_any_row_is_read_as_by_float(cells):
    row, expected = b"\t".join(cells), [python_float(cell) for cell in cells]
    fast = parse_plain_rows([row], len(cells))
    if fast is not None:
        assert same_bits(fast, [expected])
    wrong = [i for i, value in enumerate(expected) if value is NOT_A_NUMBER]
    if wrong:
        assert fast is None
        with pytest.raises(CellError) as error:
            parse_mixed_row(row, len(cells))
        assert (error.value.column, error.value.cell) == (wrong[0], cells[wrong[0]])
    else:
        np.testing.assert_array_equal(parse_mixed_row(row, len(cells)), expected)


@given(st.lists(st.one_of(plain_cells, other_cells), min_size=1, max_size=6))
def test_only_cells_that_are_not_plain_are_set_aside(cells):
    plain, odd = set_aside_odd_cells(b"\t".join(cells), len(cells))
    expected = [(i, cell) for i, cell in enumerate(cells) if not PLAIN.fullmatch(cell)]
    assert odd == expected
    columns = {i for i, _ in expected}
    assert plain.split(b"\t") == [b"0" if i in columns else c for i, c in enumerate(cells)]


def test_a_row_of_another_length_is_not_taken():
    assert set_aside_odd_cells(b"1\t\t2", 2) is None


@given(st.lists(st.lists(plain_cells, min_size=1, max_size=4), min_size=2, max_size=4))
def test_cells_never_move_to_another_row(rows):
    n_cells = len(rows[0])
    values = parse_plain_rows([b"\t".join(row) for row in rows], n_cells)
    if any(len(row) != n_cells for row in rows):
        assert values is None


# ---- the file ----------------------------------------------------------------------------------


def write(path, text, compress=False):
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if compress else data)
    return str(path)


def read_all(path, **options):
    blocks = [block for block, _ in stream_blocks(path, read_header(path), **options)]
    names = [name for block in blocks for name in block.names]
    return names, np.vstack([b.values for b in blocks]), sum(b.n_missing for b in blocks)


TABLE = "sample\ts1\ts2\ts3\nA|1\t0\t1.5\t-2\nB\tNA\t\t3e2\n\nC\t1\t2\t12.3456\n"
VALUES = [[0, 1.5, -2], [0, 0, 300], [1, 2, 12.3456]]


@pytest.mark.parametrize("text", [TABLE, TABLE.rstrip("\n"), TABLE.replace("\n", "\r\n")])
@pytest.mark.parametrize("compress", [False, True])
def test_all_forms_of_the_file_read_alike(tmp_path, text, compress):
    path = write(tmp_path / "matrix", text, compress)
    names, values, n_missing = read_all(path)
    assert read_header(path) == ["s1", "s2", "s3"]
    assert names == list(read_row_names(path)) == ["A|1", "B", "C"]
    np.testing.assert_array_equal(values, VALUES)
    assert n_missing == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_many_blocks_arrive_in_file_order_with_their_summary(tmp_path, threads):
    n_genes, n_samples = 120, 5_000
    values = np.random.default_rng(0).integers(0, 99_999, (n_genes, n_samples)) / 1000
    rows = [
        "\t".join([f"g{i}", *(f"{x:.3f}" for x in row)]) for i, row in enumerate(values.tolist())
    ]
    header = "\t".join(["sample", *(f"s{i}" for i in range(n_samples))])
    path = write(tmp_path / "matrix.gz", "\n".join([header, *rows]), compress=True)
    names, found, _ = read_all(path, threads=threads)
    assert names == [f"g{i}" for i in range(n_genes)]
    np.testing.assert_array_equal(found, values)
    blocks = list(stream_blocks(path, read_header(path), lambda v: v.sum(axis=1), threads))
    assert len(blocks) > 2 * threads + 1
    np.testing.assert_array_equal(np.concatenate([s for _, s in blocks]), values.sum(axis=1))


FORMS = {
    "a byte-order mark": "\ufeff" + TABLE,
    "old Macintosh": TABLE.replace("\n", "\r"),
    "R's header": TABLE.removeprefix("sample\t"),
    "quotes": '"sample"\t"s1"\ts2\t"s3"\n"A|1"\t0\t"1.5"\t-2\nB\t"NA"\t\t3e2\nC\t1\t2\t12.3456\n',
    "a tab at the end of every line": TABLE.replace("\n", "\t\n"),
    "a tab at the end of every row": TABLE.replace("\n", "\t\n").replace("\t\n", "\n", 1),
    "a tab at the end of the header": TABLE.replace("\n", "\t\n", 1),
    "comments": "# Program:featureCounts v2.0\n## x\ty\n" + TABLE,
    "a header behind #": "#" + TABLE,
    "blanks and invisible characters": TABLE.replace("s1", " s1\u200b").replace("B", "\u00a0B "),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_tables_as_other_programs_write_them_read_alike(tmp_path, text):
    path = write(tmp_path / "matrix", text)
    names, values, _ = read_all(path)
    assert read_header(path) == ["s1", "s2", "s3"]
    assert names == list(read_row_names(path)) == ["A|1", "B", "C"]
    np.testing.assert_array_equal(values, VALUES)


OTHER_FORMS = {
    "UTF-16": (TABLE.encode("utf-16"), "text in UTF-16.*iconv"),
    "UTF-16 without a mark": (TABLE.encode("utf-16-le"), "UTF-16 is converted by"),
    "Latin-1": (TABLE.replace("B", "\u00dc").encode("latin-1"), r"line 3: .*no UTF-8 text.*iconv"),
    "xz": (lzma.compress(TABLE.encode()), "an xz file; unpack it"),
    "bzip2": (bz2.compress(TABLE.encode()), "a bzip2 file"),
    "zip": (b"PK\x03\x04" + TABLE.encode(), "a zip file, as workbooks of Excel"),
    "gzip twice": (gzip.compress(gzip.compress(TABLE.encode())), "gzip file inside the gzip file"),
    "xz in gzip": (gzip.compress(lzma.compress(TABLE.encode())), "an xz file"),
    "junk behind gzip": (gzip.compress(TABLE.encode()) + b"junk", "other bytes behind the end"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    "commas": (TABLE.replace("\t", ",").encode(), "line 1: found commas and no tab"),
    "GCT": (b"#1.2\n3\t3\n" + TABLE.encode(), "a GCT file: delete its first two lines"),
    "GEO": (b'!Series_title\t"x"\n' + TABLE.encode(), "a series matrix of GEO"),
    "a control character": (
        TABLE.replace("s2", "s\x1b[31m2").encode(),
        r"control .*'s\\x1b\[31m2'",
    ),
    "NUL": (TABLE.replace("C\t", "C\0\t").encode(), "found bytes that are no text"),
    "an empty id": (TABLE.replace("s2", "").encode(), "an empty sample id behind 's1'"),
    "a value without a column": (
        TABLE.replace("\n", "\t\n").replace("56\t", "56\t7").encode(),
        "line 5: found a value behind the last named column .'7'.",
    ),
    "a long cell": (
        TABLE.replace("1.5", "9" * 3_000_000).encode(),
        r"column 's2': found '9{60}\.\.\.', expected",
    ),
}


@pytest.mark.parametrize(("data", "message"), OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_other_forms_are_told_by_name(tmp_path, data, message):
    with pytest.raises(InputError, match=message) as error:
        read_all(write(tmp_path / "matrix", data))
    assert len(str(error.value)) < 600 and "\x1b" not in str(error.value)


def test_zeros_behind_gzip_are_padding(tmp_path):
    names, *_ = read_all(write(tmp_path / "m", gzip.compress(TABLE.encode()) + b"\0" * 512))
    assert names == ["A|1", "B", "C"]


# What no reader of ours may change: quotes, blanks and control characters at the ends aside.
names_of_people = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zs", "Cf", "Zl", "Zp")), min_size=1, max_size=8
).filter(lambda name: '"' not in name and not name.startswith("#"))


@given(st.lists(names_of_people, min_size=2, max_size=4, unique=True))
def test_names_come_back_as_they_are(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("names") / "matrix"
    rows = [f"{name}\t" + "\t".join("1" for _ in names) for name in names]
    write(path, "\n".join(["\t".join(["gene", *names]), *rows]) + "\n")
    assert read_header(str(path)) == names
    assert list(read_row_names(str(path))) == names


def test_logarithms_are_taken_of_what_was_measured(tmp_path):
    path = write(tmp_path / "matrix", "gene\ts1\ts2\nA\t0\t1\nB\tNA\t1023\n")
    blocks = stream_blocks(path, ["s1", "s2"], keep_missing=True, transform="log2")
    np.testing.assert_array_equal(next(blocks)[0].values, [[0, 1], [np.nan, 10]])
    path = write(tmp_path / "matrix", "gene\ts1\ts2\nA\t0\t-0.5\n")
    with pytest.raises(InputError, match=r"row 'A', column 's2': found -0.5.*from 0"):
        list(stream_blocks(path, ["s1", "s2"], transform="log2"))


HEAD = "sample\ts1\ts2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "A\t1\t2\nB\t1\n", r"line 3 \(row 'B'\): found 2 fields, expected 3"),
        (HEAD + "A\t1\t2\n\nB\t1\t2\t3\nC\t1\n", r"line 4 \(row 'B'\): found 4 fields"),
        (HEAD + "A\n", r"line 2 \(row 'A'\): found 1 fields, expected 3"),
        ("sample\ts1\n5\n", r"line 2 \(row '5'\): found 1 fields, expected 2"),
        (HEAD + "A\t1\tx\n", r"line 2 \(row 'A'\), column 's2': found 'x', expected a finite"),
        (HEAD + "A\t1\t2\nB\tinf\t2\n", r"line 3 \(row 'B'\), column 's1': found 'inf'"),
        (HEAD, "found a header and no row"),
        ("sample\n", "line 1: found no tab-separated sample ids"),
        ("\n", "line 1: found no tab-separated sample ids"),
        ("", "the file is empty"),
        ("<!DOCTYPE html><html>Not found</html>", "found a web page"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_column(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_all(write(tmp_path / "HiSeqV2", text))
    assert "HiSeqV2" in str(error.value)


def test_a_bad_gzip_is_refused(tmp_path):
    noise = "".join(f"g{i}\t{i % 97}\t{i * 7919 % 1000}\n" for i in range(100_000))
    data = gzip.compress((HEAD + noise).encode())
    flipped = bytearray(data)
    flipped[-6] ^= 255  # the check sum
    for name, content, message in [
        ("cut.gz", data[: len(data) // 2], "truncated"),
        ("cut_at_the_end.gz", data[:-3], "truncated"),
        ("flipped.gz", bytes(flipped), "damaged"),
        ("page.gz", b"\n<html><body>404</body>", "found a web page"),
        ("text.gz", HEAD.encode(), "expected a gzip file"),
    ]:
        with pytest.raises(InputError, match=message):
            read_all(write(tmp_path / name, content))
    with pytest.raises(InputError, match="no such file"):
        read_header(str(tmp_path / "absent.gz"))


@pytest.mark.skipif("TYBALT_REAL_DATA" not in os.environ, reason="TYBALT_REAL_DATA is not set")
@pytest.mark.parametrize("name", ["HiSeqV2_subset.gz", "HiSeqV2_pancan60.gz"])
def test_real_files_are_read_as_by_pandas_cell_by_cell(name):
    path = str(Path(os.environ["TYBALT_REAL_DATA"]) / "tcga" / name)
    expected = pd.read_csv(path, sep="\t", index_col=0, float_precision="round_trip")
    names, values, n_missing = read_all(path, threads=2)
    assert names == list(expected.index) and read_header(path) == list(expected.columns)
    assert n_missing == expected.isna().to_numpy().sum()
    assert same_bits(values, expected.fillna(0).to_numpy())


@pytest.mark.parametrize("kind", ["folder", "loop"])
def test_what_cannot_be_opened_is_named(kind, tmp_path):
    path = tmp_path / "expression.tsv"
    path.mkdir() if kind == "folder" else path.symlink_to(path)
    with pytest.raises(InputError, match=f"{path}: cannot be opened .*, expected a file"):
        read_header(str(path))
