"""What is in the files of users, as short hashes that decide about reruns (PURE: standard library).

Snakemake compares times first, so a file that is replaced by a corrected but older one (``cp -p``,
``rsync -a``, ``tar x``) would go unnoticed, and one that is only touched may rerun everything.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

#: Where hashes are kept, beside Snakemake's own records.
KEPT = Path(".snakemake") / "file_hashes.json"


def checksum(path: str | Path) -> str:
    """Return the sha256 of a file, in hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Sequence[str], kept: Path = KEPT) -> list[str]:
    """Hash what is in files: 16 hex digits each.

    A file is read once for its path, size and times; the hash is kept in `kept`, if its
    folder exists and can be written to.

    Returns
    -------
    list of str
        In the order of `paths`; for a file that cannot be read why that is, as the job that reads
        it will say.
    """
    known = _read(kept)
    found = {_name(path): _entry(path, known) for path in paths}
    if any(known.get(name) != entry for name, entry in found.items()):
        _write(known | found, kept)
    return [found[_name(path)][-1] for path in paths]


def _name(path: str) -> str:
    return str(Path(path).absolute())


def _entry(path: str, known: dict[str, list]) -> list:
    """Return size, time of change and hash of a file, from what is known if it is the same file."""
    try:
        state = Path(path).stat()
        # The last changes too if only the other two are made equal, as `touch -d` does.
        key = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        entry = known.get(_name(path), [])
        if entry[:-1] == key:
            return entry
        return [*key, checksum(path)[:16]]
    except OSError as error:
        return [0, 0, 0, str(error.strerror)]


def _read(kept: Path) -> dict[str, list]:
    try:
        entries = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write(entries: dict[str, list], kept: Path) -> None:
    unfinished = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        unfinished.write_text(json.dumps(entries, indent=1, sort_keys=True), encoding="utf-8")
        unfinished.replace(kept)
    except OSError:  # a folder that cannot be written to: hashed again next time
        unfinished.unlink(missing_ok=True)
