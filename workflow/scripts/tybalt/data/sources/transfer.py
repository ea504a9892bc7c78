"""One file from one address: resumed where it broke off, complete when it is there.

requests and urllib3 do the protocol (redirects, proxies, retries with back-off); what is added is
the resumption of a transfer that broke off. pooch was not used because it starts such a transfer
again from the first byte, and the largest file here is more than half a gigabyte.

Proxies come from the environment (``http_proxy``, ``https_proxy``, ``no_proxy``), as requests
reads it; on a cluster whose compute nodes have no open internet this is the usual way out.
"""

import dataclasses
import errno
import logging
import os
import re
import shutil
import time
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter

from tybalt.jobs.files import read_json, write_json
from tybalt.plan.errors import InputError

log = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 16  # what a broken connection or a kill may lose
_MEGABYTE = 1e6
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT)


class UnavailableError(Exception):
    """One address cannot give the file; another one may."""


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes
    ----------
    connect_seconds, stall_seconds
        A connection that is not made, or over which nothing comes, for so long is given up.
    attempts
        Repeats of a request that was refused for the moment (408, 429, 5xx), and of a transfer
        that broke off without a single new byte; one that moves on may break off any number
        of times.
    backoff_seconds
        The pause before the first repeat; it doubles each time, up to `longest_pause_seconds`,
        which also limits what the server may ask for (``Retry-After``).
    """

    connect_seconds: float = 20.0
    stall_seconds: float = 60.0
    attempts: int = 6
    backoff_seconds: float = 1.0
    longest_pause_seconds: float = 120.0


def transfer(url: str, part: Path, expected_bytes: int | None, patience: Patience) -> None:
    """Download `url` to `part`, going on from what an earlier run left there.

    A file begun earlier is continued only if the server confirms, by its ETag or its
    Last-Modified date (If-Range), that it still serves the same file; else the download starts
    again. What identifies the file is kept in ``{part}.json``.

    Raises
    ------
    UnavailableError
        If this address does not give the file, or gives a web page instead of it.
    InputError
        If the disk is full. What has arrived stays, so that a later run goes on from there.
    """
    furthest, failures = _size(part), 0
    with _session(patience) as session:
        while True:
            try:
                _receive(session, url, part, expected_bytes, patience)
                return
            except urllib3.exceptions.HTTPError as error:
                arrived = _size(part)
                failures = 0 if arrived > furthest else failures + 1
                furthest = max(arrived, furthest)
                _give_up_or_wait(url, arrived, failures, error, patience)
            except OSError as error:
                if disk_is_full(error):
                    raise InputError(_full_disk_message(part, expected_bytes)) from error
                raise


def _give_up_or_wait(
    url: str, arrived: int, failures: int, error: Exception, patience: Patience
) -> None:
    if failures >= patience.attempts:
        raise UnavailableError(
            f"the transfer broke off at byte {arrived:,} ({_reason(error)}), "
            f"{failures} times without a new byte"
        ) from error
    pause = min(
        patience.backoff_seconds * 2 ** max(failures - 1, 0), patience.longest_pause_seconds
    )
    log.warning(
        "%s broke off at byte %s (%s); trying again in %.1f s",
        url,
        f"{arrived:,}",
        _reason(error),
        pause,
    )
    time.sleep(pause)


def discard(part: Path) -> None:
    """Remove a begun download and its record."""
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def is_web_page(head: bytes) -> bool:
    """Tell whether a file that begins so is HTML: what many servers send instead of an error."""
    return re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head)", head, re.I) is not None


def disk_is_full(error: OSError) -> bool:
    """Tell whether a write failed for want of space or quota."""
    return error.errno in _DISK_IS_FULL


def no_room(folder: Path, needed: int | None) -> str:
    """Say how much room there is, how much is needed, and what to do."""
    free = f"{shutil.disk_usage(folder).free / _MEGABYTE:,.1f} MB free"
    need = f"{needed / _MEGABYTE:,.1f} MB" if needed else "more"
    return (
        f"{folder}: the disk is full or the quota used up: found {free}, expected {need}; "
        "make room and run again (what has been downloaded is kept)"
    )


def _session(patience: Patience) -> requests.Session:
    session = requests.Session()
    # Archives are stored compressed; a server that compressed them again would change their
    # length and their checksum.
    session.headers["Accept-Encoding"] = "identity"
    retry = urllib3.Retry(
        total=patience.attempts,
        status_forcelist=(408, 429, 500, 502, 503, 504),
        backoff_factor=patience.backoff_seconds / 2,
        backoff_max=patience.longest_pause_seconds,
        retry_after_max=int(patience.longest_pause_seconds),
        raise_on_status=False,
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _receive(
    session: requests.Session, url: str, part: Path, expected: int | None, patience: Patience
) -> None:
    """Make one request and write what comes to the end of `part`.

    Raises
    ------
    urllib3.exceptions.HTTPError
        If the transfer breaks off.
    """
    note = _read_note(part, url)
    if note and note["bytes"] is not None and _size(part) == note["bytes"]:
        return  # an earlier run was stopped between the last byte and its check
    headers = _range_headers(_size(part), note)
    timeout = (patience.connect_seconds, patience.stall_seconds)
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.exceptions.RequestException as error:
        raise UnavailableError(_reason(error)) from error
    with response:
        if response.status_code == 416:
            discard(part)
            raise urllib3.exceptions.HTTPError("the server refuses to go on from this byte")
        if not response.ok:
            raise UnavailableError(f"the server answers {response.status_code} {response.reason}")
        start = _start(response, part, note)
        total = _announced(response, start)
        if None not in (expected, total) and expected != total:
            discard(part)
            raise UnavailableError(f"the server announces {total:,} bytes, expected {expected:,}")
        if start == 0:
            _begin(part, url, response, total)
        _require_room(part.parent, None if total is None else total - start)
        _append(response, part, start, total)


def _append(response: requests.Response, part: Path, start: int, total: int | None) -> None:
    progress = _Progress(response.url, start, total)
    with part.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        for block in response.raw.stream(_BLOCK_BYTES, decode_content=False):
            if file.tell() == 0 and is_web_page(block):
                discard(part)
                raise UnavailableError(
                    f"the server sends a web page{_title(block)} instead of the file"
                )
            file.write(block)
            progress.report(file.tell())
        # A full disk or a broken network file system may show itself only here.
        file.flush()
        os.fsync(file.fileno())
        arrived = file.tell()
    if total is not None and arrived != total:
        raise urllib3.exceptions.HTTPError(f"{arrived:,} of {total:,} bytes have come")
    progress.finish(arrived)


def _range_headers(have: int, note: dict | None) -> dict[str, str]:
    if have and note and note["validator"]:
        return {"Range": f"bytes={have}-", "If-Range": note["validator"]}
    return {}


def _start(response: requests.Response, part: Path, note: dict | None) -> int:
    """Return the position of the first byte that the server sends: 0 if it sends all."""
    if response.status_code != 206:
        if _size(part):
            log.info("%s starts again: the server does not go on from a byte", response.url)
        return 0
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    # The server has compared (If-Range) and need not repeat what it compared with.
    same = note is not None and _validator(response) in (note["validator"], None)
    if found is None or int(found[1]) != _size(part) or not same:
        discard(part)
        raise urllib3.exceptions.HTTPError("the server answers with another range or another file")
    return int(found[1])


def _announced(response: requests.Response, start: int) -> int | None:
    """Return the size of the whole file, if the server tells it."""
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _begin(part: Path, url: str, response: requests.Response, total: int | None) -> None:
    """Record what is being downloaded, before its first byte is written.

    In this order: a stop in between must never leave the new record beside old bytes.
    """
    discard(part)
    write_json({"url": url, "validator": _validator(response), "bytes": total}, str(_note_of(part)))
    part.touch()


def _validator(response: requests.Response) -> str | None:
    """Return what identifies the served file: a strong ETag, else the Last-Modified date."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _read_note(part: Path, url: str) -> dict | None:
    """Read what `part` is a part of; None (and no part left) if that is unknown."""
    try:
        note = read_json(str(_note_of(part)))
    except InputError:
        note = None
    if note is None or note["url"] != url or not part.exists():
        discard(part)
        return None
    return note


def _require_room(folder: Path, missing: int | None) -> None:
    if missing is not None and shutil.disk_usage(folder).free < missing:
        raise InputError(no_room(folder, missing))


def _full_disk_message(part: Path, expected_bytes: int | None) -> str:
    return no_room(part.parent, expected_bytes and expected_bytes - _size(part))


def _note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    """Return the innermost cause in words: the outer ones repeat it with addresses of objects."""
    inner = [getattr(error, "reason", None), *error.args]
    for cause in inner:
        if isinstance(cause, Exception):
            return _reason(cause)
    return re.sub(r"<[^>]*>:? ?|\w*Pool\(.*?\): ", "", str(error)) or type(error).__name__


def _title(page: bytes) -> str:
    found = re.search(rb"<title[^>]*>\s*(.*?)\s*</title>", page, re.I | re.S)
    return f" (title: {found[1].decode(errors='replace')[:80]})" if found else ""


class _Progress:
    """Lines in the log: at most one in ten seconds or one in twenty of the file."""

    def __init__(self, url: str, start: int, total: int | None):
        self.name = url.rsplit("/", 1)[-1]
        self.start, self.total = start, total
        self.began = self.reported = time.monotonic()
        self.next_share = (start / total if total else 0.0) + 0.05
        size = f"{total / _MEGABYTE:,.1f} MB" if total is not None else "a file of unknown size"
        log.info("%s: %s, from byte %s", self.name, size, f"{start:,}")

    def report(self, arrived: int) -> None:
        now = time.monotonic()
        share = arrived / self.total if self.total else 0.0
        if share < self.next_share and now - self.reported < 10:
            return
        self.reported = now
        self.next_share = share + 0.05
        log.info(
            "%s: %s%.1f MB, %.1f MB/s",
            self.name,
            f"{share:.0%} = " if self.total else "",
            arrived / _MEGABYTE,
            self._speed(arrived),
        )

    def finish(self, arrived: int) -> None:
        log.info(
            "%s: complete, %s bytes, %.1f MB/s", self.name, f"{arrived:,}", self._speed(arrived)
        )

    def _speed(self, arrived: int) -> float:
        return (arrived - self.start) / _MEGABYTE / max(time.monotonic() - self.began, 1e-3)
