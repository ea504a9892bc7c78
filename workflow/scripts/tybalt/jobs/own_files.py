"""What the workflow has written and cannot read: which file it is, and what to do about it.

Files between stages may have been cut short, emptied or edited. Whatever then goes wrong while one
is read ends in one sentence that names it.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tybalt.plan.errors import InputError, shown
from tybalt.plan.places import RESOURCES_FOLDER


def own_file(read: Callable) -> Callable:
    """Decorate a function that reads a file of the workflow, the first of its arguments.

    What is no path (a file inside a file) is left to who reads the outer one.
    """

    @functools.wraps(read)
    def named(path: Any, *others: Any, **more: Any) -> Any:
        if not isinstance(path, str | Path):
            return read(path, *others, **more)
        with reading(path):
            return read(path, *others, **more)

    return named


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while a file of the workflow is read into an InputError."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, InputError) and str(path) in str(error):
            raise
        what = shown(f"{type(error).__name__}: {error}", 120)[1:-1]
        raise InputError(f"{path}: cannot be read ({what}); {cure(path)}") from error


def cure(path: str | Path) -> str:
    """Say what to do about a file of the workflow that is damaged."""
    if Path(path).resolve().parent == RESOURCES_FOLDER:
        return "it belongs to the workflow: put it back (git checkout)"
    return "delete it and run again: it is made anew"


def check_has_column(error: KeyError) -> None:
    """Raise an InputError in place of a KeyError where a table lacks a column.

    The table is looked for where the error was raised; `tybalt.jobs.files.read_table` notes the
    file of each.
    """
    step = error.__traceback__
    while step is not None:
        owner = step.tb_frame.f_locals.get("self")
        for table in (owner, getattr(owner, "obj", None)):  # an indexer (.loc) holds its table
            attributes = getattr(table, "attrs", None)
            if isinstance(attributes, dict) and "path" in attributes:
                path, name = attributes["path"], shown(error.args[0])
                raise InputError(f"{path}: it lacks a column ({name}); {cure(path)}")
        step = step.tb_next
