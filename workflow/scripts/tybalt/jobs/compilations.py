"""What XLA has compiled is kept for later trainings: an optimisation that each can do without.

A training whose network has the shape of an earlier one need not compile it again, which takes
longer than a short training; the numbers are the same to the last bit. But XLA trusts what it
reads: one flipped bit may end the process without a word. So no job works in the shared folder. It
links what is whole (the name of an entry ends with its checksum) into a folder of its own, removes
what is damaged, and shares what it has compiled once it has succeeded. Should a training fail in
the framework all the same (on a full disk, say), its process begins anew, without all this.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tybalt.jobs.provenance import version_of
from tybalt.plan.file_hashes import checksum

#: Where TensorFlow is told of a cache; one that the user has named is left alone.
FLAGS = "TF_XLA_FLAGS"

#: Why a process that has begun anew does without; unset in one that has not.
WITHOUT = "TYBALT_WITHOUT_COMPILATIONS"

#: Entries (some hundred kilobytes each) that are kept; all are read when a training begins.
MOST = 128

#: Bytes that have to be free; what is compiled must not take the room of what is needed there.
ROOM = 64 << 20

log = logging.getLogger(__name__)


@contextlib.contextmanager
def reused() -> Iterator[None]:
    """Let XLA find what earlier trainings have compiled, and keep what this one compiles."""
    if reason := os.environ.pop(WITHOUT, None):
        log.info("beginning anew without what was compiled before: %s", reason)
        yield
        return
    shared = None if FLAGS in os.environ else shared_folder()
    own = shared and borrow(shared)
    if own is None:
        yield
        return
    os.environ[FLAGS] = (
        f"--tf_xla_persistent_cache_directory={own} --tf_xla_persistent_cache_device_types=CPU"
    )
    try:
        yield
        give_back(own, shared)
    except Exception as error:
        if not is_of_the_framework(error):
            raise
        for entry in entries(shared):
            entry.unlink(missing_ok=True)
        raise CompilationsError(str(error)) from error
    finally:
        del os.environ[FLAGS]
        shutil.rmtree(own, ignore_errors=True)


class CompilationsError(Exception):
    """A training has failed in the framework while it used what others have compiled."""


def is_of_the_framework(error: BaseException) -> bool:
    """Tell whether TensorFlow itself has failed, other than for want of memory."""
    tensorflow = sys.modules.get("tensorflow")
    failed = tensorflow is not None and isinstance(error, tensorflow.errors.OpError)
    return failed and not any(words in str(error) for words in ("OOM when", "Out of memory"))


def begin_anew(reason: str) -> None:
    """Run this process again from its beginning, without the cache; does not return.

    TensorFlow reads its flags once in the life of a process.
    """
    os.environ[WITHOUT] = " ".join(reason.split())[:300] or "no reason was given"
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def shared_folder() -> Path | None:
    """Make the folder for this machine's kind of CPU, the user's alone; None if it cannot be."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind = sorted({line for line in lines if line.startswith(("model name", "flags"))})
        text = "\n".join([*kind, *(str(version_of(name)) for name in ("tensorflow", "keras"))])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        folder = Path(tempfile.gettempdir(), f"tybalt-compiled-{os.getuid()}-{digest}")
        folder.mkdir(mode=0o700, exist_ok=True)
        own = folder.lstat()
    except OSError:
        return None
    return folder if stat.S_ISDIR(own.st_mode) and own.st_uid == os.getuid() else None


def borrow(shared: Path) -> Path | None:
    """Make a folder with all entries that are whole, under their own names; None if it cannot be.

    Folders of jobs that are no longer alive are removed.
    """
    try:
        for left in shared.glob("job-*"):
            if not Path("/proc", left.name.split("-")[1]).exists():
                shutil.rmtree(left, ignore_errors=True)
        if shutil.disk_usage(shared).free < ROOM:
            log.info("%s: little room is left on this disk; compiling without a cache", shared)
            return None
        own = Path(tempfile.mkdtemp(prefix=f"job-{os.getpid()}-", dir=shared))
        for entry in entries(shared):
            name, _, digest = entry.name.rpartition(".")
            if checksum(entry) != digest:
                log.info("%s: damaged; removed", entry)
                entry.unlink(missing_ok=True)
            elif not (own / name).exists():
                os.link(entry, own / name)
    except OSError as error:
        log.info("%s: cannot be used (%s); going on without", shared, error)
        return None
    return own


def give_back(own: Path, shared: Path) -> None:
    """Share what this job has compiled; the oldest entries go when there are too many."""
    with contextlib.suppress(OSError):
        known = {entry.name.rpartition(".")[0] for entry in entries(shared)}
        for made in own.glob("*.pb"):
            if made.name not in known:
                made.rename(shared / f"{made.name}.{checksum(made)}")
        for entry in entries(shared)[MOST:]:
            entry.unlink(missing_ok=True)


def entries(shared: Path) -> list[Path]:
    """List the entries, the youngest first."""
    return sorted(shared.glob("*.pb.*"), key=lambda entry: entry.stat().st_mtime, reverse=True)
