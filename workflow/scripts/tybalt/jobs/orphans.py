"""What a killed Snakemake leaves behind is taken over: trainings that live on, and results.

When Snakemake is killed, its jobs live on, here or in SLURM. Started again, it takes what they
were making for incomplete, deletes it and runs the jobs anew. When a SLURM job that bundles several
of its jobs is lost, it runs all of them anew, also those that had ended. So a training claims its
output while it lives: a second one for the same output waits. And it keeps its result aside until a
job that reads it begins, which says that Snakemake has taken note: a second training of the same
code, parameters, inputs and threads takes this result and is done.

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
    path = folder / "verdict"
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
    """Keep complete outputs (name -> path) aside, without copying, and drop the checkpoints."""
    unfinished = folder / f".{uuid.uuid4().hex[:6]}.part"
    unfinished.mkdir(parents=True)
    for name, path in staged.items():
        _link(path, unfinished / name)
    done = folder / f"done-{job}"
    shutil.rmtree(done, ignore_errors=True)
    unfinished.rename(done)
    for checkpoint in folder.glob("*.npz"):
        checkpoint.unlink(missing_ok=True)


def adopt(folder: Path, job: str, staged: Mapping[str, str]) -> bool:
    """Take over what the same job has made before, if it has; tell whether."""
    done = folder / f"done-{job}"
    if not all((done / name).exists() for name in staged):
        return False
    for name, path in staged.items():
        _link(done / name, path)
    log.info("%s: made before, by a job that Snakemake lost; taken over", done)
    return True


def release(inputs: Iterable[str]) -> None:
    """Remove what was kept of the files that a job reads: Snakemake knows that they are there."""
    for folder in map(folder_of, inputs):
        if any(folder.glob("done-*")):
            shutil.rmtree(folder, ignore_errors=True)
            _remove_if_empty(folder.parent)


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
