"""What Snakemake itself is asked to do beside its jobs, when it starts and when it ends.

It begins as often as a job does, to parse, so this needs the standard library only.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tybalt.jobs import orphans
from tybalt.plan.errors import InputError


def checked(load: Callable[[], Any], what: str) -> Any:
    """Load something; a mistake of the user's in it ends Snakemake with one message."""
    try:
        return load()
    except InputError as error:
        print(f"\nERROR in {what}: {error}\n", file=sys.stderr)
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
