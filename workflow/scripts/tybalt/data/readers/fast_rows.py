"""From text to numbers: a fast way for plain decimals, and a slow one for all other cells.

The fast way parses many cells at once with integer arithmetic on 8-byte words. It first *proves*
that every cell is what it assumes: 1 to 8 characters, digits only but for at most one point that
is not the last character (``0``, ``12``, ``10.4528``, ``.5``). Its results are then equal to
Python's ``float()`` to the last bit: at most 8 digits are an exact integer, a power of ten up to
10^7 is an exact float, and one division of the two rounds correctly (Clinger, "How to read
floating point numbers accurately", PLDI 1990). Anything else (a sign, an exponent, an empty cell,
NA, more digits, text) is no failure: `set_aside_odd_cells` takes such cells out of a row, and
`parse_cell` reads them one by one with `float()`.
"""

import math

import numpy as np

_WIDTH = 8  # characters of a cell that fit a word
_PADDING = b"\t" * (_WIDTH - 1)  # lets the last cell be read as a whole word
_POWERS_OF_TEN = 10.0 ** np.arange(_WIDTH)

_EACH_BYTE = 0x0101010101010101
_ZEROS = np.uint64(ord("0") * _EACH_BYTE)
_LOWEST_BITS = np.uint64(_EACH_BYTE)
_POINT_MINUS_ZERO = np.uint64(ord(".") ^ ord("0"))
_LAST_BYTE = np.uint64(1 << 56)
_DECIMALS_AFTER_BYTE = np.uint64(0x0706050403020100)

#: Spellings of a missing value; NaN, in any case, is one more.
MISSING_CELLS = frozenset({b"", b"NA", b"N/A"})


class CellError(ValueError):
    """A cell that is no finite number; `column` counts from 0."""

    def __init__(self, column: int, cell: bytes):
        super().__init__(column, cell)
        self.column, self.cell = column, cell


def parse_plain_rows(rows: list[bytes | memoryview], n_cells: int) -> np.ndarray | None:
    """Parse rows of tab-separated plain decimals.

    Parameters
    ----------
    rows
        Text without row names and line ends.
    n_cells
        Cells of a row.

    Returns
    -------
    numpy.ndarray or None
        float64, rows x n_cells; None unless every row has `n_cells` cells of the plain form.
    """
    text = np.frombuffer(b"\t".join([*rows, _PADDING]), np.uint8)
    ends = np.flatnonzero(text == ord("\t"))
    n_tabs = len(ends)
    if n_tabs != len(rows) * n_cells + len(_PADDING):
        return None
    ends = ends[: -len(_PADDING)]
    row_ends = np.cumsum([len(row) + 1 for row in rows]) - 1
    if not np.array_equal(ends[n_cells - 1 :: n_cells], row_ends):
        return None
    starts = np.empty_like(ends)
    starts[0] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    lengths = ends - starts
    if lengths.min() < 1 or lengths.max() > _WIDTH:
        return None
    n_points = np.count_nonzero(text == ord("."))
    n_digits = np.count_nonzero((text ^ ord("0")) < 10)
    if n_digits + n_points + n_tabs != len(text):
        return None

    words = _cells_as_words(text, starts, lengths)
    point = (words >> np.uint64(4)) & _LOWEST_BITS  # 1 in the byte of the point; 0: no point
    # As many cells with a point as points: no cell has two. A last point could be a cell of its
    # own, which is no number.
    if np.count_nonzero(point) != n_points or point.max() >= _LAST_BYTE:
        return None
    decimals = (point * _DECIMALS_AFTER_BYTE) >> np.uint64(56)
    values = _digits_to_integers(_without_point(words, point)).astype(np.float64)
    values /= _POWERS_OF_TEN[decimals.view(np.int64)]
    return values.reshape(len(rows), n_cells)


def _cells_as_words(text: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Put each cell into the high bytes of a word, last character highest, digits as 0 to 9."""
    at_every_byte = np.ndarray((len(text) - _WIDTH + 1,), "<u8", text, strides=(1,))
    words = at_every_byte[starts]
    words ^= _ZEROS
    words <<= (8 * (_WIDTH - lengths)).view(np.uint64)  # pushes out what follows the cell
    return words


def _without_point(words: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Close the gap of the point: the bytes below it move up by one."""
    whole = words & (np.maximum(point, np.uint64(1)) - np.uint64(1))
    words += whole * np.uint64(255)  # = - whole + (whole << 8)
    words -= point * _POINT_MINUS_ZERO
    return words


def _digits_to_integers(words: np.ndarray) -> np.ndarray:
    """Join the 8 digits of each word: to pairs, to fours, to one number.

    Source: D. Lemire, "Quickly parsing eight digits" (https://lemire.me/blog/2018/10/03/).
    """
    for factor, shift, keep in (
        (1 + (10 << 8), 8, 0x00FF00FF00FF00FF),
        (1 + (100 << 16), 16, 0x0000FFFF0000FFFF),
        (1 + (10_000 << 32), 32, 0x00000000FFFFFFFF),
    ):
        words *= np.uint64(factor)
        words >>= np.uint64(shift)
        words &= np.uint64(keep)
    return words


def set_aside_odd_cells(row: bytes, n_cells: int) -> tuple[bytes, list[tuple[int, bytes]]] | None:
    """Put a 0 in the place of every cell that is no plain decimal.

    Parameters
    ----------
    row
        Tab-separated cells, without row name and line end.

    Returns
    -------
    tuple or None
        The row, now of plain decimals, and (column, cell) of what was taken out; None if the row
        has not `n_cells` cells.
    """
    text = np.frombuffer(row, np.uint8)
    is_tab = text == ord("\t")
    ends = np.append(np.flatnonzero(is_tab), len(text))
    if len(ends) != n_cells:
        return None
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts
    is_point = text == ord(".")
    points = np.searchsorted(ends, np.flatnonzero(is_point))
    strange = np.flatnonzero(~is_tab & ~is_point & ((text ^ ord("0")) >= 10))
    odd = (lengths < 1) | (lengths > _WIDTH)
    odd[np.searchsorted(ends, strange)] = True
    odd |= np.bincount(points, minlength=n_cells) > 1
    odd[lengths > 0] |= is_point[ends[lengths > 0] - 1]
    pieces, cells, done = [], [], 0
    for column in np.flatnonzero(odd):
        pieces += [row[done : starts[column]], b"0"]
        cells.append((int(column), row[starts[column] : ends[column]]))
        done = ends[column]
    return b"".join([*pieces, row[done:]]), cells


def parse_cell(column: int, cell: bytes) -> float:
    """Parse one cell with Python's `float`; NaN for a missing one (`MISSING_CELLS` or NaN).

    Raises
    ------
    CellError
        For text and for infinite values. ``1_000`` is text too, though Python reads it. A pair of
    quotes, as spreadsheets write, is taken off.
    """
    is_quoted = cell[:1] == cell[-1:] == b'"' and len(cell) > 1
    content = cell[1:-1] if is_quoted else cell
    if content in MISSING_CELLS:
        return math.nan
    try:
        value = float(content)
    except ValueError:
        raise CellError(column, cell) from None
    if math.isinf(value) or b"_" in content:
        raise CellError(column, cell)
    return value
