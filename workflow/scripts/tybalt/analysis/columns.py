"""What is known of every column of the samples, and how often it is asked for."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tybalt.analysis.contrasts import (
    Contrast,
    plan_contrasts,
    read_burden,
    read_drivers,
)
from tybalt.data.known_columns import not_understood, read_known_columns
from tybalt.data.samples import Samples, read_samples
from tybalt.data.tables.overlap import explain_ids
from tybalt.jobs.files import write_table
from tybalt.plan.errors import InputError, some

log = logging.getLogger(__name__)

COLUMNS = ["column", "role", "type", "known", "missing", "values", "not_understood", "contrasts"]

#: Values that are shown of a column.
_SHOWN_VALUES = 5


def describe_columns(
    samples: str,
    known_columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    columns: str,
) -> None:
    """List every column of the samples, what is understood of it, and how often it is asked for.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    known_columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    status, mutation_burden
        status.h5ad and mutation_burden.tsv; empty lists where the dataset has no such tables.
    driver_genes
        Table whose column `gene` names the genes whose status is asked for.
    declared
        Contrasts that the config names: name -> {covariate, positive, within?}.
    columns
        Output table, a row for each column: its role, its type (numbers, ordered, two values,
        classes, carried: not named in the config), for how many samples it is known and missing,
        its most frequent values, how many are not understood (ordered classes), and in how many
        contrasts it is asked for. The tables of mutations have a row too.

    Raises
    ------
    InputError
        If a contrast of the config has no positive sample, or a table of mutations has none of the
        samples.
    """
    known = read_samples(samples, roles)
    facts = read_known_columns(known_columns)
    drivers, burden = read_drivers(status, driver_genes), read_burden(mutation_burden)
    asked = plan_contrasts(known, declared, facts, drivers, burden)
    rows = [
        describe_column(name, known.table[name], role_of(name, roles), facts, asked)
        for name in known.table
    ]
    carried = known.carried if known.carried is not None else pd.DataFrame(index=known.index)
    rows += [describe_column(name, carried[name], "", {}, []) | CARRIED for name in carried]
    for name, path, table in (
        ("mutation_burden", mutation_burden, burden),
        ("driver", status, drivers),
    ):
        if table is not None:
            rows.append(describe_events(name, str(path), table.index, known, asked))
    table = pd.DataFrame(rows, columns=COLUMNS)
    for line in caveats(table):
        log.warning("%s", line)
    write_table(table, columns)


CARRIED = {"type": "carried"}


def role_of(column: str, roles: Mapping[str, Any]) -> str:
    """Name the parts that a column plays."""
    played = [role for role, names in roles.items() if column in (names, *_listed(names))]
    return ", ".join(played)


def _listed(names: Any) -> list[str]:
    return names if isinstance(names, list) else []


def describe_column(
    name: str,
    column: pd.Series,
    role: str,
    facts: Mapping[str, Any],
    asked: Sequence[Contrast],
) -> dict[str, Any]:
    """Describe one column; see `describe_columns`."""
    known = column.dropna()
    order = facts.get("ordered", {}).get(name)
    unknown = not_understood(column, order)
    n_values = known.nunique()
    if pd.api.types.is_numeric_dtype(column):
        kind = "numbers" if n_values != 2 else "two values"
    else:
        kind = "two values" if n_values == 2 else "classes"
    return {
        "column": name,
        "role": role,
        "type": kind if order is None else "ordered",
        "known": len(known),
        "missing": int(column.isna().sum()),
        "values": values_of(known),
        "not_understood": f"{len(unknown)}: {some(sorted(set(unknown)))}" if unknown else "",
        "contrasts": sum(belongs(contrast, name) for contrast in asked),
    }


def values_of(known: pd.Series) -> str:
    """Write the range of numbers, or the most frequent values and how often they are there."""
    if known.empty:
        return ""
    if pd.api.types.is_numeric_dtype(known) and known.nunique() > _SHOWN_VALUES:
        return f"{known.min():g} to {known.max():g}"
    counts = known.astype(str).value_counts()
    return some([f"{value} ({n})" for value, n in counts.items()], _SHOWN_VALUES)


def belongs(contrast: Contrast, column: str) -> bool:
    """Tell whether a contrast that is asked without being named asks for this column."""
    return contrast.name.partition(":")[0] == column


def describe_events(
    name: str, path: str, found: pd.Index, known: Samples, asked: Sequence[Contrast]
) -> dict[str, Any]:
    """Describe a table of other samples by those that it shares; InputError if there are none."""
    shared = known.index.intersection(found)
    if not len(shared):
        raise InputError(
            f"{path}: none of its {len(found)} samples ({some(list(found))}) is one of the matrix "
            f"({some(list(known.index))}); give tables with the same ids, or leave the table out "
            f"of `tables`{explain_ids(set(known.index), set(found))}"
        )
    return {
        "column": name,
        "role": "",
        "type": "numbers" if name == "mutation_burden" else "two values",
        "known": len(shared),
        "missing": len(known.index) - len(shared),
        "values": "",
        "not_understood": "",
        "contrasts": sum(belongs(contrast, name) for contrast in asked),
    }


def caveats(table: pd.DataFrame) -> list[str]:
    """Say what of the table of columns a reader should know, a sentence each."""
    lines = [
        f"{row['column']}: {words} values are not understood and count as missing ({examples})."
        for row in table.to_dict("records")
        if isinstance(row["not_understood"], str) and row["not_understood"]
        for words, _, examples in [row["not_understood"].partition(": ")]
    ]
    n_samples = table["known"] + table["missing"]
    events = table[table["column"].isin(["mutation_burden", "driver"])]
    lines += [
        f"{row['column']}: known of {row['known']} of {row['known'] + row['missing']} samples only."
        for row in events.to_dict("records")
        if row["known"] < row["missing"]
    ]
    carried = list(table["column"][table["type"] == CARRIED["type"]])
    if carried:
        lines.append(
            f"Nothing is asked of {len(carried)} columns of the clinical table that the config "
            f"does not name ({some(carried)}): they stand in samples.tsv; name them under "
            "clinical.columns to have them tested."
        )
    empty = list(table["column"][(table["known"] == 0) & (n_samples > 0) & (table["role"] != "")])
    return lines + [f"{name}: it plays a role and has no value." for name in empty]
