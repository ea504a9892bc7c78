"""What a killed Snakemake leaves behind is taken over: trainings that live on, and results.

When Snakemake is killed, its jobs live on, here or in SLURM. Started again, it takes what they
were making for incomplete, deletes it and runs the jobs anew. When a SLURM job that bundles several
of its jobs is lost, it runs all of them anew, also those that had ended. So a training claims its
output while it lives: a second one for the same output waits. And it keeps its result aside until a
job that reads it begins, or Snakemake ends, which say that Snakemake has taken note: a second
training of the same code, parameters, inputs and threads takes this result and is done.

An order to train again (``--forcerun``, or a deleted output) is followed for the same reason: when
Snakemake starts, it lets go of what is kept of every output that is there and not marked as
incomplete. (Not where another workflow imports ours, whose handlers are its own, until a job has
read the output. There the order may bring back the bytes that were made before; damaged ones never,
as the checksums tell.)

All of it lies in ``checkpoints/{output}/`` beside the output, which no rule declares.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tybalt.plan.file_hashes import checksum

#: The file of the checksums, beside the outputs that are kept.
SUMS = "checksums.json"

log = logging.getLogger(__name__)


def folder_of(output: str | Path) -> Path:
    """Say where unfinished and finished work on an output is kept."""
    return Path(output).parent / "checkpoints" / Path(output).name


def identity(parameters: Mapping[str, Any], inputs: Iterable[str], threads: int) -> str:
    """Name a job by what its result depends on: 16 hex digits.

    Inputs count by path, size and time of change, folders by all files in them: a rewritten input
    makes another job.
    """
    found = [(str(file), file.stat()) for path in inputs for file in _files_of(Path(path))]
    files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in found]
    text = json.dumps([parameters, files, threads], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _files_of(path: Path) -> list[Path]:
    """List the path of a file, or those of all files in a folder."""
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Be the only process that works on an output; wait for another one to end.

    The claim ends with the process, however it ends.
    """
    path = folder / "claim"
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            _lock(file, path)
            if not _is_the_file(file, path):
                continue  # its last owner has removed it
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
                _remove_if_empty(folder)
            return


def _lock(file: Any, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("%s: another process is making this output; waiting for it to end", path)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        log.info("%s: this file system has no locks (%s); going on without", path, error)


def _is_the_file(file: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def keep(folder: Path, job: str, staged: Mapping[str, str]) -> None:
    """Keep complete outputs (name -> path) aside, without copying, and drop the checkpoints.

    A linked file shares its bytes with the output, and so damage: checksums are kept beside it.
    """
    unfinished = folder / f".{uuid.uuid4().hex[:6]}.part"
    unfinished.mkdir(parents=True)
    for name, path in staged.items():
        _link(path, unfinished / name)
    sums = json.dumps({name: _checksums(Path(path)) for name, path in staged.items()})
    (unfinished / SUMS).write_text(sums, encoding="utf-8")
    done = folder / f"done-{job}"
    shutil.rmtree(done, ignore_errors=True)
    unfinished.rename(done)
    for checkpoint in folder.glob("*.npz"):
        checkpoint.unlink(missing_ok=True)


def adopt(folder: Path, job: str, staged: Mapping[str, str]) -> bool:
    """Take over what the same job has made before, if it has; tell whether."""
    done = folder / f"done-{job}"
    if not done.exists():
        return False
    if not _is_whole(done, staged):
        log.info("%s: made before, but damaged since; made again", done)
        shutil.rmtree(done, ignore_errors=True)
        return False
    for name, path in staged.items():
        _link(done / name, path)
    log.info("%s: made before, by a job that Snakemake lost; taken over", done)
    return True


def _is_whole(done: Path, names: Iterable[str]) -> bool:
    """Tell whether all that was kept is still as it was made."""
    try:
        sums = json.loads((done / SUMS).read_text(encoding="utf-8"))
        return sums == {name: _checksums(done / name) for name in names}
    except (OSError, ValueError):
        return False


def _checksums(path: Path) -> dict[str, str]:
    """Compute the checksum of a file, or of every file in a folder by its place in it."""
    return {str(file.relative_to(path)): checksum(file) for file in _files_of(path)}


def release(paths: Iterable[str]) -> None:
    """Remove what was kept of files that a job reads, or of which Snakemake has taken note."""
    for folder in map(folder_of, paths):
        if _holds_results(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _remove_if_empty(folder.parent)


def are_kept(outputs: Iterable[str]) -> bool:
    """Tell whether something was kept of the outputs of a job."""
    return any(map(_holds_results, map(folder_of, outputs)))


def _holds_results(folder: Path) -> bool:
    return any(folder.glob("done-*"))


def _link(source: str | Path, target: str | Path) -> None:
    """Link a file, and in a folder, which has no hard links itself, every file."""
    if Path(source).is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_link)
        return
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder with nothing in it, and the folder of all checkpoints after its last one."""
    for each in (folder, folder.parent):
        if each.name == "checkpoints" or each.parent.name == "checkpoints":
            with contextlib.suppress(OSError):
                each.rmdir()
