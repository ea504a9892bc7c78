"""The one door between Snakemake and the library.

`run(function, snakemake)` binds a rule to a function by name, so that an argument cannot end up
in the wrong place; sends log messages and tracebacks to the rule's log; limits threads; stops a job
that was granted a GPU which its framework does not see; lets the function write under temporary
names and renames the files when it has succeeded; and writes the provenance record where the rule
asks for one. An output may be a folder, `directory()`: the function makes it under the name that
it is given, and it is renamed whole.

Four names of a rule are reserved and never reach the function: the parameters `code` and `content`
(hashes of the code and of what is in files of users, for reruns) and `script` (its file, where
rules share all but that), and the output `provenance`, which is the adapter's. Three arguments of a
function are filled by the adapter and named by no rule: `threads`, the rule's threads;
`checkpoint`, where and how often to keep an unfinished result (see `checkpoint`); and
`contrasts_to_check`, those of the dataset, which are checked before anything is trained, and of
which a change must not train anything again.
"""

import errno
import inspect
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tybalt.jobs import accelerator, compilations, ends, orphans
from tybalt.jobs.environment import choose_framework, limit_threads, report_interrupts, start_log
from tybalt.jobs.files import write_json
from tybalt.jobs.own_files import check_has_column
from tybalt.jobs.provenance import provenance
from tybalt.plan.errors import InputError

log = logging.getLogger(__name__)

# A script imports this first, and may be interrupted while it imports the rest.
report_interrupts()


def run(function: Callable[..., None], snakemake: Any) -> None:
    """Call a library function with the values of a Snakemake job.

    Parameters
    ----------
    function
        Its argument names are the names of the rule's input, params and output.
    snakemake
        The object that Snakemake puts into a script.
    """
    start_log(str(snakemake.log[0]))
    try:
        run_logged(function, snakemake)
    except compilations.CompilationsError as error:
        compilations.begin_anew(str(error))
    except InputError:
        raise
    except Exception as error:
        outputs = [str(path) for path in dict(snakemake.output.items()).values()]
        sentence = ends.in_words(error, outputs, snakemake.resources.get("mem_mb"))
        if sentence is None:
            raise
        log.info("%s: %s", type(error).__name__, error)
        raise InputError(sentence) from error


def run_logged(function: Callable[..., None], snakemake: Any) -> None:
    """As `run`, with a log that has been started."""
    choose_framework()
    limit_threads(snakemake.threads)
    started = time.time()
    outputs = dict(snakemake.output.items())
    staged = {name: stage(path) for name, path in outputs.items()}
    arguments = bind(function, snakemake, staged)
    log.info("%s: %s", snakemake.rule, describe_wildcards(snakemake.wildcards))
    if snakemake.resources.get("accelerator"):
        accelerator.demand(snakemake.config["training"]["backend"])
    orphans.release(input_files(snakemake))
    try:
        if "checkpoint" in arguments:
            make_once(function, snakemake, arguments, staged, started)
        else:
            make(function, snakemake, arguments, staged, started)
        for name, path in outputs.items():
            put_in_place(Path(staged[name]), Path(path))
    finally:
        for path in staged.values():
            remove(Path(path))
    log.info("done in %.1f s", time.time() - started)


def make(
    function: Callable[..., None],
    snakemake: Any,
    arguments: Mapping[str, Any],
    staged: Mapping[str, str],
    started: float,
) -> None:
    """Call the function and, where the rule asks for it, write the provenance record."""
    try:
        function(**arguments)
    except KeyError as error:
        check_has_column(error)
        raise
    if "provenance" in staged:
        write_json(provenance(snakemake, started), staged["provenance"])


def make_once(
    function: Callable[..., None],
    snakemake: Any,
    arguments: Mapping[str, Any],
    staged: Mapping[str, str],
    started: float,
) -> None:
    """As `make`, for trainings: not beside another process, not again (`tybalt.jobs.orphans`)."""
    folder = Path(arguments["checkpoint"]["folder"])
    job = orphans.identity(
        dict(snakemake.params.items()), input_files(snakemake), snakemake.threads
    )
    with orphans.claim(folder):
        if not orphans.adopt(folder, job, staged):
            with compilations.reused():
                make(function, snakemake, arguments, staged, started)
            orphans.keep(folder, job, staged)


def input_files(snakemake: Any) -> list[str]:
    """List the input files of a job; a name of the rule may stand for several."""
    values = [value for _, value in snakemake.input.items()]
    return [
        str(path)
        for value in values
        for path in ([value] if isinstance(value, str | Path) else value)
    ]


def bind(
    function: Callable[..., None], snakemake: Any, outputs: Mapping[str, str]
) -> dict[str, Any]:
    """Collect the function's keyword arguments from the job.

    Raises
    ------
    TypeError
        If names of the rule and of the function differ, or one name is used twice.
    """
    groups = [dict(snakemake.input.items()), dict(snakemake.params.items()), dict(outputs)]
    values: dict[str, Any] = {}
    for group in groups:
        for name, value in group.items():
            if name in values:
                raise TypeError(f"rule {snakemake.rule}: {name!r} is named twice")
            values[name] = value
    for reserved in ("code", "script", "content", "provenance"):
        values.pop(reserved, None)
    accepted = inspect.signature(function).parameters
    if "threads" in accepted:
        values["threads"] = snakemake.threads
    if "checkpoint" in accepted:
        values["checkpoint"] = checkpoint(snakemake)
    if "contrasts_to_check" in accepted:
        entry = snakemake.config["contrasts_to_check"][snakemake.wildcards.dataset]
        values["contrasts_to_check"] = entry
    if set(values) != set(accepted):
        raise TypeError(
            f"rule {snakemake.rule} gives {sorted(values)}, "
            f"{function.__name__} takes {sorted(accepted)}"
        )
    return values


def stage(path: str) -> str:
    """Return a unique temporary name beside `path`, with the same suffix, for a file or a folder.

    Left-overs of earlier jobs of this machine that are no longer alive are removed.
    """
    final = Path(path)
    host = os.uname().nodename
    for stale in final.parent.glob(f".{host}-*-{final.name}"):
        if not Path("/proc", stale.name[len(host) + 2 :].split("-")[0]).exists():
            remove(stale)
    unique = f".{host}-{os.getpid()}-{uuid.uuid4().hex[:6]}-{final.name}"
    return str(final.with_name(unique))


def put_in_place(made: Path, final: Path) -> None:
    """Give an output its final name; a file there is replaced.

    A folder cannot be replaced in one step. One that stands there, of a job that Snakemake has
    lost, is first renamed to a staged name, so that what stands under the final name is always
    whole.
    """
    write_through(made)
    if not final.is_dir():
        made.replace(final)
        return
    older = Path(stage(str(final)))
    final.rename(older)
    made.replace(final)
    remove(older)


def write_through(path: Path) -> None:
    """Wait until a file, or all files of a folder, are on the disk.

    A name that reaches the disk before the content would, after a power cut, stand for an empty
    file that looks complete.
    """
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
                raise
        finally:
            os.close(handle)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def checkpoint(snakemake: Any) -> dict[str, Any]:
    """Say where a job keeps an unfinished result, and what makes it the same job.

    Returns
    -------
    dict
        `folder`: beside the job's first output and named after it, so that the next attempt finds
        it (outputs themselves are staged under names that change); removed when the job succeeds.
        `every`: epochs between checkpoints. It comes from the config and not from the params,
        because a change of it must not rerun anything. `code` and `threads` of the job.
    """
    output = Path(next(iter(dict(snakemake.output.items()).values())))
    return {
        "folder": str(orphans.folder_of(output)),
        "every": snakemake.config["training"]["checkpoint_every"],
        "code": dict(snakemake.params.items())["code"],
        "threads": snakemake.threads,
    }


def describe_wildcards(wildcards: Any) -> str:
    """Write a job's wildcards as `dataset=demo, model=vae`."""
    return ", ".join(f"{name}={value}" for name, value in wildcards.items()) or "no wildcards"
