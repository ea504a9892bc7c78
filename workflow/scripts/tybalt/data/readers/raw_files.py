"""Opening raw files from other sites: plain or gzip, told by their content, with clear errors."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal import igzip_threaded, isal_zlib

from tybalt.plan.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_READ_AHEAD = 1 << 20  # bytes that the inflating thread puts down at a time


@contextmanager
def open_raw(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading bytes; gzip is inflated in a thread of its own.

    Raises
    ------
    InputError
        For a file that is missing, empty, a web page, or a gzip that ends too early or is
        damaged; also while it is being read.
    """
    try:
        with _open(path) as file:
            yield file
    except EOFError:
        raise InputError(
            f"{path}: the gzip file is truncated (it ends before its end mark); get it again"
        ) from None
    except (gzip.BadGzipFile, isal_zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged ({error}); get it again") from None


def _open(path: str) -> BinaryIO:
    start = _first_bytes(path)
    if start.startswith(_GZIP_MAGIC):
        return igzip_threaded.open(path, "rb", block_size=_READ_AHEAD)
    if str(path).endswith(".gz"):
        raise InputError(
            f"{path}: found {start[:16]!r} at the start, expected a gzip file; "
            "compress it, or give it a name without .gz"
        )
    return Path(path).open("rb")


def _first_bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            start = file.read(512)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    if not start:
        raise InputError(f"{path}: the file is empty")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(
            f"{path}: found a web page ({start[:40]!r}), expected a table; "
            "the download failed: get the file again"
        )
    return start
