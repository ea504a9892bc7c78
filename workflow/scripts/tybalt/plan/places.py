"""Where files lie: results, downloads, and the reference tables of the workflow (PURE)."""

import os
from pathlib import Path
from typing import NamedTuple

#: The folder of the workflow, wherever Snakemake runs.
HOME = Path(__file__).resolve().parents[4]

RESOURCES_FOLDER = HOME / "resources"


def relative(path: Path) -> str:
    """Write a path relative to the folder in which Snakemake runs."""
    return os.path.relpath(path)


class Places(NamedTuple):
    """Folders that paths begin with, relative to the folder in which Snakemake runs."""

    results: str
    downloads: str

    def resource(self, name: str) -> str:
        """Return the path of a reference table of the workflow."""
        return relative(RESOURCES_FOLDER / name)
