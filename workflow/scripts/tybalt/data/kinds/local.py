"""Kind `local`: files of the user's own."""

from collections.abc import Mapping
from typing import Any

from tybalt.data.kinds import _clinical
from tybalt.data.kinds._clinical import COLUMNS, READS, read
from tybalt.plan.errors import InputError
from tybalt.plan.places import Places

__all__ = ["BLOCK", "COLUMNS", "FACTS", "READS", "SEED", "complete", "raw_files", "read"]

BLOCK = "files"
FACTS = ("cohort",)
SEED = "split"

#: The source whose companion tables have the formats that files of one's own must have.
FORMATS = "pancan-2016"


def complete(where: str, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the files which the entry needs are named; companions have TCGA's formats."""
    if "project_onto" in entry:
        return dict(entry)
    if "clinical" not in entry["files"]:
        raise InputError(f"{where}.files.clinical: missing; this key is required")
    columns = entry["clinical"].get("columns", {})
    if not columns:
        raise InputError(
            f"{where}.clinical.columns: missing; a dataset of kind `local` names the columns of "
            "its clinical table, at least `sample` or `patient`"
        )
    entry = _clinical.describe(entry, columns)
    _clinical.check_clinical(where, entry)
    needed = {"mutations": "mutations", "copy_number": "copy_number", "status": "gene_types"}
    for table in entry["tables"]:
        if table in needed and needed[table] not in entry["files"]:
            raise InputError(
                f"{where}.files.{needed[table]}: missing; the table `{table}` is made of it"
            )
    formats = sources[FORMATS]["tables"]
    return {**entry, "source_tables": formats, "all_columns": dict(columns)}


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, str]:
    """Return the files that the entry names."""
    return dict(entry["files"])
