"""Who the samples are: ids and sample types from barcodes, and the harmonised clinical table."""

import difflib
import itertools
import logging
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tybalt.data.readers.text_lines import read_cells, read_name
from tybalt.data.tables.harmonise import Harmonised, harmonise, harmonise_or_tell, missing_words
from tybalt.data.tables.overlap import explain_ids
from tybalt.plan.errors import InputError, shown, some, suggest

LOG = logging.getLogger(__name__)

#: What characters 14-15 of a TCGA barcode say.
#: Source: GDC, "Sample Type Codes" (https://gdc.cancer.gov/resources-tcga-users/tcga-code-tables).
TCGA_SAMPLE_TYPES = {
    "01": "Primary Tumor",
    "02": "Recurrent Tumor",
    "03": "Primary Blood Derived Cancer - Peripheral Blood",
    "04": "Recurrent Blood Derived Cancer - Bone Marrow",
    "05": "Additional - New Primary",
    "06": "Metastatic",
    "07": "Additional Metastatic",
    "08": "Human Tumor Original Cells",
    "09": "Primary Blood Derived Cancer - Bone Marrow",
    "10": "Blood Derived Normal",
    "11": "Solid Tissue Normal",
    "12": "Buccal Cell Normal",
    "13": "EBV Immortalized Normal",
    "14": "Bone Marrow Normal",
    "15": "sample type 15",
    "16": "sample type 16",
    "20": "Control Analyte",
    "40": "Recurrent Blood Derived Cancer - Peripheral Blood",
    "50": "Cell Lines",
    "60": "Primary Xenograft Tissue",
    "61": "Cell Line Derived Xenograft Tissue",
    "99": "sample type 99",
}

#: Two ways to read sample ids: as TCGA barcodes, or as they are.
BARCODES = ("tcga", "none")

#: Characters of a TCGA barcode that name the patient, and the sample.
PATIENT_LENGTH, SAMPLE_LENGTH = 12, 15
_TCGA_BARCODE = re.compile(r"TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}-[0-9]{2}")

#: The roles of columns where none were named.
NO_ROLES: Mapping[str, Any] = {"group": "patient"}

_SHOWN_COLUMNS = 12  # of the hundreds that some tables have, in a message

#: Before the names of columns that the config does not name and that are carried along.
CARRIED = "carried:"


#: Gives paths of matrices with the names of their rows.
RowNames = Callable[[], Iterable[tuple[str, Iterable[str]]]]


class Described(NamedTuple):
    """What a clinical table says of samples.

    Attributes
    ----------
    table
        Index = sample ids; text or float64; missing = NaN.
    carried
        The table's other columns, as `table`, their names behind `CARRIED`.
    has_row
        bool: of which samples the table has a row.
    caveats
        What was lost, or taken for something, a sentence each.
    """

    table: pd.DataFrame
    carried: pd.DataFrame
    has_row: np.ndarray
    caveats: list[str]


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
            if not is_barcode(name):
                raise InputError(
                    f"{path}, line 1: found the sample id {shown(name)}, expected a TCGA barcode "
                    "such as TCGA-02-0047-01; for other ids set barcodes: none"
                )
        ids = [name[:SAMPLE_LENGTH] for name in header]
    doubled = [name for name, count in Counter(ids).items() if count > 1]
    if doubled:
        cut = f" after cutting to {SAMPLE_LENGTH} characters" if barcodes == "tcga" else ""
        raise InputError(
            f"{path}, line 1: found {len(doubled)} doubled sample ids{cut} ({some(doubled)}), "
            "expected each sample once; keep one column of each"
        )
    return ids


def is_barcode(name: str) -> bool:
    """Tell whether an id is, or begins with, the TCGA barcode of a sample."""
    return _TCGA_BARCODE.match(name) is not None


def sample_type_from_barcode(sample: str) -> str:
    """Say what a TCGA sample is, by characters 14-15 of its barcode; InputError if unknown."""
    code = sample[SAMPLE_LENGTH - 2 : SAMPLE_LENGTH]
    if code not in TCGA_SAMPLE_TYPES:
        raise InputError(
            f"sample {shown(sample)}: found the sample type code {shown(code)} in characters "
            f"14-15; {suggest(code, TCGA_SAMPLE_TYPES)}; leave the sample out"
        )
    return TCGA_SAMPLE_TYPES[code]


def describe_samples(
    samples: list[str],
    clinical: str,
    columns: Mapping[str, str],
    barcodes: str,
    minimum_overlap: float = 0.0,
    roles: Mapping[str, Any] = NO_ROLES,
    carry: bool = False,
    row_names: RowNames = list,
) -> Described:
    """Join the samples with the clinical table.

    The join is by sample where `columns` names one, else by patient. Of several clinical rows
    for one sample or patient each column's first known value is taken. A sample without a clinical
    row stays, its labels missing. The sample type of a TCGA sample comes from its barcode alone,
    because a table joined by patient would give a matched normal the type of its tumour.

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
    carry
        Whether the table's other columns are carried along.
    row_names
        Called where no sample is known: paths of matrices and the names of their rows, which are
        the samples if a matrix is transposed.

    Returns
    -------
    Described
        Samples in their order; columns patient, sample_type and the harmonised ones except
        `sample`.

    Raises
    ------
    InputError
        For columns that the table lacks or of which nothing is understood, an unknown sample type
        code, too few ids in common.
    """
    key = "sample" if "sample" in columns else "patient"
    keys = list(samples)
    if barcodes == "tcga":
        types = [sample_type_from_barcode(sample) for sample in samples]
        patients = [sample[:PATIENT_LENGTH] for sample in samples]
        keys = patients if key == "patient" else keys
        if "sample_type" in columns:
            LOG.info("clinical: sample types are those of the barcodes, not those of the table")
            columns = {name: columns[name] for name in columns if name != "sample_type"}
    raw = _read_text(clinical, columns, carry)
    raw = _cut_barcodes(raw) if barcodes == "tcga" else raw
    known = pd.Index(raw[key][raw[key] != ""].unique())
    if not pd.Index(keys).isin(known).any():
        for path, names in row_names():
            refuse_transposed(path, (name for name in names if name in known))
    lost = _check_overlap(keys, known, clinical, columns[key], minimum_overlap)
    # What rows of other samples say is nobody's loss.
    read = _harmonise_all(raw[raw[key].isin(keys)], columns, played_columns(roles), clinical)
    both = pd.concat([read.table, read.carried], axis=1)
    rows, contradictions = merge_rows(both, key, clinical)
    found = rows.reindex(keys)
    found.index = pd.Index(samples, name="sample")
    carried = found[read.carried.columns]
    obs = found.drop(columns=["sample", "patient", *carried], errors="ignore")
    if barcodes == "tcga":
        obs.insert(0, "sample_type", types)
    elif key == "sample" and "patient" in rows:
        patients = _patients(found, pd.Index(samples).isin(known), clinical, columns["patient"])
    else:
        patients = samples
    if roles["group"] == "patient" or barcodes == "tcga" or "patient" in columns:
        obs.insert(0, "patient", patients)
    caveats = [*read.caveats, *contradictions, *lost]
    return Described(obs, carried, pd.Index(keys).isin(known), caveats)


def _patients(found: pd.DataFrame, has_row: np.ndarray, path: str, column: str) -> np.ndarray:
    """Return the patient of each sample; one without a row is a patient of its own.

    Raises
    ------
    InputError
        If a row names no patient: samples of one would lie on two sides of the split.
    """
    patients = found["patient"].to_numpy(dtype=object)
    empty = found.index[pd.isna(patients) & has_row]
    if len(empty):
        raise InputError(
            f"{path}, column {column}: {len(empty)} samples have no patient ({some(list(empty))}), "
            "expected one for each, as the split keeps a patient's samples together; fill the "
            "column in (a cell merged in a spreadsheet is written once), or leave it out of "
            "clinical.columns"
        )
    return np.where(pd.isna(patients), found.index, patients)


def read_clinical(path: str, columns: Mapping[str, str], text: Collection[str]) -> Described:
    """Read the named columns of a clinical table and harmonise their values.

    Parameters
    ----------
    columns
        Our name -> the table's column.
    text
        Columns that stay text; see `tybalt.data.tables.harmonise.harmonise` for the others.

    Returns
    -------
    Described
        A row for each row of the table, also of samples that nobody has: where a column makes no
        sense, it stays as it is. `describe_samples` refuses it for the samples that count.
    """
    raw = _read_text(path, columns, carry=False)
    return _harmonise_all(raw, columns, text, path, harmonise_or_tell)


def _harmonise_all(
    raw: pd.DataFrame,
    columns: Mapping[str, str],
    text: Collection[str],
    path: str,
    how: Callable[..., Harmonised] = harmonise,
) -> Described:
    """Harmonise the named columns of a table of texts; the others are carried."""
    harmonised = {
        name: how(name, raw[name], text, f"{path}, column {columns[name]}") for name in columns
    }
    table = pd.DataFrame({name: each.values for name, each in harmonised.items()}, raw.index)
    others = {name: missing_words(raw[name]) for name in raw if name not in columns}
    caveats = [line for each in harmonised.values() for line in each.caveats]
    carried = pd.DataFrame(others, index=raw.index)
    return Described(table, carried, np.ones(len(table), bool), caveats)


def _read_text(path: str, columns: Mapping[str, str], carry: bool) -> pd.DataFrame:
    """Read the named of perhaps hundreds of columns, under our names; all others if wanted."""
    if not {"sample", "patient"} & set(columns):
        raise InputError(
            "columns: found neither 'sample' nor 'patient', expected one of them to join "
            "the clinical table with the expression matrix"
        )
    head, rows = read_cells(path)
    _check_columns(head.columns, columns, f"{path}, line {head.line}")
    positions = {name: head.columns.index(column) for name, column in columns.items()}
    for i, column in enumerate(head.columns if carry else []):
        if column not in columns.values():
            positions[_free_name(f"{CARRIED}{column or i + 1}", positions)] = i
    found = [
        [read_name(cells[i], f"{path}, line {number:,}") for i in positions.values()]
        for number, cells in rows
    ]
    return pd.DataFrame(found, columns=list(positions), dtype=object)


def _free_name(name: str, taken: Collection[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    numbered = (f"{name}.{i}" for i in itertools.count(1))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def played_columns(roles: Mapping[str, Any]) -> list[str]:
    """Return the columns that play a part as text, of one role (a name) or several (a list)."""
    text = [role for role in roles if role not in ("strata", "weight")]
    named = [roles[role] for role in text if roles[role] is not None]
    return [*named, *roles.get("strata", [])]


def _check_columns(found: list[str], columns: Mapping[str, str], where: str) -> None:
    for name, column in columns.items():
        if column not in found:
            near = difflib.get_close_matches(column, found, n=_SHOWN_COLUMNS, cutoff=0)
            raise InputError(
                f"{where}: found no column {shown(column)} (columns.{name}); "
                f"{suggest(column, near)}"
            )
        if found.count(column) > 1:
            raise InputError(
                f"{where}: found the column {shown(column)} (columns.{name}) {found.count(column)} "
                "times, expected it once; rename or delete the others"
            )


def _cut_barcodes(table: pd.DataFrame) -> pd.DataFrame:
    lengths = {"sample": SAMPLE_LENGTH, "patient": PATIENT_LENGTH}
    return table.assign(**{n: table[n].str[:size] for n, size in lengths.items() if n in table})


def merge_rows(table: pd.DataFrame, key: str, path: str) -> tuple[pd.DataFrame, list[str]]:
    """Merge the rows of each key: of every column the first known value.

    Returns
    -------
    tuple
        The rows, indexed by key; and a caveat for columns in which rows of a key disagree.
    """
    table = table[table[key].notna()]
    is_doubled = table[key].duplicated(keep=False)
    if not is_doubled.any():
        return table.set_index(key, drop=False), []
    merged = table.groupby(key, sort=False).first()
    merged[key] = merged.index
    doubled = table[is_doubled]
    different = doubled.drop(columns=key).groupby(doubled[key], sort=False).nunique() > 1
    lines = []
    for column in different:
        keys = list(different.index[different[column]])
        if keys:
            values = some(list(doubled[column][doubled[key] == keys[0]].dropna().unique()))
            lines.append(f"{column} of {some(keys, 3)} ({keys[0]}: {values})")
    if not lines:
        return merged, []
    n_keys = int(different.any(axis=1).sum())
    more = f"; and in {len(lines) - 5} further columns" if len(lines) > 5 else ""
    return merged, [
        f"{path}: several rows of one {key} contradict each other for {n_keys} of them, and the "
        f"first known value is taken: {'; '.join(lines[:5])}{more}."
    ]


def refuse_transposed(path: str, samples: Iterable[str]) -> None:
    """Refuse a file of which some row names are known to be samples; raise InputError."""
    if samples := list(samples):
        raise InputError(
            f"{path}: found samples ({some(samples)}) in the first column and none in the header, "
            "expected genes x samples; transpose the table (a row for each gene, a column for each "
            "sample)"
        )


def _check_overlap(
    keys: list[str], known: pd.Index, path: str, column: str, minimum_overlap: float
) -> list[str]:
    """Say which samples have no clinical row, and why if it can be seen; InputError for many."""
    found = pd.Index(keys).isin(known)
    alone = [key for key, is_found in zip(keys, found, strict=True) if not is_found]
    others = known.difference(keys)
    reason = explain_ids(alone, others) if alone else ""
    if not found.any():
        raise InputError(
            f"{path}: no id of its column {column!r} ({some(list(known))}) is a sample of the "
            f"expression matrix ({some(keys)}); choose the column with the same ids{reason}"
        )
    LOG.info("clinical: %d of %d samples have a clinical row", found.sum(), len(keys))
    if not alone:
        return []
    words = (
        f"{path}: {found.sum()} of {len(keys)} samples of the expression matrix have a row (not: "
        f"{some(alone)}"
    )
    if found.sum() < minimum_overlap * len(keys):
        raise InputError(
            f"{words}), expected at least {minimum_overlap:.0%}; choose the column with the "
            f"same ids, or lower minimum_overlap{reason}"
        )
    unused = f"; ids of the table without a sample: {some(list(others))}" if len(others) else ""
    return [f"{words}); the others have no labels{unused}{reason}."]
