"""Lines and cells of users' tables: line ends, headers as other programs write them, names as text.

All tables of users are tab-separated text and come in through here, so that a quote, a byte-order
mark or a header of R's means the same in each of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tybalt.data.readers.raw_files import open_raw
from tybalt.plan.errors import InputError, shown

TAB = b"\t"

#: What R and this workflow call a first column that the header leaves without a name.
ROW_NAMES = "row.names"

_CHUNK = 1 << 20  # bytes read at a time
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_INVISIBLE = " \t\xa0\u200b\u200c\u200d\u2060\ufeff"  # at the ends of a name they mean nothing
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

#: How tables begin that have another form, and what to do about them.
_OTHER_FORMS = {
    b"#1.2": "a GCT file: delete its first two lines and its column Description",
    b"#1.3": "a GCT file: delete its first two lines and all columns but ids and samples",
    b"!Series_": "a series matrix of GEO: keep the table between its lines "
    "!series_matrix_table_begin and !series_matrix_table_end",
    b"!Sample_": "a series matrix of GEO: keep its table alone",
    b"^": "a SOFT file of GEO: keep its table alone",
    b"%%MatrixMarket": "a Matrix Market file: write the matrix as a table with names",
}


#: What else may separate cells.
_OTHER_SEPARATORS = {b";": "semicolons", b",": "commas", b" ": "blanks"}


@dataclass(frozen=True)
class Head:
    """What stands before the first row of a table, and how its rows are to be cut.

    Attributes
    ----------
    first
        Name of the first column; `ROW_NAMES` if the header gives it none.
    names
        Names of the other columns.
    line
        Number of the header's line, from 1.
    tail
        Empty cells behind the last column in every row, as some programs end lines with a tab.
    """

    first: str
    names: list[str]
    line: int
    tail: int

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return [self.first, *self.names]


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    r"""Split into lines and number them from 1; blank lines are left out.

    Lines end with ``\n``, ``\r\n`` or, in files without a single ``\n``, with ``\r``, as on old
    Macintoshes.
    """
    number, rest = 0, b""
    old_macintosh = None
    while chunk := file.read(_CHUNK):
        if old_macintosh is None:
            chunk = chunk.removeprefix(_BYTE_ORDER_MARK)
            old_macintosh = b"\n" not in chunk and b"\r" in chunk[:-1]
        if old_macintosh:
            chunk = chunk.replace(b"\r", b"\n")
        first, *others = chunk.split(b"\n")
        *complete, rest = [rest + first, *others]
        for line in complete:
            number += 1
            line = line.removesuffix(b"\r")
            if not _is_blank(line):
                yield number, line
    rest = rest.removesuffix(b"\r")
    if not _is_blank(rest):
        yield number + 1, rest


def _is_blank(line: bytes) -> bool:
    """Tell lines with nothing but tabs and blanks; others are as a rule told by one character."""
    return line[:1] in (b"", b"\t", b" ") and not line.strip()


def read_head(path: str) -> Head:
    r"""Find the header of a table.

    Lines before it that begin with ``#`` are comments, but for a single one with as many cells as
    the line after it (``#sample\tgene``). A header with one name less than the rows have cells is
    R's (``write.table`` gives row names no name). Tabs at the ends of lines name no column.

    Raises
    ------
    InputError
        For a file without any line, and for known files of other forms.
    """
    with open_raw(path) as file:
        lines = read_lines(file)
        comments, (number, line) = [], next(lines, (1, b""))
        for start, form in _OTHER_FORMS.items():
            if line.startswith(start):
                raise InputError(f"{path}, line 1: found {form}")
        while line.startswith(b"#"):
            comments.append((number, line))
            number, line = next(lines, (number, b""))
        row = line
        if _is_header(comments, line):
            number, line = comments[-1]
        else:
            _, row = next(lines, (number, b""))
    where = f"{path}, line {number}"
    for mark, name in _OTHER_SEPARATORS.items():
        if TAB not in line and line.count(mark) > 0 and row.count(mark) > 0:
            raise InputError(
                f"{where}: found {name} and no tab ({shown(line[:60].decode(errors='replace'))}), "
                "expected cells separated by tabs; save the table as tab-separated text"
            )
    cells = [read_name(cell, where) for cell in line.split(TAB)]
    return _fit(cells, row.split(TAB), number)


def _is_header(comments: list[tuple[int, bytes]], line: bytes) -> bool:
    """Tell whether the last line that begins with # is the header of the line after it.

    Where several have its length, as in files of cBioPortal, they describe the header below.
    """
    n_tabs = [text.count(TAB) for _, text in comments]
    return (
        bool(n_tabs)
        and n_tabs[-1] > 0
        and n_tabs.count(n_tabs[-1]) == 1
        and (not line or line.count(TAB) == n_tabs[-1])
    )


def _fit(cells: list[str], row: list[bytes], number: int) -> Head:
    """Compare a header with the first row behind it."""
    named, filled = _filled(cells), _filled(row)
    if len(row) == len(cells) + 1 and filled == len(row) and named == len(cells):  # R's
        return Head(ROW_NAMES, cells, number, 0)
    width = named if filled <= named else len(cells)
    tail = len(row) - width if filled <= width < len(row) else 0
    return Head(cells[0].lstrip("#") or ROW_NAMES, cells[1:width], number, tail)


def _filled(cells: list) -> int:
    """Count the cells up to the last one that is not empty."""
    return max((i + 1 for i, cell in enumerate(cells) if cell), default=0)


def read_rows(file: BinaryIO, head: Head, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield number and text of every line behind the header, without the tail.

    Raises
    ------
    InputError
        For a value in a column without a name.
    """
    for number, line in read_lines(file):
        if number <= head.line:
            continue
        if head.tail:
            line = _without_tail(line, head, f"{path}, line {number:,}")
        yield number, line


def _without_tail(line: bytes, head: Head, where: str) -> bytes:
    cut = line.removesuffix(TAB * head.tail)
    if len(cut) == len(line) and line.count(TAB) > len(head.names):
        raise InputError(
            f"{where}: found a value behind the last named column "
            f"({shown(line.rpartition(TAB)[2].decode(errors='replace'))}), expected "
            f"{len(head.names) + 1} cells as in the header; name the column, or empty it"
        )
    return cut


def read_cells(path: str) -> tuple[Head, Iterator[tuple[int, list[bytes]]]]:
    """Read a table of modest size row by row.

    Returns
    -------
    Head, iterator
        The header; number of the line and cells of each row, all rows as long as the header.

    Raises
    ------
    InputError
        As of `read_head` and `read_rows`; for a row of another length.
    """
    head = read_head(path)
    n_columns = len(head.columns)

    def rows() -> Iterator[tuple[int, list[bytes]]]:
        with open_raw(path) as file:
            for number, line in read_rows(file, head, path):
                cells = line.split(TAB)
                if len(cells) != n_columns:
                    raise InputError(
                        f"{path}, line {number:,}: found {len(cells)} fields, expected {n_columns} "
                        "as in the header; repair the file or get it again"
                    )
                yield number, cells

    return head, rows()


def read_name(cell: bytes, where: str) -> str:
    """Read a cell as text, whatever it looks like.

    A pair of quotes around it, as R and spreadsheets write, is taken off, and so are blanks and
    invisible characters at its ends.

    Raises
    ------
    InputError
        For bytes that are no UTF-8 and for control characters.
    """
    try:
        text = cell.decode()
    except UnicodeDecodeError:
        raise InputError(
            f"{where}: found bytes that are no UTF-8 text ({cell[:60]!r}), as files in Latin-1 "
            "have; convert the file: iconv -f WINDOWS-1252 -t UTF-8"
        ) from None
    text = text.strip(_INVISIBLE)
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"').strip(_INVISIBLE)
    if _CONTROL.search(text):
        raise InputError(
            f"{where}: found a control character in {shown(text)}, expected plain text; take it out"
        )
    return text


def clean_name(row_name: str) -> str:
    """Return the gene symbol: the row name up to the first ``|``."""
    return row_name.partition("|")[0]
