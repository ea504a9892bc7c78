"""How a file came about: the only record of times, versions and the machine."""

import os
import resource
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from tybalt.jobs import accelerator

#: Libraries whose versions can change a number.
RECORDED_PACKAGES = (
    "tensorflow",
    "jax",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "anndata",
    "openTSNE",
    "snakemake",
)


def provenance(snakemake: Any, started: float) -> dict[str, Any]:
    """Describe how a file came about: the only place for times, versions and the machine."""
    return {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "inputs": [str(path) for path in snakemake.input],
        "parameters": dict(snakemake.params.items()),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "seconds": round(time.time() - started, 1),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "threads": snakemake.threads,
        "machine": f"{os.uname().sysname} {os.uname().machine}, {os.cpu_count()} cores",
        "python": sys.version.split()[0],
        "packages": {name: version_of(name) for name in RECORDED_PACKAGES},
        "accelerator": accelerator.describe(),
        "git_commit": git_commit(),
    }


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None if there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_commit() -> str | None:
    """Return the commit of the workflow, with `+` behind it if files differ; None outside git."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
