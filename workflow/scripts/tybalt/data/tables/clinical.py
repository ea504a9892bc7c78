"""Who the samples are: ids and sample types from barcodes, and the harmonised clinical table."""

import csv
import difflib
import io
import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.readers.raw_files import open_raw
from tybalt.plan.errors import InputError, suggest

LOG = logging.getLogger(__name__)

#: What characters 14-15 of a TCGA barcode say.
#: Source: GDC, "Sample Type Codes" (https://gdc.cancer.gov/resources-tcga-users/tcga-code-tables).
TCGA_SAMPLE_TYPES = {
    "01": "Primary Tumor",
    "02": "Recurrent Tumor",
    "03": "Primary Blood Derived Cancer - Peripheral Blood",
    "05": "Additional - New Primary",
    "06": "Metastatic",
    "07": "Additional Metastatic",
    "11": "Solid Tissue Normal",
}

#: Two ways to read sample ids: as TCGA barcodes, or as they are.
BARCODES = ("tcga", "none")

#: Characters of a TCGA barcode that name the patient, and the sample.
PATIENT_LENGTH, SAMPLE_LENGTH = 12, 15
_TCGA_BARCODE = re.compile(r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}-[0-9]{2}")

#: Columns that stay text even if their values look like numbers.
TEXT_COLUMNS = ("sample", "patient", "sample_type", "cancer_type", "sex", "stage")

#: The roles of columns where none were named.
NO_ROLES: Mapping[str, Any] = {"group": "patient"}

_SHOWN_COLUMNS = 12  # of the hundreds that some tables have, in a message

#: Words of clinical tables for "not known", in lower case, brackets and quotes taken off.
_MISSING_WORDS = frozenset(
    {"", "--", "na", "n/a", "nan", "null", "unknown"}
    | {"not reported", "not available", "not applicable", "not evaluated"}
)


def read_sample_ids(header: list[str], barcodes: str, path: str) -> list[str]:
    """Turn a header into sample ids, in file order.

    Parameters
    ----------
    barcodes
        ``tcga``: ids are cut to 15 characters (patient and sample type); ``none``: left alone.
    path
        The file, for messages.

    Raises
    ------
    InputError
        For ids that occur twice (after cutting), for ids that are no TCGA barcodes.
    """
    if barcodes not in BARCODES:
        raise InputError(f"barcodes: found {barcodes!r}; {suggest(barcodes, BARCODES)}")
    ids = list(header)
    if barcodes == "tcga":
        for name in header:
            if not _TCGA_BARCODE.match(name):
                raise InputError(
                    f"{path}, line 1: found the sample id {name!r}, expected a TCGA barcode "
                    "such as TCGA-02-0047-01; for other ids set barcodes: none"
                )
        ids = [name[:SAMPLE_LENGTH] for name in header]
    doubled = [name for name, count in Counter(ids).items() if count > 1]
    if doubled:
        cut = f" after cutting to {SAMPLE_LENGTH} characters" if barcodes == "tcga" else ""
        raise InputError(
            f"{path}, line 1: found {len(doubled)} doubled sample ids{cut} ({_some(doubled)}), "
            "expected each sample once; keep one column of each"
        )
    return ids


def sample_type_from_barcode(sample: str) -> str:
    """Say what a TCGA sample is, by characters 14-15 of its barcode; InputError if unknown."""
    code = sample[SAMPLE_LENGTH - 2 : SAMPLE_LENGTH]
    if code not in TCGA_SAMPLE_TYPES:
        raise InputError(
            f"sample {sample}: found the sample type code {code!r} in characters 14-15; "
            f"{suggest(code, TCGA_SAMPLE_TYPES)}; leave the sample out"
        )
    return TCGA_SAMPLE_TYPES[code]


def describe_samples(
    samples: list[str],
    clinical: str,
    columns: Mapping[str, str],
    barcodes: str,
    minimum_overlap: float = 0.0,
    roles: Mapping[str, Any] = NO_ROLES,
) -> pd.DataFrame:
    """Join the samples with the clinical table.

    The join is by sample where `columns` names one, else by patient. Of several clinical rows
    for one sample or patient the first is taken. A sample without a clinical row stays, its
    labels missing. The sample type of a TCGA sample comes from its barcode alone, because a table
    joined by patient would give a matched normal the type of its tumour.

    Parameters
    ----------
    samples
        Sample ids, as `read_sample_ids` gives them.
    clinical
        TSV or TSV.gz.
    columns
        Harmonised name -> column of the clinical table.
    barcodes
        ``tcga`` or ``none``.
    minimum_overlap
        Least allowed share (0..1) of the samples that have a clinical row; none at all is an
        error in any case.
    roles
        The dataset's roles. Columns that play one stay text. If the split keeps another column
        than `patient` together (`group`), no patients are made up.

    Returns
    -------
    pandas.DataFrame
        Index = `samples` in their order; columns patient, sample_type and the harmonised ones
        except `sample`. Text or float64; missing = NaN.

    Raises
    ------
    InputError
        For columns that the table lacks, an unknown sample type code, too few ids in common.
    """
    table = read_clinical(clinical, columns, played_columns(roles))
    if barcodes == "tcga":
        patients = [sample[:PATIENT_LENGTH] for sample in samples]
        types = [sample_type_from_barcode(sample) for sample in samples]
        table = _cut_barcodes(table)
    key = "sample" if "sample" in columns else "patient"
    keys = patients if barcodes == "tcga" and key == "patient" else samples
    rows = _one_row_per_key(table, key, clinical)
    _check_overlap(keys, rows.index, clinical, columns[key], minimum_overlap)
    obs = rows.reindex(keys).drop(columns=["sample", "patient"], errors="ignore")
    obs.index = pd.Index(samples, name="sample")
    if barcodes == "tcga":
        if "sample_type" in obs:
            LOG.info("clinical: sample types are those of the barcodes, not those of the table")
        obs = obs.drop(columns="sample_type", errors="ignore")
        obs.insert(0, "sample_type", types)
    elif key == "sample" and "patient" in rows:
        patients = rows["patient"].reindex(samples).to_numpy()
        patients = np.where(pd.isna(patients), samples, patients)
    else:
        patients = samples
    if roles["group"] == "patient" or barcodes == "tcga" or "patient" in columns:
        obs.insert(0, "patient", patients)
    return obs


def read_clinical(path: str, columns: Mapping[str, str], text: Collection[str]) -> pd.DataFrame:
    """Read the named columns of a clinical table and harmonise their values.

    Sex becomes female or male, age a number of years, ``TCGA-BRCA`` the cancer type ``BRCA``.
    Other columns become numbers where all their values are numbers, but for those of `text`.
    """
    if not {"sample", "patient"} & set(columns):
        raise InputError(
            "columns: found neither 'sample' nor 'patient', expected one of them to join "
            "the clinical table with the expression matrix"
        )
    table = _read_text(path, columns)
    text = {*TEXT_COLUMNS, *text}
    return pd.DataFrame({name: _harmonise(name, table[name], path, text) for name in columns})


def _read_text(path: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read only the named of perhaps hundreds of columns, under their harmonised names."""
    with open_raw(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter="\t")
        header = next(reader, [])
        _check_columns(header, columns, path)
        positions = [header.index(column) for column in columns.values()]
        rows = []
        for fields in filter(None, reader):
            if len(fields) != len(header):
                raise InputError(
                    f"{path}, line {reader.line_num}: found {len(fields)} fields, "
                    f"expected {len(header)} as in the header"
                )
            rows.append([fields[position] for position in positions])
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def played_columns(roles: Mapping[str, Any]) -> list[str]:
    """Return the columns that play a part as text, of one role (a name) or several (a list)."""
    text = [role for role in roles if role not in ("strata", "weight")]
    named = [roles[role] for role in text if roles[role] is not None]
    return [*named, *roles.get("strata", [])]


def _check_columns(found: list[str], columns: Mapping[str, str], path: str) -> None:
    for name, column in columns.items():
        if column not in found:
            near = difflib.get_close_matches(column, found, n=_SHOWN_COLUMNS, cutoff=0)
            raise InputError(
                f"{path}: found no column {column!r} (columns.{name}); {suggest(column, near)}"
            )


def _harmonise(name: str, column: pd.Series, path: str, text: Collection[str]) -> pd.Series:
    words = column.str.strip()
    words = words.mask(words.str.strip("[]'\" ").str.lower().isin(_MISSING_WORDS))
    if name == "cancer_type":
        return words.str.removeprefix("TCGA-")
    if name == "sex":
        known = words.str.lower()
        return _keep_known(words, known.where(known.isin(["female", "male"])), name, path)
    numbers = pd.to_numeric(words, errors="coerce")
    numbers = numbers.where(np.isfinite(numbers)).astype("float64")
    if name == "age" and name not in text:
        return _keep_known(words, numbers, name, path)
    is_number = numbers.notna().sum() == words.notna().sum()
    return words if name in text or not is_number else numbers


def _keep_known(words: pd.Series, known: pd.Series, name: str, path: str) -> pd.Series:
    """Return `known`, and log the words that it leaves out."""
    unknown = words[words.notna() & known.isna()]
    if len(unknown):
        LOG.info(
            "%s: %d values of %s are not understood and count as missing: %s",
            path,
            len(unknown),
            name,
            _some(sorted(set(unknown))),
        )
    return known


def _cut_barcodes(table: pd.DataFrame) -> pd.DataFrame:
    lengths = {"sample": SAMPLE_LENGTH, "patient": PATIENT_LENGTH}
    return table.assign(**{n: table[n].str[:size] for n, size in lengths.items() if n in table})


def _one_row_per_key(table: pd.DataFrame, key: str, path: str) -> pd.DataFrame:
    table = table[table[key].notna()].drop_duplicates()
    doubled = table[key].duplicated()
    if doubled.any():
        LOG.info(
            "%s: %d further rows for the same %s differ from the first and are left out: %s",
            path,
            doubled.sum(),
            key,
            _some(list(dict.fromkeys(table[key][doubled]))),
        )
    return table[~doubled].set_index(key, drop=False)


def _check_overlap(
    keys: list[str], known: pd.Index, path: str, column: str, minimum_overlap: float
) -> None:
    n_found = pd.Index(keys).isin(known).sum()
    if n_found == 0:
        raise InputError(
            f"{path}: no id of its column {column!r} ({_some(list(known))}) is a sample of the "
            f"expression matrix ({_some(list(keys))}); choose the column with the same ids"
        )
    if n_found < minimum_overlap * len(keys):
        alone = [key for key in keys if key not in known]
        raise InputError(
            f"{path}: {n_found} of {len(keys)} samples of the expression matrix have a row (not: "
            f"{_some(alone)}), expected at least {minimum_overlap:.0%}; choose the column with the "
            "same ids, or lower minimum_overlap"
        )
    LOG.info("clinical: %d of %d samples have a clinical row", n_found, len(keys))


def _some(names: list[str], count: int = 5) -> str:
    shown = ", ".join(map(str, names[:count]))
    return f"{shown}, ..." if len(names) > count else shown
