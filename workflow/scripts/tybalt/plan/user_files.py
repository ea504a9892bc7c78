"""Files of the user's own that a config names: what is wrong with them (PURE).

What is there and cannot be read as a file is refused while parsing. A file that is not there may
be made by a rule, of a workflow that imports this one, say: only Snakemake can tell, whose message
names the path alone; `describe_missing` then says which key is meant.
"""

import difflib
import errno
import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tybalt.plan.errors import InputError, shown, some

#: What the operating system says of a path that no file can have, and what it means.
_NO_PATH = {
    errno.ELOOP: "it is a link that leads to itself",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EACCES: "its folder may not be entered",
    errno.ENOTDIR: "what should be its folder is a file",
}


def files_of_user(datasets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """List the files that entries of datasets name: config key -> path."""
    found = {}
    for name, entry in datasets.items():
        for table, path in entry.get("files", {}).items():
            found[f"datasets.{name}.files.{table}"] = path
        for block, described in entry["blocks"].items():
            if "file" in described:
                found[f"datasets.{name}.blocks.{block}.file"] = described["file"]
    return found


def check_paths(study: Any) -> None:
    """Refuse what a study (`tybalt.plan.experiments.Study`) names and no job could read or write.

    Raises
    ------
    InputError
        Naming the key, what was found and what to do.
    """
    for key, path in study.files_of_user.items():
        check_path(path, key)
    check_folder(study.config["results_dir"], "results_dir")


def check_path(path: str, key: str) -> None:
    """Refuse a path under which no job could read a file; a missing file passes.

    Raises
    ------
    InputError
        Naming the key, what was found and what to do.
    """
    if problem := _problem_of_name(path) or _problem_of_file(path):
        raise InputError(f"{key}: found {shown(path, 200)}, expected a file; {problem}")


def check_folder(path: str, key: str) -> None:
    """Refuse a path under which there is no folder and none could be made.

    Raises
    ------
    InputError
        Naming the key, what was found and what to do.
    """
    problem = _problem_of_name(path)
    there = next(
        (each for each in (Path(path), *Path(path).parents) if os.path.lexists(each)), None
    )
    if not problem and there is not None and not there.is_dir():
        problem = f"{there} is no folder: take it away, or name another"
    if problem:
        raise InputError(f"{key}: found {shown(path, 200)}, expected a folder; {problem}")


def _problem_of_name(path: str) -> str | None:
    if not path.strip():
        return "write the path of one"
    if not path.isprintable():
        return "its path has characters that cannot be printed: rename it"
    if path.startswith("~"):
        return "nobody puts your home in the place of ~ here: write its path"
    if set("{}") & set(path):
        return "Snakemake takes braces for wildcards: rename it"
    return None


def _problem_of_file(path: str) -> str | None:
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{_NO_PATH.get(error.errno, error.strerror)}: put it right, or name another"
    if stat.S_ISDIR(mode):
        return f"it is a folder{_with_contents(path)}: name a file in it"
    if not stat.S_ISREG(mode):
        return "it is a pipe or a device, which cannot be read twice: name a file"
    if not os.access(path, os.R_OK):
        return f"you may not read it: ask its owner, or `chmod u+r {shlex.quote(path)}`"
    return None


def _with_contents(path: str) -> str:
    try:
        names = sorted(each.name for each in Path(path).iterdir())
    except OSError:
        return ""
    return f" (with {some(names)})" if names else " (and empty)"


def describe_missing(files: Mapping[str, str], said: Iterable[str]) -> list[str]:
    """Say which keys name files that are missing, of those of which Snakemake has spoken.

    Parameters
    ----------
    files
        Config key -> path.
    said
        Snakemake's messages.
    """
    lines = {line.strip() for message in said for line in message.splitlines()}
    return [
        _describe_missing(key, path)
        for key, path in files.items()
        if path in lines and not Path(path).exists()
    ]


def _describe_missing(key: str, path: str) -> str:
    folder = Path(path).absolute().parent
    hint = ""
    if Path(path).is_symlink():
        found = f"which is a link to {shown(Path(path).readlink())}, where there is nothing"
    elif not folder.is_dir():
        found = f"but there is no folder {folder}"
    else:
        found = f"but there is no such file in {folder}"
        names = [each.name for each in folder.iterdir()]
        close = difflib.get_close_matches(Path(path).name, names, n=1)
        hint = f"; did you mean {shown(Path(path).with_name(close[0]), 200)}?" if close else ""
    return (
        f"{key}: found {shown(path, 200)}, {found}, and no rule makes it; expected a file, by a "
        f"path from the folder in which Snakemake runs{hint}"
    )
