"""What Snakemake itself is asked to do beside its jobs, when it starts and when it ends.

It begins as often as a job does, to parse, so this needs the standard library only.
"""

import atexit
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tybalt.jobs import orphans
from tybalt.plan.errors import InputError, printable
from tybalt.plan.user_files import describe_missing

#: What stands before an error in a log.
_TIME = "00:00:00 ERROR "

#: How many different failures are said again at the end.
SAID_AGAIN = 5


def checked(load: Callable[[], Any], what: str) -> Any:
    """Load something; a mistake of the user's in it ends Snakemake with one message."""
    try:
        return load()
    except InputError as error:
        print(f"\nERROR in {what}: {printable(error)}\n", file=sys.stderr)
        sys.exit(1)


def let_go(workflow: Any) -> None:
    """Remove what was kept of outputs (`tybalt.jobs.orphans`) that Snakemake knows to be complete.

    Parameters
    ----------
    workflow
        Snakemake's object of this name, in its ``onstart``, ``onsuccess`` or ``onerror``.
    """
    for job in workflow.dag.jobs:
        outputs = [str(path) for path in job.output]
        if orphans.are_kept(outputs) and _is_complete(workflow, job):
            orphans.release(outputs)


def _is_complete(workflow: Any, job: Any) -> bool:
    """Tell whether the outputs of a job are there, and none is marked as incomplete."""
    are_there = all(Path(path).exists() for path in job.output)
    return are_there and not workflow.async_run(workflow.persistence.incomplete(job))


def say_again(workflow: Any, files: Mapping[str, str]) -> None:
    """Let Snakemake end with why it failed, in our words, below all that it prints itself.

    This works for a workflow that imports ours as well, unlike ``onerror``, which also comes before
    Snakemake's own last lines.

    Parameters
    ----------
    workflow
        Snakemake's object of this name, while it parses.
    files
        Files of the user's that the config names: key -> path.
    """
    if workflow.is_main_process:
        failures = Failures()
        logging.getLogger("snakemake.logging").addHandler(failures)
        atexit.register(lambda: failures.print_last(files))


class Failures(logging.Handler):
    """Remembers of what Snakemake says that something failed: messages, and logs of jobs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self.logs: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an error; see `logging.Handler`."""
        self.messages.append(record.getMessage())
        self.logs |= dict.fromkeys(map(str, getattr(record, "log", None) or ()))

    def print_last(self, files: Mapping[str, str]) -> None:
        """Print what the jobs that failed have said, and which of the user's files are missing."""
        said = [*failed_with(self.logs), *describe_missing(files, self.messages)]
        for sentence in said[:SAID_AGAIN]:
            print(f"ERROR: {printable(sentence)}", file=sys.stderr)
        if len(said) > SAID_AGAIN:
            print(f"ERROR: (and {len(said) - SAID_AGAIN} others, see above)", file=sys.stderr)


def failed_with(logs: Iterable[str]) -> list[str]:
    """Collect the last errors of logs, each once, with the log that says it first.

    A job that was tried again, and succeeded, has begun its log anew.
    """
    found: dict[str, str] = {}
    for path in logs:
        if (error := last_error(Path(path))) is not None:
            found.setdefault(error, path)
    return [f"{error} (log: {path})" for error, path in found.items()]


def last_error(log: Path) -> str | None:
    """Return what the last line of a log says that begins with ERROR; None of a good end.

    A job that was killed has no last words.
    """
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    errors = [line[len(_TIME) :] for line in lines if line[8:].startswith(_TIME[8:])]
    if errors:
        return errors[-1]
    if lines and lines[-1][9:].startswith(("done in ", "interrupted")):
        return None
    return "a job has ended without a word: it was killed, perhaps for want of memory"
