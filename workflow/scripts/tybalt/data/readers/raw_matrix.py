"""A raw matrix, genes x samples as text, read as a stream: a row is a gene.

The form is that of UCSC Xena: a header with the sample ids, then one line per gene, cells
separated by tabs, plain or gzip.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tybalt.data.readers.fast_rows import (
    CellError,
    parse_cell,
    parse_plain_rows,
    set_aside_odd_cells,
)
from tybalt.data.readers.raw_files import open_raw
from tybalt.data.readers.text_lines import (
    ROW_NAMES,
    TAB,
    read_head,
    read_name,
    read_rows,
)
from tybalt.plan.errors import InputError, shown

LOG = logging.getLogger(__name__)

_CELLS_PER_BLOCK = 80_000  # parsed at once: long enough for numpy, short enough for the cache


@dataclass(frozen=True)
class Block:
    """Some successive rows.

    Attributes
    ----------
    names
        Row names as they stand in the file.
    values
        float64, rows x samples; missing cells are 0, or NaN if they are to be kept.
    n_missing
        How many cells were missing.
    """

    names: list[str]
    values: np.ndarray
    n_missing: int


def _log2(block: Block, samples: list[str], path: str) -> np.ndarray:
    """Take log2(x + 1); InputError for a negative value."""
    negative = np.argwhere(block.values < 0)
    if len(negative):
        row, column = negative[0]
        raise InputError(
            f"{path}, row {shown(block.names[row])}, column {shown(samples[column])}: found "
            f"{block.values[row, column]:g}, but transform: log2 takes log2(x + 1) of values from "
            "0; leave transform out if the values are logarithms already"
        )
    return np.log2(block.values + 1)


#: What becomes of raw values before anything else: nothing, or their logarithm.
TRANSFORMS: dict[str, Callable[[Block, list[str], str], np.ndarray] | None] = {
    "none": None,
    "log2": _log2,
}


def read_header(path: str) -> list[str]:
    """Read the sample ids of a raw matrix.

    Raises
    ------
    InputError
        If there are none, or one of them is empty.
    """
    head = read_head(path)
    if not head.names:
        raise InputError(
            f"{path}, line {head.line}: found no tab-separated sample ids, expected a header "
            "with a first cell and one id per sample"
        )
    if "" in head.names:
        before = head.columns[head.names.index("")]
        raise InputError(
            f"{path}, line {head.line}: found an empty sample id behind {shown(before)}, expected "
            "one for each column; name the sample, or take its column out"
        )
    if head.first == ROW_NAMES:
        LOG.info("%s: the first column, without a name in the header, holds the row names", path)
    return head.names


def read_row_names(path: str) -> Iterator[str]:
    """Read the row names alone."""
    head = read_head(path)
    with open_raw(path) as file:
        for number, line in read_rows(file, head, path):
            yield read_name(line.partition(TAB)[0], f"{path}, line {number:,}")


def stream_blocks(
    path: str,
    samples: list[str],
    summarise: Callable[[np.ndarray], Any] = len,
    threads: int = 1,
    keep_missing: bool = False,
    transform: str = "none",
) -> Iterator[tuple[Block, Any]]:
    """Read a raw matrix block by block, in file order.

    Parameters
    ----------
    samples
        The header, as `read_header` gives it.
    summarise
        Called with each block's values (float64, rows x samples) in the thread that parsed them.
    threads
        Threads that parse. The result does not depend on it.
    keep_missing
        Whether a missing cell stays missing (NaN), or is 0.
    transform
        A key of `TRANSFORMS`, applied to every value.

    Yields
    ------
    tuple
        The block and what `summarise` returned.

    Raises
    ------
    InputError
        For a row with more or fewer cells than the header and for a cell that is no finite
        number, with line and column; for no row at all; for a damaged file; for a value that
        `transform` does not take.
    """
    change = TRANSFORMS[transform]

    def parse(lines: list[tuple[int, bytes]]) -> tuple[Block, Any]:
        block = _parse_block(lines, samples, path, keep_missing)
        if change is not None:
            block = replace(block, values=change(block, samples, path))
        return block, summarise(block.values)

    head = read_head(path)
    with open_raw(path) as file, ThreadPoolExecutor(threads) as pool:
        lines = read_rows(file, head, path)
        pending = deque()
        n_blocks = 0
        for batch in _batches(lines, len(samples)):
            n_blocks += 1
            pending.append(pool.submit(parse, batch))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    if n_blocks == 0:
        raise InputError(f"{path}: found a header and no row, expected one row per gene")


def _batches(lines: Iterator, n_samples: int) -> Iterator[list]:
    size = max(1, _CELLS_PER_BLOCK // n_samples)
    batch = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _parse_block(
    lines: list[tuple[int, bytes]], samples: list[str], path: str, keep_missing: bool
) -> Block:
    names, rows = [], []
    for number, line in lines:
        end_of_name = line.find(b"\t")
        if end_of_name < 0:
            end_of_name = len(line)
        names.append(read_name(line[:end_of_name], f"{path}, line {number:,}"))
        rows.append(memoryview(line)[end_of_name + 1 :])
    values = parse_plain_rows(rows, len(samples))
    if values is not None:
        return Block(names, values, 0)
    values = _parse_mixed_rows(lines, rows, samples, path)
    missing = np.isnan(values)
    if not keep_missing:
        values[missing] = 0
    return Block(names, values, int(np.count_nonzero(missing)))


def _parse_mixed_rows(
    lines: list[tuple[int, bytes]], rows: list[memoryview], samples: list[str], path: str
) -> np.ndarray:
    """Parse rows of which some have cells that are no plain decimals: those cells one by one."""
    plain, odd = [], []
    for (number, line), row in zip(lines, rows, strict=True):
        parted = set_aside_odd_cells(bytes(row), len(samples))
        if parted is None or TAB not in line:
            raise InputError(
                f"{_where(path, number, line)}: found {line.count(TAB) + 1} fields, expected "
                f"{len(samples) + 1} as in the header (a row name and one cell per sample)"
            )
        plain.append(parted[0])
        odd.append(parted[1])
    values = parse_plain_rows(plain, len(samples))
    for position, ((number, line), cells) in enumerate(zip(lines, odd, strict=True)):
        try:
            for column, cell in cells:
                values[position, column] = parse_cell(column, cell)
        except CellError as error:
            raise InputError(
                f"{_where(path, number, line)}, column {shown(samples[error.column])}: found "
                f"{shown(_text(error.cell))}, expected a finite number, or for a missing value "
                "nothing, NA or NaN"
            ) from None
    return values


def _where(path: str, number: int, line: bytes) -> str:
    return f"{path}, line {number:,} (row {shown(_text(line.partition(TAB)[0]))})"


def _text(cell: bytes) -> str:
    """Decode a cell for a message."""
    return cell[:100].decode("utf-8", errors="replace").strip().strip('"')
