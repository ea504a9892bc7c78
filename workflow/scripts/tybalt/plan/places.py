"""Where files lie: results, downloads, and the reference tables of the workflow (PURE)."""

import os
from pathlib import Path
from typing import NamedTuple

#: The folder of the workflow, wherever Snakemake runs.
HOME = Path(__file__).resolve().parents[4]

RESOURCES_FOLDER = HOME / "resources"


def relative(path: Path) -> str:
    """Write a path as rules name it: relative if Snakemake runs in the folder of the workflow.

    There a moved clone reruns nothing. Elsewhere the path is absolute: a `workdir` or the `prefix`
    of a module would bend a relative one.
    """
    return os.path.relpath(path) if Path.cwd() == HOME else str(path)


class Places(NamedTuple):
    """Folders that paths begin with, relative to the folder in which Snakemake runs."""

    results: str
    downloads: str

    def resource(self, name: str) -> str:
        """Return the path of a reference table of the workflow."""
        return relative(RESOURCES_FOLDER / name)
