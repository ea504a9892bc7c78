"""A pan-cancer cohort with planted factors, in the raw formats of the TCGA study.

Seeded and reproducible byte by byte. What is public (cohort sizes, means and deviations of genes,
marker genes, driver genes) comes from small tables in resources/; no sample's values do.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.simulation.counts import (
    UNITS_PER_READ,
    UNITS_SPREAD,
    Calibration,
    calibrate,
    draw_expression,
    reference_structure,
)
from tybalt.data.simulation.genome import place_genes, write_copy_number, write_mutations
from tybalt.data.simulation.patients import choose_cohorts, draw_clinical, draw_samples
from tybalt.data.simulation.programmes import (
    Programmes,
    draw_factors,
    draw_latents,
    draw_programmes,
    reference_samples,
)
from tybalt.data.simulation.text_tables import GzipText, cell_table, encode_rows, write_rows
from tybalt.plan.errors import InputError

_BLOCK = 256  # genes drawn and written at a time; also the unit of the random streams
_REFERENCE_PER_TYPE = 24
_LARGEST = 25  # log2 values are below this (TCGA: 21), so that a cell has at most seven characters
_MISSING_RATE = 2e-5  # share of empty cells
_UNNAMED_GENES = 3  # `?|id` rows that every cohort has at least
_STREAMS = (
    "structure",
    "samples",
    "factors",
    "clinical",
    "genes",
    "expression",
    "mutations",
    "cnv",
)


@dataclass(frozen=True)
class Tables:
    """The small tables of resources/ that a simulation is made from."""

    cohorts: pd.DataFrame
    genes: pd.DataFrame
    markers: pd.DataFrame
    drivers: pd.DataFrame
    events: pd.DataFrame


def simulate_cohort(
    tables: Sequence[str],
    simulation: Mapping[str, Any],
    seed: int,
    threads: int,
    expression: str,
    clinical: str,
    mutations: str,
    copy_number: str,
    planted_factors: str,
) -> None:
    """Simulate a cohort and write it in the raw formats of the TCGA study.

    Parameters
    ----------
    tables
        cohorts.tsv, gene_statistics.tsv.gz, marker_genes.tsv, driver_mutations.tsv and
        copy_number_events.tsv, described in resources/README.md.
    simulation
        ``samples``: at least four per cancer type. ``genes``: number of expression rows, from 214
        (what must be there) to 20,531; planted genes, the doubled SLC35E2 and three `?|id` rows
        are always among them. ``cancer_types``: TCGA acronyms, or "all".
    seed
        0 or more. A gene has the same programme in cohorts of any size with the same seed.
    threads
        Does not change the result.
    expression
        Output, .gz: genes x samples as Xena's HiSeqV2, log2(normalised count + 1).
    clinical
        Output, .gz: recount/Snaptron's columns and twenty columns without any effect.
    mutations
        Output, .gz: one row per mutation, as Xena's PANCAN_mutation.
    copy_number
        Output, .gz: genes x tumours, -2 .. 2, as GISTIC's thresholded table.
    planted_factors
        Output, .h5ad without X: obs = what was planted in each sample, var = in each gene;
        obsm["factors"] and varm["loadings"] (log2 units), named in uns["factors"].

    Raises
    ------
    InputError
        For arguments out of range or a table without a needed column.
    """
    cohorts, gene_statistics, marker_genes, driver_mutations, copy_number_events = tables
    n_samples, n_genes = simulation["samples"], simulation["genes"]
    tables = Tables(
        cohorts=_read(cohorts, ("n_samples", "systems", "distinctness"), index="acronym"),
        genes=_read_genes(gene_statistics),
        markers=_read(marker_genes, ("gene", "programme", "cancer_types")),
        drivers=_read(driver_mutations, ("cancer_type", "gene", "fraction")),
        events=_read(copy_number_events, ("cancer_type", "arm", "gene", "change", "fraction")),
    )
    if seed < 0:
        raise InputError(f"seed: found {seed}, expected a whole number of at least 0")
    # Each part has a stream of its own, so that a change in one leaves the others as they are.
    seeds = dict(zip(_STREAMS, np.random.SeedSequence(seed).spawn(len(_STREAMS)), strict=True))
    chosen = choose_cohorts(tables.cohorts, simulation["cancer_types"])
    samples = draw_samples(chosen, n_samples, np.random.default_rng(seeds["samples"]))
    programmes = draw_programmes(
        tables.genes, tables.cohorts, tables.markers, np.random.default_rng(seeds["structure"])
    )
    rng = np.random.default_rng(seeds["factors"])
    latents = draw_latents(samples, tables.cohorts, programmes.levels, rng)
    factors = draw_factors(samples, latents, tables.cohorts, rng)
    latents["units_per_read"] = UNITS_PER_READ * np.exp(
        UNITS_SPREAD * rng.standard_normal(n_samples)
    )
    rows = choose_genes(
        tables.genes, programmes.markers, n_genes, np.random.default_rng(seeds["genes"])
    )
    genes, programmes = tables.genes.iloc[rows], _of_genes(programmes, rows)
    _write_clinical(clinical, samples, tables.cohorts, np.random.default_rng(seeds["clinical"]))
    places = place_genes(_genes_of_the_genome(genes, tables), tables.events)
    n_mutations = write_mutations(
        mutations,
        samples,
        tables.cohorts,
        tables.drivers,
        places,
        np.random.default_rng(seeds["mutations"]),
    )
    n_tumours = write_copy_number(
        copy_number, samples, tables.events, places, np.random.default_rng(seeds["cnv"])
    )
    logging.getLogger(__name__).info(
        "%d samples, %d mutations, copy number of %d tumours", n_samples, n_mutations, n_tumours
    )
    calibration = _write_expression(
        expression,
        genes,
        programmes,
        factors,
        latents["units_per_read"],
        tables.cohorts,
        seeds["expression"],
        threads,
    )
    _write_planted_factors(
        planted_factors, samples, latents, factors, genes, programmes, calibration
    )


def _read(path: str, columns: Sequence[str], index: str | None = None) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", keep_default_na=False)
    for column in (*columns, *([index] if index else [])):
        if column not in table:
            raise InputError(
                f"{path}, line 1: found columns {', '.join(table)}, expected also {column}; "
                "restore the table of this repository"
            )
    return table.set_index(index) if index else table


def _read_genes(path: str) -> pd.DataFrame:
    """Split `SYMBOL|id`; a gene without symbol keeps its id in the row name, as in Xena's file."""
    genes = _read(path, ("gene", "mean", "sd", "tumor_normal"))
    genes["symbol"] = genes["gene"].str.partition("|")[0]
    genes["row_name"] = np.where(genes["symbol"] == "?", genes["gene"], genes["symbol"])
    return genes


def choose_genes(
    genes: pd.DataFrame, markers: np.ndarray, n_genes: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose the rows of a cohort: all planted genes, and others in proportion to their deviation.

    Returns
    -------
    numpy.ndarray
        Positions in `genes`, ascending.

    Raises
    ------
    InputError
        When `n_genes` is less than what must be there, or more than the table has.
    """
    always = (markers != "") | (genes["symbol"] == "SLC35E2").to_numpy()
    always[np.flatnonzero(genes["symbol"] == "?")[:_UNNAMED_GENES]] = True
    if not always.sum() <= n_genes <= len(genes):
        raise InputError(
            f"n_genes: found {n_genes}, expected {always.sum()} (the planted genes) to {len(genes)}"
        )
    others = np.flatnonzero(~always)
    wish = genes["sd"].to_numpy()[others] + 0.01
    drawn = rng.choice(others, n_genes - always.sum(), replace=False, p=wish / wish.sum())
    return np.sort(np.concatenate([np.flatnonzero(always), drawn]))


def _of_genes(programmes: Programmes, rows: np.ndarray) -> Programmes:
    return Programmes(
        factors=programmes.factors,
        loadings=programmes.loadings[rows],
        residual=programmes.residual[rows],
        dispersion=programmes.dispersion[rows],
        markers=programmes.markers[rows],
        phase_peaks=programmes.phase_peaks[rows],
        levels=programmes.levels,
    )


def _genes_of_the_genome(genes: pd.DataFrame, tables: Tables) -> np.ndarray:
    """Name the genes that can be mutated: those expressed, and every driver even if it is not."""
    known = pd.concat([genes["symbol"], tables.drivers["gene"], tables.events["gene"]])
    return np.sort(known[~known.isin(["?", ""])].unique())


def _write_clinical(
    path: str, samples: pd.DataFrame, cohorts: pd.DataFrame, rng: np.random.Generator
) -> None:
    table = draw_clinical(samples, cohorts, rng)
    with GzipText(path) as file:
        file.write(table.to_csv(sep="\t", index=False, lineterminator="\n").encode())


def _write_expression(
    path: str,
    genes: pd.DataFrame,
    programmes: Programmes,
    factors: np.ndarray,
    units_per_read: pd.Series,
    cohorts: pd.DataFrame,
    seed: np.random.SeedSequence,
    threads: int,
) -> Calibration:
    """Draw and write the expression block by block; return the calibration of all genes."""
    reference_seed, *seeds = seed.spawn(1 + -(-len(genes) // _BLOCK))
    rng = np.random.default_rng(reference_seed)
    reference, weights = reference_samples(cohorts, _REFERENCE_PER_TYPE)
    latents = draw_latents(reference, cohorts, programmes.levels, rng)
    of_reference = draw_factors(reference, latents, cohorts, rng)
    cells = cell_table([*(_decimal(i) for i in range(_LARGEST * 10_000)), ""])
    calibrations: list[Calibration] = []

    def make(block: int) -> tuple[Calibration, bytes]:
        rows = slice(block * _BLOCK, min((block + 1) * _BLOCK, len(genes)))
        rng = np.random.default_rng(seeds[block])
        calibration = calibrate(
            reference_structure(programmes, rows, of_reference, rng),
            programmes.dispersion[rows],
            weights,
            genes["mean"].to_numpy()[rows],
            genes["sd"].to_numpy()[rows],
            rng,
        )
        values = draw_expression(
            reference_structure(programmes, rows, factors, rng),
            calibration,
            programmes.dispersion[rows],
            units_per_read.to_numpy(),
            rng,
        )
        codes = np.rint(values * 10_000).astype(np.int32).clip(max=len(cells) - 2)
        codes[rng.random(codes.shape, dtype=np.float32) < _MISSING_RATE] = len(cells) - 1
        return calibration, encode_rows(genes["row_name"].iloc[rows], codes, cells)

    def blocks() -> Iterator[bytes]:
        for calibration, text in _in_order(make, len(seeds), threads):
            calibrations.append(calibration)
            yield text

    write_rows(path, "sample", units_per_read.index, blocks(), _log_progress(len(seeds)))
    return Calibration(
        np.concatenate([part.offset for part in calibrations]),
        np.concatenate([part.scale for part in calibrations]),
    )


def _in_order(make, count: int, threads: int) -> Iterator:
    """Yield make(0), make(1) ... in order, made by threads that run only a little ahead."""
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for i in range(count):
            waiting.append(pool.submit(make, i))
            if len(waiting) > threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _log_progress(total: int):
    log = logging.getLogger(__name__)

    def report(block: int) -> None:
        if (block + 1) % 10 == 0 or block + 1 == total:
            log.info("expression: block %d of %d written", block + 1, total)

    return report


def _decimal(code: int) -> str:
    """Write code / 10,000 with up to four decimals: 0, 9.5, 12.3456."""
    whole, part = divmod(code, 10_000)
    return f"{whole}.{part:04d}".rstrip("0").rstrip(".") if part else str(whole)


def _write_planted_factors(
    path: str,
    samples: pd.DataFrame,
    latents: pd.DataFrame,
    factors: np.ndarray,
    genes: pd.DataFrame,
    programmes: Programmes,
    calibration: Calibration,
) -> None:
    import anndata

    var = pd.DataFrame(
        {
            "row_name": genes["row_name"].to_numpy(),
            "symbol": genes["symbol"].to_numpy(),
            "programme": programmes.markers.astype(str),
            "phase_peak": programmes.phase_peaks,
            "target_mean": genes["mean"].to_numpy(),
            "target_sd": genes["sd"].to_numpy(),
            "offset": calibration.offset,
            "scale": calibration.scale,
            "residual": programmes.residual,
            "dispersion": programmes.dispersion,
        },
        index=pd.Index(genes["gene"].to_numpy(), name="gene"),
    )
    scale = calibration.scale[:, None].astype(np.float32)
    obs = pd.concat([samples, latents], axis=1)
    world = anndata.AnnData(obs=_categorical(obs), var=_categorical(var))
    world.obsm["factors"] = factors
    world.varm["loadings"] = programmes.loadings * scale
    world.uns["factors"] = np.array(programmes.factors)
    world.write_h5ad(path)


def _categorical(table: pd.DataFrame) -> pd.DataFrame:
    words = table.select_dtypes(include=["object", "string"]).columns
    return table.astype(dict.fromkeys(words, "category"))
