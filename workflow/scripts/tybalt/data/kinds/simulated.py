"""Kind `simulated`: a pan-cancer cohort with planted factors, in the formats of the TCGA study."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.data.kinds import _clinical
from tybalt.data.kinds._clinical import COLUMNS, READS, read
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.places import RESOURCES_FOLDER, Places

__all__ = [
    "BLOCK",
    "COLUMNS",
    "FACTS",
    "READS",
    "SEED",
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
    if "project_onto" not in entry and entry["simulation"]["genes"] < entry["genes"]["count"]:
        raise InputError(
            f"{where}.genes.count: found {entry['genes']['count']}, but only "
            f"{entry['simulation']['genes']} genes are simulated ({where}.simulation.genes)"
        )
    if "project_onto" in entry:
        return dict(entry)
    return _clinical.from_source(where, entry, sources[SOURCE])


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, str]:
    """Say where the simulated files lie; gene types are not simulated."""
    return {
        **{table: f"{places.results}/{name}/raw/{file}" for table, file in RAW.items()},
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
