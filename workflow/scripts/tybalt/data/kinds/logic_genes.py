"""Kind `logic-genes`: a few genes that follow from each other, for basic autoencoders."""

from collections.abc import Mapping
from typing import Any

from tybalt.plan.errors import InputError
from tybalt.plan.places import Places

BLOCK = "logic"
COLUMNS = None
FACTS = ("few features",)
SEED = "logic"
READS = ("logic", "split", "roles")


def complete(where: str, entry: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in that nothing is known of the samples but that each stands alone."""
    if "project_onto" in entry:
        raise InputError(f"{where}.project_onto: logic genes are no samples; leave this key out")
    return {
        **entry,
        "columns": ["patient"],
        "roles": {"group": "patient", "label": None, "strata": []},
    }


def raw_files(name: str, entry: Mapping[str, Any], places: Places) -> dict[str, str]:
    """There are none: the matrix is made at once."""
    return {}


def read(settings: Mapping[str, Any], seed: int, matrix: str, samples: str) -> None:
    """Make the matrix; see `tybalt.data.simulation.logic_genes`."""
    from tybalt.data.simulation.logic_genes import generate_logic_genes

    generate_logic_genes(settings["logic"], settings["split"], seed, matrix, samples)
