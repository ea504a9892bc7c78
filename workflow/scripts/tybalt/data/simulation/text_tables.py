"""Write large tables of short numbers as gzipped text, a block of rows at a time."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import numpy as np
from isal import isal_zlib

#: A cell is a tab and up to seven characters, held in one 64-bit word padded with zero bytes.
_CELL = 8


class GzipText:
    """A gzip file written front to back: no name and no time in its header, so reruns are equal."""

    def __init__(self, path: str):
        self._file = Path(path).open("wb")  # noqa: SIM115 (closed by __exit__)
        self._compress = isal_zlib.compressobj(level=1, wbits=31)

    def __enter__(self) -> "GzipText":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        with self._file:
            if kind is None:
                self._file.write(self._compress.flush())

    def write(self, text: bytes | np.ndarray) -> None:
        """Append bytes."""
        self._file.write(self._compress.compress(text))


def cell_table(texts: Iterable[str]) -> np.ndarray:
    """Make the lookup table of a column of cells: code i is written as a tab and texts[i].

    Returns
    -------
    numpy.ndarray
        uint64, one entry per text.

    Raises
    ------
    ValueError
        For a text of more than seven characters.
    """
    cells = [b"\t" + text.encode() for text in texts]
    longest = max(map(len, cells))
    if longest > _CELL:
        raise ValueError(f"a cell holds {longest - 1} characters, at most {_CELL - 1} fit")
    return np.array(cells, dtype=f"S{_CELL}").view(np.uint64)


def encode_rows(names: Iterable[str], codes: np.ndarray, table: np.ndarray) -> bytes:
    """Write rows of coded cells as text.

    Parameters
    ----------
    names
        First cell of each row.
    codes
        Integers, rows x columns, positions in `table`.
    """
    return b"".join(
        name.encode() + _text_of(table[row]) + b"\n" for name, row in zip(names, codes, strict=True)
    )


def _text_of(words: np.ndarray) -> bytes:
    characters = words.view(np.uint8)
    return characters[characters != 0].tobytes()


def write_rows(
    path: str,
    corner: str,
    columns: Iterable[str],
    blocks: Iterable[bytes],
    report: Callable[[int], None] = lambda block: None,
) -> None:
    """Write a header line and the encoded blocks; `report` hears the number of each block."""
    with GzipText(path) as file:
        file.write(("\t".join([corner, *columns]) + "\n").encode())
        for i, block in enumerate(blocks):
            file.write(block)
            report(i)
