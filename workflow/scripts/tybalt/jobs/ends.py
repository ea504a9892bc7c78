"""Ends of a job that nobody has to debug: a full disk, too little memory, an interruption."""

import errno
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: What an operating system says, or a library that has no number for it, when nothing more can be
#: written.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_IN_WORDS = ("No space left on device", "Disk quota exceeded")

#: What libraries say when they get no memory. The last is Python's word for a C function that has
#: failed for that reason and forgotten to say so.
_NO_MEMORY_IN_WORDS = (
    "OOM when allocating",
    "Out of memory",
    "out of memory",
    "RESOURCE_EXHAUSTED",
    "failed to allocate",
    "Unable to allocate",
    "error return without exception set",
)

#: Less is left on a disk that is called full, in bytes.
_ROOM = 1 << 20


def in_words(error: BaseException, outputs: Iterable[str], memory: int | None) -> str | None:
    """Say in one sentence why a job has ended and what to do; None if it is not such an end.

    Parameters
    ----------
    error
        What the job has raised.
    outputs
        Files that it was to write.
    memory
        What its rule has asked for, in MB.
    """
    chain = list(_chain(error))
    if any(_is_full(each) for each in chain):
        return (
            f"{_full_place(chain, outputs)}: no space is left on this disk; free some and run "
            "again: nothing is left half-written, and what is complete is kept"
        )
    if any(_is_for_want_of_memory(each) for each in chain):
        asked = f" (its rule asks for {memory:,} MB)" if memory else ""
        return (
            f"out of memory{asked}: run fewer jobs at a time (--cores, --resources mem_mb=...), "
            "give the rule more (--set-resources RULE:mem_mb=...), or lower batch_size, "
            "hidden_dim, latent_dim or the number of genes"
        )
    return None


def _chain(error: BaseException | None) -> Iterable[BaseException]:
    """Give an error, what has caused it, what caused that ..."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in _FULL_IN_WORDS)


def _full_place(chain: Iterable[BaseException], outputs: Iterable[str]) -> Path:
    """Find the file that could not be written, else the folder whose disk is full."""
    for error in chain:
        if isinstance(error, OSError) and error.filename is not None:
            return Path(str(error.filename))
    folders = [*dict.fromkeys(Path(path).parent for path in outputs), Path(tempfile.gettempdir())]
    full = [each for each in folders if each.is_dir() and shutil.disk_usage(each).free < _ROOM]
    return (full or folders)[0]


def _is_for_want_of_memory(error: BaseException) -> bool:
    tensorflow: Any = sys.modules.get("tensorflow")
    exhausted = tensorflow.errors.ResourceExhaustedError if tensorflow else MemoryError
    if isinstance(error, MemoryError | exhausted):
        return True
    return any(words in str(error) for words in _NO_MEMORY_IN_WORDS)
