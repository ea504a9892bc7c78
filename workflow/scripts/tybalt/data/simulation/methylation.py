"""A second block for a simulated cohort: beta values of CpGs that follow one gene each.

The logit of a beta value is a mean of the CpG, a shift of the cancer type, minus a slope times the
standardised expression of the gene in the same sample, and noise: high expression goes with low
methylation also within a cancer type, so one block tells of the other more than the type does.
InterSIM draws its blocks independently within a class instead (Chalise 2016,
https://doi.org/10.1016/j.cmpb.2016.02.011), where nothing beyond the class can be learned.
"""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from tybalt.data.readers.raw_matrix import read_header, read_row_names, stream_blocks
from tybalt.data.simulation.text_tables import cell_table, encode_rows, write_rows
from tybalt.jobs.files import write_table
from tybalt.plan.errors import InputError

LOG = logging.getLogger(__name__)

#: Spread of the CpGs' means and of the shifts of cancer types, and the noise, in logits; mean and
#: spread of the slopes, in logits for one standard deviation of the gene.
MEANS, SHIFTS, NOISE, SLOPE, SLOPES = (-0.5, 1.5), 0.7, 0.5, 0.6, 0.2

#: Values are written with four decimals, as on Xena.
_DECIMALS = 4


def simulate_methylation(
    expression: str,
    clinical: str,
    simulation: Mapping[str, Any],
    seed: int,
    methylation: str,
    planted_methylation: str,
) -> None:
    """Simulate the methylation of a simulated cohort.

    Parameters
    ----------
    expression, clinical
        Raw files of the cohort.
    simulation
        ``methylation``: ``features``, the number of CpGs, at most that of the named genes;
        ``measured``, the share of the samples that have it.
    seed
        0 or more.
    methylation
        Output, .gz: CpGs x samples, beta values in 0..1, in the form of `expression`.
    planted_methylation
        Output: cpg, gene, slope.

    Raises
    ------
    InputError
        If there are fewer genes than CpGs.
    """
    wanted = simulation["methylation"]
    rng = np.random.default_rng([seed, 450])
    samples = read_header(expression)
    genes = followed_genes(expression, wanted["features"], rng)
    z = standardised(expression, samples, genes)
    types = types_of(clinical, samples)
    slopes = np.abs(rng.normal(SLOPE, SLOPES, len(genes)))
    logits = rng.normal(*MEANS, (len(genes), 1)) - slopes[:, None] * z
    logits += rng.normal(0, SHIFTS, (len(genes), types.max() + 1))[:, types]
    logits += rng.normal(0, NOISE, logits.shape)
    chosen = rng.permutation(len(samples))[: max(2, round(wanted["measured"] * len(samples)))]
    chosen.sort()
    names = [f"cg{number:08d}" for number in range(1, len(genes) + 1)]
    codes = np.rint(expit(logits[:, chosen]) * 10**_DECIMALS).astype(int)
    cells = cell_table(f"{code / 10**_DECIMALS:.4f}" for code in range(10**_DECIMALS + 1))
    columns = [samples[i] for i in chosen]
    write_rows(methylation, "sample", columns, [encode_rows(names, codes, cells)])
    write_table(pd.DataFrame({"cpg": names, "gene": genes, "slope": slopes}), planted_methylation)
    LOG.info("%d CpGs of %d samples", len(names), len(columns))


def followed_genes(expression: str, count: int, rng: np.random.Generator) -> list[str]:
    """Draw the genes that CpGs follow, among those with a name of their own."""
    names = list(read_row_names(expression))
    named = [name for name in dict.fromkeys(names) if "?" not in name and names.count(name) == 1]
    if count > len(named):
        raise InputError(
            f"simulation.methylation.features: found {count}, but only {len(named)} named genes "
            "are simulated; choose fewer CpGs, or more genes"
        )
    return [named[i] for i in sorted(rng.choice(len(named), count, replace=False))]


def standardised(expression: str, samples: list[str], genes: list[str]) -> np.ndarray:
    """Read some genes, each with mean 0 and standard deviation 1: genes x samples."""
    place = {gene: i for i, gene in enumerate(genes)}
    values = np.zeros((len(genes), len(samples)))
    for block, _ in stream_blocks(expression, samples):
        for name, row in zip(block.names, block.values, strict=True):
            if name in place:
                values[place[name]] = row
    spread = values.std(axis=1, keepdims=True)
    return (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)


def types_of(clinical: str, samples: list[str]) -> np.ndarray:
    """Return the number of each sample's cancer type, which is that of its patient."""
    table = pd.read_csv(clinical, sep="\t", dtype=str, keep_default_na=False)
    of_patient = dict(
        zip(table["gdc_cases.submitter_id"], table["gdc_cases.project.project_id"], strict=True)
    )
    found = [of_patient.get(sample[:12], "") for sample in samples]
    return pd.factorize(np.array(found, dtype=object), sort=True)[0]
