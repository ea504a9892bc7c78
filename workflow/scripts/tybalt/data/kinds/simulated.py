"""Kind `simulated`: a pan-cancer cohort with planted factors, in the formats of the TCGA study."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.data.kinds import _clinical
from tybalt.data.kinds._clinical import COLUMNS, READS, read
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.names import SOLE_BLOCK
from tybalt.plan.places import RESOURCES_FOLDER, Places

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
    "simulate",
]

BLOCK = "simulation"
FACTS = ("cohort", "planted factors")
SEED = "split"
SIMULATES = ("simulation",)

#: The entry of resources/sources.yaml whose raw formats a cohort is written in.
SOURCE = "pancan-2016"

RESOURCES = (
    *("cohorts.tsv", "gene_statistics.tsv.gz", "marker_genes.tsv"),
    *("driver_mutations.tsv", "copy_number_events.tsv"),
)

RAW = {
    "expression": "HiSeqV2.gz",
    "clinical": "samples.tsv.gz",
    "mutations": "PANCAN_mutation.gz",
    "copy_number": "Gistic2_all_thresholded.by_genes.gz",
    "planted_factors": "planted_factors.h5ad",
}

#: Blocks that a cohort may have, and their raw files.
BLOCK_FILES = {"rna": RAW["expression"], "methylation": "HumanMethylation450.gz"}

#: What says how many features of a block are simulated: keys below `simulation`.
SIZES = {SOLE_BLOCK: ("genes",), "rna": ("genes",), "methylation": ("methylation", "features")}


def check_blocks(where: str, entry: Mapping[str, Any]) -> None:
    """Check that the blocks are those that are simulated."""
    for name, block in entry["blocks"].items():
        if name not in BLOCK_FILES:
            raise InputError(f"{where}.blocks: found {name!r}; {suggest(name, BLOCK_FILES)}")
        if "file" in block:
            raise InputError(
                f"{where}.blocks.{name}.file: simulated files have names of their own; leave this "
                "key out"
            )
    if ("methylation" in entry["blocks"]) != ("methylation" in entry["simulation"]):
        raise InputError(
            f"{where}.simulation.methylation: says how the block `methylation` is simulated; give "
            f"both this key and {where}.blocks.methylation, or neither"
        )


def complete(where: str, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Check the size of the cohort and its cancer types, and fill in its columns."""
    wanted = entry["simulation"]["cancer_types"]
    with (RESOURCES_FOLDER / "cohorts.tsv").open(encoding="utf-8") as file:
        known = [row["acronym"] for row in csv.DictReader(file, delimiter="\t")]
    for acronym in [] if wanted == "all" else wanted:
        if acronym not in known:
            raise InputError(
                f"{where}.simulation.cancer_types: found {acronym!r}; {suggest(acronym, known)}"
            )
    if "blocks" not in entry and "methylation" in entry["simulation"]:
        raise InputError(
            f"{where}.blocks: missing; a cohort with simulation.methylation has the blocks `rna` "
            "and `methylation`"
        )
    if "project_onto" in entry:
        return dict(entry)
    check_counts(where, entry)
    return _clinical.from_source(where, entry, sources[SOURCE])


def check_counts(where: str, entry: Mapping[str, Any]) -> None:
    """Check that no block is asked for more features than are simulated."""
    asked = {name: block["features"] for name, block in entry.get("blocks", {}).items()}
    for block, features in (asked or {SOLE_BLOCK: entry["genes"]}).items():
        size = entry["simulation"]
        for key in SIZES[block]:
            size = size[key]
        if size < features["count"]:
            key = f"blocks.{block}.features.count" if asked else "genes.count"
            raise InputError(
                f"{where}.{key}: found {features['count']}, but only {size} "
                f"{'CpGs' if block == 'methylation' else 'genes'} are simulated "
                f"({where}.simulation.{'.'.join(SIZES[block])})"
            )


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, Any]:
    """Say where the simulated files lie; gene types are not simulated."""
    folder = f"{places.results}/{name}/raw"
    files = {table: f"{folder}/{file}" for table, file in RAW.items()}
    named = [block for block in entry["blocks"] if block != SOLE_BLOCK]
    return {
        **files,
        "expression": [f"{folder}/{BLOCK_FILES[block]}" for block in named] or files["expression"],
        "gene_types": places.resource("gene_types.tsv"),
    }


def simulate(
    tables: Sequence[str],
    settings: Mapping[str, Any],
    seed: int,
    expression: str,
    clinical: str,
    mutations: str,
    copy_number: str,
    planted_factors: str,
    threads: int,
) -> None:
    """Simulate a cohort; see `tybalt.data.simulation.cohort`."""
    from tybalt.data.simulation.cohort import simulate_cohort

    written = (expression, clinical, mutations, copy_number, planted_factors)
    simulate_cohort(tables, settings["simulation"], seed, threads, *written)
