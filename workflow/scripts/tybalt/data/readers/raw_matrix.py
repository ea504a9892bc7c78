"""A raw matrix, genes x samples as text, read as a stream: a row is a gene.

The form is that of UCSC Xena: a header with the sample ids, then one line per gene, cells
separated by tabs, plain or gzip.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from tybalt.data.readers.fast_rows import (
    CellError,
    parse_cell,
    parse_plain_rows,
    set_aside_odd_cells,
)
from tybalt.data.readers.raw_files import open_raw
from tybalt.plan.errors import InputError

TAB = b"\t"

_CHUNK = 1 << 20  # bytes read at a time
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


def read_header(path: str) -> list[str]:
    """Read the sample ids of a raw matrix; raise InputError if there are none."""
    with open_raw(path) as file:
        _, line = next(_lines(file), (1, b""))
    samples = [_text(cell) for cell in line.split(b"\t")[1:]]
    if not samples:
        raise InputError(
            f"{path}, line 1: found no tab-separated sample ids, expected a header "
            "with a first cell and one id per sample"
        )
    return samples


def read_row_names(path: str) -> Iterator[str]:
    """Read the row names alone."""
    with open_raw(path) as file:
        for number, line in _lines(file):
            if number > 1:
                yield _text(line.partition(b"\t")[0])


def stream_blocks(
    path: str,
    samples: list[str],
    summarise: Callable[[np.ndarray], Any] = len,
    threads: int = 1,
    keep_missing: bool = False,
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

    Yields
    ------
    tuple
        The block and what `summarise` returned.

    Raises
    ------
    InputError
        For a row with more or fewer cells than the header and for a cell that is no finite
        number, with line and column; for no row at all; for a damaged file.
    """

    def parse(lines: list[tuple[int, bytes]]) -> tuple[Block, Any]:
        block = _parse_block(lines, samples, path, keep_missing)
        return block, summarise(block.values)

    with open_raw(path) as file, ThreadPoolExecutor(threads) as pool:
        lines = _lines(file)
        next(lines)
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


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Split into lines and number them from 1; blank lines are left out."""
    number, rest = 0, b""
    while chunk := file.read(_CHUNK):
        first, *others = chunk.split(b"\n")
        *complete, rest = [rest + first, *others]
        for line in complete:
            number += 1
            if line := line.removesuffix(b"\r"):
                yield number, line
    if rest := rest.removesuffix(b"\r"):
        yield number + 1, rest


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
    for _, line in lines:
        end_of_name = line.find(b"\t")
        if end_of_name < 0:
            end_of_name = len(line)
        names.append(_text(line[:end_of_name]))
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
                f"{_where(path, number, line)}, column {samples[error.column]!r}: found "
                f"{_text(error.cell)!r}, expected a finite number, or for a missing value nothing, "
                "NA or NaN"
            ) from None
    return values


def _where(path: str, number: int, line: bytes) -> str:
    return f"{path}, line {number} (row {_text(line.partition(TAB)[0])!r})"


def _text(cell: bytes) -> str:
    """Decode a name; quotes, as R writes them, are taken off."""
    return cell.decode("utf-8", errors="replace").strip().strip('"')
