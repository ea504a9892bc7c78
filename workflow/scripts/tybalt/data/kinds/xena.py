"""Kind `xena`: a study that is downloaded, as resources/sources.yaml describes it."""

from collections.abc import Mapping
from typing import Any

from tybalt.data.kinds import _clinical
from tybalt.data.kinds._clinical import COLUMNS, READS, read
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.places import Places

__all__ = ["BLOCK", "COLUMNS", "FACTS", "READS", "SEED", "complete", "raw_files", "read"]

BLOCK = "source"
FACTS = ("cohort",)
SEED = "split"

#: The source table behind a raw table, where the names differ.
SOURCE_TABLES = {"gene_types": "oncokb"}


def complete(where: str, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Check the source, and fill in what it says of its tables."""
    if entry["source"] not in set(sources):
        raise InputError(
            f"{where}.source: found {entry['source']!r}; {suggest(entry['source'], sources)}"
        )
    source = sources[entry["source"]]
    entry = {**entry, "published": source.get("published")}
    return entry if "project_onto" in entry else _clinical.from_source(where, entry, source)


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, str]:
    """Say where the downloads lie."""
    folder = f"{places.downloads}/{entry['source']}"
    tables = ("expression", "clinical", "mutations", "copy_number", "gene_types")
    return {table: f"{folder}/{SOURCE_TABLES.get(table, table)}.tsv.gz" for table in tables}
