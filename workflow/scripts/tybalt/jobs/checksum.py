"""Checksums of files that are kept, by which damage is seen (standard library only)."""

import hashlib
from pathlib import Path


def checksum(path: str | Path) -> str:
    """Return the sha256 of a file, in hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
