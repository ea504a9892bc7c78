"""Opening raw files from other sites: plain or gzip, told by their content, with clear errors."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from isal import igzip, igzip_threaded, isal_zlib

from tybalt.plan.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_READ_AHEAD = 1 << 20  # bytes that the inflating thread puts down at a time
_LOOKED_AT = 512  # bytes from the start, by which a file is told from others

#: How files of other forms begin, and what to do about them.
_OTHER_FORMS = {
    b"\xfd7zXZ\x00": "an xz file; unpack it (unxz), or compress it with gzip",
    b"BZh": "a bzip2 file; unpack it (bunzip2), or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it (unzstd), or compress it with gzip",
    b"PK\x03\x04": "a zip file, as workbooks of Excel are too; unpack it, or save the sheet as "
    "tab-separated text",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel; save the sheet as tab-separated text",
    b"\x89HDF": "an HDF5 file; write its matrix as tab-separated text",
    b"\xff\xfe": "text in UTF-16; convert the file: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "text in UTF-16; convert the file: iconv -f UTF-16 -t UTF-8",
}


@contextmanager
def open_raw(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading bytes; gzip is inflated in a thread of its own.

    Raises
    ------
    InputError
        For a file that is missing, empty, a web page or of another form than text, and for a gzip
        that ends too early, is damaged or has something behind it; also while it is being read.
    """
    try:
        with _open(path) as file:
            yield file
    except EOFError:
        raise InputError(f"{path}: {_what_ends(path)}") from None
    except (gzip.BadGzipFile, isal_zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged ({error}); get it again") from None


def _open(path: str) -> BinaryIO:
    start = _first_bytes(path)
    _refuse_other_forms(path, start)
    if start.startswith(_GZIP_MAGIC):
        with igzip.open(path, "rb") as file:
            inflated = file.read(_LOOKED_AT)
        if inflated.startswith(_GZIP_MAGIC):
            raise InputError(f"{path}: found a gzip file inside the gzip file; unpack it once")
        _refuse_other_forms(path, inflated)
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
            start = file.read(_LOOKED_AT)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:  # a folder, a link to itself, somebody else's
        raise InputError(
            f"{path}: cannot be opened ({error.strerror}), expected a file that may be read"
        ) from None
    if not start:
        raise InputError(f"{path}: the file is empty")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise InputError(
            f"{path}: found a web page ({start[:40]!r}), expected a table; "
            "the download failed: get the file again"
        )
    return start


def _refuse_other_forms(path: str, start: bytes) -> None:
    for magic, form in _OTHER_FORMS.items():
        if start.startswith(magic):
            raise InputError(f"{path}: found {form}")
    if b"\0" in start and not start.startswith(_GZIP_MAGIC):
        raise InputError(
            f"{path}: found bytes that are no text ({start[:16]!r}), expected a table; a file in "
            "UTF-16 is converted by: iconv -f UTF-16 -t UTF-8"
        )


def _what_ends(path: str) -> str:
    """Say why a gzip file cannot be read to its end: cut off, or followed by something else."""
    with Path(path).open("rb") as file:
        member = zlib.decompressobj(wbits=31)
        while chunk := file.read(_READ_AHEAD):
            member.decompress(chunk)
            if not member.eof:
                continue
            rest = member.unused_data.lstrip(b"\0")
            if rest and not rest.startswith(_GZIP_MAGIC):
                return (
                    f"found other bytes behind the end of the gzip file ({rest[:16]!r}); get it "
                    "again, or unpack and compress it anew"
                )
            member = zlib.decompressobj(wbits=31)
            if rest:
                member.decompress(rest)
    return "the gzip file is truncated (it ends before its end mark); get it again"
