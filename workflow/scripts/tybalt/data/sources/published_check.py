"""Is this the published matrix? Facts that the true TCGA freeze must meet."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_obs, read_values, read_var
from tybalt.jobs.files import read_json, write_json

log = logging.getLogger(__name__)

#: The published way to make the matrix (greenelab/tybalt, process_data.ipynb and notebooks).
PUBLISHED = {
    "genes": {
        "count": 5000,
        "rank_by": "mean_absolute_deviation",
        "rank_on": "all",
        "duplicates": "drop",
    },
    "scaling": {"method": "zero_one", "fit_on": "all"},
}

#: Published cells are printed with six decimals.
CELL_TOLERANCE = 1e-6


def check_published(
    matrix: str,
    record: str,
    expected: Mapping[str, Any],
    genes: Mapping[str, Any],
    scaling: Mapping[str, Any],
    published_check: str,
) -> None:
    """Hold the matrix of the published freeze against published facts; fail loudly if they differ.

    Parameters
    ----------
    matrix, record
        Inputs: matrix.h5ad, and the record of the download of the expression table.
    expected
        `published` of the source: `samples`, `normals`, `cancer_types`, `gene_order_sha256`,
        and `cells`, sample -> values of the first genes.
    genes, scaling
        The dataset's settings; the checks of genes and cells apply to the published ones only.
    published_check
        Output JSON: `published` is ``passed`` or ``not applicable`` with a `reason`;
        `checked` lists what was compared.

    Raises
    ------
    RuntimeError
        Naming every fact that does not hold.
    """
    download = read_json(record)
    if not download["published"]:
        reason = f"freeze {download['freeze']} is not the published one"
        write_json(
            {"published": "not applicable", "reason": reason, "checked": []}, published_check
        )
        log.info("not applicable: %s", reason)
        return
    facts = cohort_facts(read_obs(matrix), expected)
    if {"genes": dict(genes), "scaling": dict(scaling)} == PUBLISHED:
        facts |= matrix_facts(matrix, expected)
    wrong = [f"{name}: found {a}, expected {b}" for name, (a, b) in facts.items() if a != b]
    if wrong:
        raise RuntimeError(f"{matrix} is not the published matrix: {'; '.join(wrong)}")
    write_json({"published": "passed", "reason": "", "checked": sorted(facts)}, published_check)
    log.info("passed: %s", ", ".join(sorted(facts)))


def cohort_facts(obs: pd.DataFrame, expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Count samples, normals and cancer types: name -> (found, expected)."""
    found = {
        "samples": len(obs),
        "normals": int((obs["sample_type"] == "Solid Tissue Normal").sum()),
        "cancer_types": int(obs["cancer_type"].replace("", np.nan).nunique()),
    }
    return {name: (count, expected[name]) for name, count in found.items()}


def matrix_facts(matrix: str, expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Compare the order of the genes and some cells: name -> (found, expected).

    The sha256 is that of Tybalt's data/background_genes.txt: one name a line, in order of rank.
    """
    obs, var = read_obs(matrix), read_var(matrix)
    order = "".join(f"{gene}\n" for gene in var.index)
    facts = {
        "gene_order_sha256": (
            hashlib.sha256(order.encode()).hexdigest(),
            expected["gene_order_sha256"],
        )
    }
    X = read_values(matrix)
    for sample, cells in expected["cells"].items():
        row = X[obs.index.get_loc(sample)] if sample in obs.index else np.full(len(cells), np.nan)
        found = [float(value) for value in row[: len(cells)]]
        equal = np.allclose(found, cells, rtol=0, atol=CELL_TOLERANCE)
        facts[f"cells of {sample}"] = (cells if equal else found, cells)
    return facts
