"""The tables of a study as files that are complete, verified and remembered.

``sources.lock.json``, beside the downloads, remembers which freeze each table came from and the
SHA-256 of every file that was loaded: no checksum of the TCGA archives was ever published, so the
first download sets the standard for every later one.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tarfile
import urllib.parse
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from isal import igzip, isal_zlib

from tybalt.data.sources.transfer import (
    Patience,
    UnavailableError,
    discard,
    disk_is_full,
    is_web_page,
    no_room,
    transfer,
)
from tybalt.jobs.files import read_json, write_json
from tybalt.plan.errors import InputError
from tybalt.plan.file_hashes import checksum

log = logging.getLogger(__name__)

LOCK_FILE = "sources.lock.json"
#: How long every download waits for its servers.
PATIENCE = Patience()

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_BROKEN_GZIP = (EOFError, igzip.BadGzipFile, isal_zlib.error, zlib.error)


class UnusableError(Exception):
    """The bytes are not those expected."""


def download_source(
    name: str,
    urls: Sequence[Mapping[str, Any]],
    published_freeze: str,
    downloads: str,
    sources_dir: str | None,
    file: str,
    record: str,
) -> None:
    """Get one table of a study: from a folder of the user's, an earlier download, or the network.

    Parameters
    ----------
    name
        The table, for messages and for the lock file.
    urls
        Where it is, in order of preference. Each has `url`, `freeze`, `member` (path inside a
        .tar.gz, or None), `sha256` and `bytes` (None if unknown); see resources/sources.yaml.
    published_freeze
        The freeze to which published facts apply.
    downloads
        Folder of the files as the servers gave them, by address (an archive with several tables
        is loaded once), of begun downloads and of the lock file. It outlives reruns.
    sources_dir
        Folder with files that are already there, named as the last part of an address or of a
        member; None if there is none. They are looked for first, read where they are and copied,
        not linked: whoever owns them may change or remove them later.
    file
        Output: the table, always gzip-compressed TSV.
    record
        Output: JSON with `table`, `url`, `freeze`, `published` (is it the published freeze?),
        `member`, `name` (of the file that was checked), `sha256`, `bytes`.

    Raises
    ------
    InputError
        If no source can give the table, a checksum differs, or the disk is full.
    """
    folder = Path(downloads)
    folder.mkdir(parents=True, exist_ok=True)
    sources = _of_the_locked_freeze(name, urls, folder)
    try:
        origin, entry = _find(name, sources, folder, sources_dir)
        _deliver(origin, entry, Path(file))
    except OSError as error:
        if disk_is_full(error):
            raise InputError(no_room(Path(file).parent, None)) from error
        raise
    _remember(name, entry, folder)
    write_json({"table": name, "published": entry["freeze"] == published_freeze, **entry}, record)


# --- where from ---------------------------------------------------------------------------------


def _of_the_locked_freeze(name: str, urls: Sequence[Mapping], folder: Path) -> list[Mapping]:
    """Keep the sources of the freeze that was used before, so that reruns never mix freezes."""
    locked = _read_lock(folder)["tables"].get(name)
    if locked is None:
        return list(urls)
    sources = [source for source in urls if source["freeze"] == locked["freeze"]]
    if not sources:
        raise InputError(
            f"{folder / LOCK_FILE}, tables.{name}: found freeze {locked['freeze']!r}, which none "
            "of its sources has; remove this entry to take another freeze"
        )
    if len(sources) < len(urls):
        log.info("%s: only freeze %s, as recorded in %s", name, locked["freeze"], LOCK_FILE)
    return sources


def _find(
    name: str,
    sources: Sequence[Mapping],
    folder: Path,
    sources_dir: str | None,
) -> tuple[Path, dict]:
    """Return a verified file that has the table, and what is known of it."""
    if sources_dir is not None:
        found = _find_locally(name, sources, folder, Path(sources_dir))
        if found:
            return found
    problems = []
    for source in sources:
        try:
            return _download(source, folder)
        except UnavailableError as problem:
            log.warning("%s: %s: %s", name, source["url"], problem)
            problems.append(f"\n  {source['url']}: {problem}")
    raise InputError(
        f"{name}: none of its {len(sources)} sources could give it:{''.join(problems)}\n"
        "Is there a network (or http_proxy, https_proxy)? Or load the file elsewhere and name its "
        "folder in the config: sources_dir"
    )


def _find_locally(
    name: str, sources: Sequence[Mapping], folder: Path, sources_dir: Path
) -> tuple[Path, dict] | None:
    if not sources_dir.is_dir():
        raise InputError(f"sources_dir: found no folder {sources_dir}")
    wanted = [(source, file) for source in sources for file in _file_names(source)]
    for source, file_name in wanted:
        path = sources_dir / file_name
        if not path.is_file():
            continue
        entry = _entry(source, file_name)
        try:
            entry = _verify(path, entry, folder)
        except UnusableError as problem:
            raise InputError(f"{path}: {problem}; replace or remove this file") from problem
        log.info("%s: taken from %s, checked", name, path)
        return path, entry
    names = ", ".join(dict.fromkeys(file for _, file in wanted))
    log.info("%s: sources_dir %s has none of %s", name, sources_dir, names)
    return None


def _file_names(source: Mapping) -> list[str]:
    """Return the names under which a source may lie in a folder: as served, or unpacked."""
    names = [_served_name(source["url"])]
    return names + [source["member"].rsplit("/", 1)[-1]] if source["member"] else names


def _served_name(url: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path).rsplit("/", 1)[-1]


def _place(url: str, folder: Path) -> Path:
    """Return where a download is kept: each address has a place of its own.

    Files of the same name from different addresses, thus freezes, must never be confused.
    """
    parts = urllib.parse.urlsplit(url)
    address = urllib.parse.quote(f"{parts.netloc}{parts.path}?{parts.query}".rstrip("?"), "/:%")
    return folder.joinpath(*(part for part in address.split("/") if part not in ("", ".", "..")))


def _entry(source: Mapping, file_name: str) -> dict[str, Any]:
    """Return what is to be recorded of a file; of an unpacked member no checksum is published."""
    served = file_name == _served_name(source["url"])
    return {
        "url": source["url"],
        "freeze": source["freeze"],
        "member": source["member"] if served else None,
        "name": file_name,
        "sha256": source["sha256"] if served else None,
        "bytes": source["bytes"] if served else None,
    }


def _download(source: Mapping, folder: Path) -> tuple[Path, dict]:
    """Load a file once for all tables that are in it; two jobs take turns."""
    entry = _entry(source, _served_name(source["url"]))
    path = _place(source["url"], folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _exclusively(path):
        if path.exists():
            try:
                return path, _verify(path, entry, folder)
            except UnusableError as problem:
                log.warning("%s, loaded earlier: %s; loading it again", path, problem)
                path.unlink()
        part = path.with_name(f"{path.name}.part")
        # A byte that was changed on the way shows only at the end: one fresh start.
        for last_try in (False, True):
            transfer(source["url"], part, _expected(entry, folder)["bytes"], PATIENCE)
            try:
                entry = _verify(part, entry, folder)
                break
            except UnusableError as problem:
                discard(part)
                if last_try:
                    raise UnavailableError(f"{problem}, twice") from problem
                log.warning("%s: %s; loading it again", source["url"], problem)
        part.replace(path)
        discard(part)
        return path, entry


# --- is it the right file? ----------------------------------------------------------------------


def _verify(path: Path, entry: Mapping, folder: Path) -> dict[str, Any]:
    """Check a file; return its entry with size and checksum filled in.

    With a known checksum the answer is certain. Without one, a web page, an empty file and a
    gzip whose own length or checksum (CRC-32) is wrong are refused.
    """
    expected = _expected(entry, folder)
    size = path.stat().st_size
    if expected["bytes"] is not None and size != expected["bytes"]:
        raise UnusableError(f"found {size:,} bytes, expected {expected['bytes']:,}")
    _refuse_other_content(path)
    digest = checksum(path)
    if expected["sha256"] is None:
        if _begins_with(path, _GZIP_MAGIC):
            _check_gzip(path)
        log.info(
            "%s: no checksum is known; SHA-256 %s is recorded from now on", entry["name"], digest
        )
    elif digest != expected["sha256"]:
        raise UnusableError(
            f"found SHA-256 {digest}, expected {expected['sha256']} ({expected['known_from']})"
        )
    return {**entry, "sha256": digest, "bytes": size}


def _expected(entry: Mapping, folder: Path) -> dict[str, Any]:
    """Return size and checksum, as published, else as recorded at the first download."""
    if entry["sha256"] is not None:
        known_from = "resources/sources.yaml"
        return {"sha256": entry["sha256"], "bytes": entry["bytes"], "known_from": known_from}
    known = _read_lock(folder)["files"].get(_key(entry), {"sha256": None, "bytes": entry["bytes"]})
    return {**known, "known_from": f"recorded in {folder / LOCK_FILE} at the first download"}


def _refuse_other_content(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(1024)
    if not head:
        raise UnusableError("found an empty file")
    if is_web_page(head):
        raise UnusableError("found a web page (HTML), expected a table or an archive")
    if path.name.removesuffix(".part").endswith(".gz") and not head.startswith(_GZIP_MAGIC):
        raise UnusableError(f"found a file that begins with {head[:16]!r}, expected a gzip file")


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic


def _check_gzip(path: Path) -> None:
    try:
        with igzip.open(path) as stream:
            while stream.read(_BLOCK_BYTES):
                pass
    except _BROKEN_GZIP as error:
        raise UnusableError(f"found a damaged gzip file ({error})") from error


# --- the table itself ---------------------------------------------------------------------------


def _deliver(origin: Path, entry: Mapping, file: Path) -> None:
    """Write the table as gzip: a member unpacked from its archive, or the file as it is."""
    if entry["member"] is not None:
        with _open_member(origin, entry["member"]) as stream:
            _compress(stream, file)
    elif _begins_with(origin, _GZIP_MAGIC):
        # A copy, also of what we downloaded: whatever changes one file must not change the other.
        shutil.copyfile(origin, file)
    else:
        with origin.open("rb") as stream:
            _compress(stream, file)


def _compress(stream: BinaryIO, file: Path) -> None:
    with (
        file.open("wb") as raw,
        igzip.IGzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(stream, packed, _BLOCK_BYTES)


@contextlib.contextmanager
def _open_member(archive: Path, member: str) -> Iterator[BinaryIO]:
    """Read a member of a .tar.gz while it is inflated; nothing else is written to disk."""
    names = []
    try:
        with igzip.open(archive) as inflated, tarfile.open(fileobj=inflated, mode="r|") as tar:
            for info in tar:
                names.append(info.name)
                if info.isfile() and info.name.removeprefix("./") == member:
                    yield tar.extractfile(info)
                    return
    except (tarfile.TarError, *_BROKEN_GZIP) as error:
        raise InputError(f"{archive}: found no readable tar archive ({error})") from error
    raise InputError(f"{archive}: found the members {', '.join(names)}, expected {member}")


# --- the lock file ------------------------------------------------------------------------------


def _read_lock(folder: Path) -> dict[str, dict]:
    path = folder / LOCK_FILE
    return read_json(str(path)) if path.exists() else {"tables": {}, "files": {}}


def _remember(name: str, entry: Mapping, folder: Path) -> None:
    path = folder / LOCK_FILE
    with _exclusively(path):
        lock = _read_lock(folder)
        table = {key: entry[key] for key in ("url", "freeze")}
        checksum = {key: entry[key] for key in ("sha256", "bytes")}
        if (lock["tables"].get(name), lock["files"].get(_key(entry))) != (table, checksum):
            lock["tables"][name] = table
            lock["files"][_key(entry)] = checksum
            staged = path.with_name(f".{path.name}.{os.getpid()}")
            write_json(lock, str(staged))
            staged.replace(path)


def _key(entry: Mapping) -> str:
    """Name a file in the lock file: its address, and the member if it was found unpacked."""
    served = entry["name"] == _served_name(entry["url"])
    return entry["url"] if served else f"{entry['url']}#{entry['name']}"


@contextlib.contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    """Let one job at a time work on `path`; the operating system frees the lock of a killed job."""
    with path.with_name(f".{path.name}.busy").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another job that works on %s", path)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
