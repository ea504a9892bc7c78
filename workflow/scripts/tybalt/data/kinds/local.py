"""Kind `local`: files of the user's own."""

from collections.abc import Mapping
from typing import Any

from tybalt.data.kinds import _clinical
from tybalt.data.kinds._clinical import COLUMNS, READS, read
from tybalt.plan.errors import InputError
from tybalt.plan.places import Places

__all__ = [
    "BLOCK",
    "COLUMNS",
    "FACTS",
    "READS",
    "SEED",
    "check_blocks",
    "complete",
    "raw_files",
    "read",
]

BLOCK = "files"
FACTS = ("cohort",)
SEED = "split"

#: The source whose companion tables have the formats that files of one's own must have.
FORMATS = "pancan-2016"


def check_blocks(where: str, entry: Mapping[str, Any]) -> None:
    """Check that every block names its file."""
    if "expression" in entry.get("files", {}):
        raise InputError(
            f"{where}.files.expression: a dataset with `blocks` names a file in each of them; move "
            "it to blocks.<name>.file"
        )
    for name, block in entry["blocks"].items():
        if "file" not in block:
            raise InputError(f"{where}.blocks.{name}.file: missing; this key is required")


def complete(where: str, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the files which the entry needs are named; companions have TCGA's formats."""
    if "blocks" not in entry and "expression" not in entry["files"]:
        raise InputError(
            f"{where}.files.expression: missing; name the matrix, or several under {where}.blocks"
        )
    if "project_onto" in entry:
        return describe_new(where, entry)
    if "clinical" not in entry["files"]:
        raise InputError(f"{where}.files.clinical: missing; this key is required")
    columns = entry["clinical"].get("columns", {})
    if not columns:
        raise InputError(
            f"{where}.clinical.columns: missing; a dataset of kind `local` names the columns of "
            "its clinical table, at least `sample` or `patient`"
        )
    entry = _clinical.describe(entry, columns)
    entry["clinical"]["carry"] = True
    _clinical.check_clinical(where, entry)
    needed = {"mutations": "mutations", "copy_number": "copy_number", "status": "gene_types"}
    for table in entry["tables"]:
        if table in needed and needed[table] not in entry["files"]:
            raise InputError(
                f"{where}.files.{needed[table]}: missing; the table `{table}` is made of it"
            )
    formats = sources[FORMATS]["tables"]
    return {**entry, "source_tables": formats, "all_columns": dict(columns)}


def describe_new(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what is known of new samples' own columns, if a clinical table is named."""
    columns = entry["clinical"].get("columns", {})
    if "clinical" not in entry.get("files", {}):
        if columns:
            raise InputError(
                f"{where}.clinical.columns: found, but {where}.files.clinical names no table that "
                "has them; name it, or leave this key out"
            )
        return dict(entry)
    if not columns:
        raise InputError(
            f"{where}.clinical.columns: missing; name the column of {entry['files']['clinical']} "
            "that has the sample ids (`sample`), and others whose values are to be harmonised"
        )
    described = _clinical.describe(entry, columns)
    _clinical.check_clinical(where, described)
    if entry["clinical"]["barcodes"] == "none" and "patient" not in columns:
        described["roles"]["group"] = entry["roles"].get("group")  # patients are not made up
    return described


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Return the files that the entry names; of several blocks those of all as `expression`."""
    files = dict(entry.get("files", {}))
    blocks = [block["file"] for block in entry["blocks"].values() if "file" in block]
    return {**files, "expression": blocks} if blocks else files
