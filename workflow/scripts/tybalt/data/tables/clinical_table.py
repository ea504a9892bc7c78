"""The clinical table of a study, and codes joined with it."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tybalt.data.tables.clinical import (
    PATIENT_LENGTH,
    SAMPLE_LENGTH,
    TCGA_SAMPLE_TYPES,
    merge_rows,
    played_columns,
    read_clinical,
    sample_type_from_barcode,
)
from tybalt.data.tables.overlap import shared_samples
from tybalt.jobs.files import read_table, read_texts, write_table

log = logging.getLogger(__name__)


def tabulate_clinical(
    table: str,
    columns: Mapping[str, str],
    barcodes: str,
    roles: Mapping[str, Any],
    clinical: str,
) -> None:
    """Select and harmonise the clinical columns of a study.

    Parameters
    ----------
    table
        TSV or TSV.gz, one row per sample, library or patient.
    columns
        Our name -> the table's column; `sample` or `patient` is among them. See
        `tybalt.data.tables.clinical.read_clinical` for what is harmonised.
    barcodes
        ``tcga``: ids are cut to sample (15 characters) and patient (12), and the sample type is
        read from the sample's barcode, as the published join by patient gave a matched normal
        the type of its tumour. ``none``: ids and types are those of the table.
    roles
        The dataset's roles: columns that play one stay text.
    clinical
        Output, TSV: one row per row of `table`, in its order.

    Raises
    ------
    InputError
        For a column that the table lacks.
    """
    read = read_clinical(table, columns, played_columns(roles))
    for caveat in read.caveats:
        log.warning("%s", caveat)
    rows = read.table
    if barcodes == "tcga":
        rows = _trust_barcodes(rows)
    write_table(rows, clinical)
    log.info("%s: %s rows, %d columns", table, f"{len(rows):,}", rows.shape[1])


def join_clinical(
    encoding: str,
    clinical: str,
    barcodes: str,
    sample_level: Sequence[str],
    minimum_overlap: float,
    table: str,
) -> None:
    """Put the clinical columns beside the codes.

    A sample takes the row of its own; without one, and with TCGA barcodes, a row of its patient,
    less what holds for another sample only. Samples without either are left out, as published.

    Parameters
    ----------
    encoding
        `encoding.tsv.gz`: sample, z1 ... zK.
    clinical
        Output of `tabulate_clinical`. Of several rows for a sample each column's first known value
        is taken.
    sample_level
        Columns that hold for one sample and not for the patient's other samples.
    minimum_overlap
        Least allowed share (0..1) of the samples that have a clinical row.
    table
        Output, TSV or TSV.gz: sample, z1 ... zK, then the clinical columns.

    Raises
    ------
    InputError
        If too few samples have a clinical row.
    """
    codes = read_table(encoding)
    known = read_texts(clinical)
    rows = _rows_of(codes["sample"], known, barcodes, sample_level)
    known_samples = {*known.get("sample", known.get("patient")).dropna(), *rows["sample"]}
    samples = shared_samples(codes["sample"], known_samples, (encoding, clinical), minimum_overlap)
    joined = codes.merge(rows, on="sample", how="inner", validate="one_to_one")
    log.info("%s of %s samples have clinical data", f"{len(samples):,}", f"{len(codes):,}")
    write_table(joined, table)


def _trust_barcodes(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.assign(patient=rows["patient"].str[:PATIENT_LENGTH]) if "patient" in rows else rows
    if "sample" not in rows:
        # A type that is joined by patient would be wrong for all but one of the samples.
        return rows.drop(columns="sample_type", errors="ignore")
    samples = rows["sample"].str[:SAMPLE_LENGTH]
    # Samples that the matrix has not may have codes that nobody knows (TARGET-20-PABLDZ-GK).
    types = samples.map(lambda name: TCGA_SAMPLE_TYPES.get(name[SAMPLE_LENGTH - 2 :]), "ignore")
    return rows.assign(sample=samples, sample_type=types)


def _rows_of(
    samples: pd.Series, known: pd.DataFrame, barcodes: str, sample_level: Sequence[str]
) -> pd.DataFrame:
    """Return one clinical row for each sample that has one: its own, else its patient's."""
    own = pd.DataFrame({"sample": []}, dtype=str)
    if "sample" in known:
        own, _ = merge_rows(known[known["sample"].isin(samples)], "sample", "")
        own = own.reset_index(drop=True)
    missing = samples[~samples.isin(own["sample"])]
    if "patient" not in known or missing.empty:
        return own
    keys = missing.str[:PATIENT_LENGTH] if barcodes == "tcga" else missing
    of_patient = known.drop(columns=["sample", *sample_level], errors="ignore")
    of_patient = merge_rows(of_patient, "patient", "")[0].reset_index(drop=True)
    lent = pd.DataFrame({"sample": missing, "patient": keys}).merge(of_patient, on="patient")
    if barcodes == "tcga":
        lent["sample_type"] = lent["sample"].map(sample_type_from_barcode)
    log.info(
        "%d samples have no clinical row of their own, %d take their patient's",
        len(missing),
        len(lent),
    )
    return pd.concat([own, lent], ignore_index=True)
