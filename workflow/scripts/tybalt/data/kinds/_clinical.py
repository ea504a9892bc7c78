"""What kinds with a clinical table have in common (PURE at module level)."""

from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.plan.errors import InputError

#: Keys of a completed entry that the matrix depends on.
READS = ("blocks", "rows", "split", "clinical", "minimum_overlap", "roles")

#: What is known of columns with these names (resources/).
COLUMNS = "tcga_columns.yaml"

#: The parts that columns of these names play, unless the config says otherwise.
ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type", "sample_type"]}


def from_source(where: str, entry: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a source of resources/sources.yaml says of its tables.

    Columns that hold for one sample (`sample_level`) stay out of the matrix, whose samples are
    joined to the clinical table by patient, as published.
    """
    table = source["tables"]["clinical"]
    columns = entry["clinical"].get("columns", {}) or {
        name: column
        for name, column in table["columns"].items()
        if name not in table["sample_level"]
    }
    entry = describe(entry, columns)
    check_clinical(where, entry)
    return {**entry, "source_tables": source["tables"], "all_columns": dict(table["columns"])}


def check_clinical(where: str, entry: Mapping[str, Any]) -> None:
    """Check that the clinical table can be joined to the matrix."""
    columns = entry["clinical"]["columns"]
    if not {"sample", "patient"} & set(columns):
        raise InputError(
            f"{where}.clinical.columns: found {', '.join(columns)}; `sample` or `patient` is "
            "needed to join the table to the matrix"
        )
    if entry["clinical"]["barcodes"] == "none" and "sample" not in columns:
        raise InputError(
            f"{where}.clinical.columns.sample: missing; without TCGA barcodes the table must "
            "name the samples"
        )


def describe(entry: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Fill in which columns the samples will have, and the parts that they play.

    Parameters
    ----------
    columns
        Harmonised name -> column of the clinical table.
    """
    from_barcode = {"sample_type"} if entry["clinical"]["barcodes"] == "tcga" else set()
    known = (set(columns) - {"sample"}) | {"patient"} | from_barcode
    named = entry["roles"]
    if named.get("group", "patient") != "patient" and "patient" not in columns:
        known -= {"patient"}
    defaults = {
        role: [name for name in column if name in known] if role == "strata" else column
        for role, column in ROLES.items()
        if role == "strata" or column in known
    }
    return {
        **entry,
        "clinical": {**entry["clinical"], "columns": dict(columns)},
        "columns": sorted(known),
        "roles": {"label": None, "strata": [], **defaults, **named},
    }


def read(
    settings: Mapping[str, Any],
    seed: int,
    expression: str | Sequence[str],
    clinical: str,
    matrix: str,
    samples: str,
    known_columns: str,
    contrasts_to_check: Mapping[str, Mapping[str, Any]],
    threads: int = 1,
) -> None:
    """Clean, rank, scale and split an expression matrix; see `tybalt.data.preprocess`."""
    from tybalt.data.preprocess import preprocess_expression

    preprocess_expression(
        expression,
        clinical,
        matrix,
        samples,
        settings,
        seed,
        contrasts_to_check,
        known_columns,
        threads,
    )
