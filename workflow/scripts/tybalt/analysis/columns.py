"""What is known of every column of the samples, and how often it is asked for."""

import logging
from collections import Counter
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
    samples, roles, status, mutation_burden, driver_genes, declared
        As of `tybalt.analysis.associations.associate_features`.
    known_columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    columns
        Output table, a row for each column: its role, its type (numbers, ordered, two values,
        classes, not asked, carried: not named in the config), for how many samples it is known and
        missing, its most frequent values, how many are not understood (ordered classes), and in how
        many contrasts it is asked for. Tables of mutations have a row too.

    Raises
    ------
    InputError
        If a contrast of the config has no positive sample, or a table of mutations has none of the
        samples.
    """
    known = read_samples(samples, roles)
    facts = read_known_columns(known_columns)
    drivers, burden = read_drivers(status, driver_genes), read_burden(mutation_burden)
    planned = plan_contrasts(known, declared, facts, drivers, burden)
    columns_of = {name: each["covariate"] for name, each in declared.items()}
    columns_of |= {each["name"]: each["column"] for each in facts.get("contrasts", [])}
    asked = Counter(column_of(contrast, columns_of) for contrast in planned)
    not_asked = {"split", "blocks", *facts.get("not_asked", [])}
    # Of these every value is asked, unless they divide the samples as labels do.
    not_asked |= {name for name in facts.get("one_against_rest", []) if not asked[name]}
    rows = [
        describe_column(name, known.table[name], role_of(name, roles), facts)
        | {"contrasts": asked[name]}
        | ({"type": "not asked"} if name in not_asked and not role_of(name, roles) else {})
        for name in known.table
    ]
    carried = known.carried if known.carried is not None else pd.DataFrame(index=known.index)
    rows += [describe_column(name, carried[name], "", {}) | CARRIED for name in carried]
    for name, path, table in (
        ("mutation_burden", mutation_burden, burden),
        ("driver", status, drivers),
    ):
        if table is not None:
            rows.append(
                describe_events(name, str(path), table.index, known) | {"contrasts": asked[name]}
            )
    table = pd.DataFrame(rows, columns=COLUMNS)
    for line in caveats(table):
        log.warning("%s", line)
    write_table(table, columns)


#: Of columns that the config does not name.
CARRIED = {"type": "carried", "contrasts": 0}


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
        "known": len(known) - len(unknown),
        "missing": int(column.isna().sum()) + len(unknown),
        "values": values_of(known),
        "not_understood": f"{len(unknown)}: {some(sorted(set(unknown)))}" if unknown else "",
    }


def values_of(known: pd.Series) -> str:
    """Write the range of numbers, or the most frequent values and how often they are there."""
    if known.empty:
        return ""
    if pd.api.types.is_numeric_dtype(known) and known.nunique() > _SHOWN_VALUES:
        return f"{known.min():g} to {known.max():g}"
    counts = known.astype(str).value_counts()
    return some([f"{value} ({n})" for value, n in counts.items()], _SHOWN_VALUES)


def column_of(contrast: Contrast, columns: Mapping[str, str]) -> str:
    """Return the column that a contrast asks for: as it is named, or the part before the colon."""
    name = contrast.name if contrast.named else contrast.name.partition(":")[0]
    return columns.get(name, name)


def describe_events(name: str, path: str, found: pd.Index, known: Samples) -> dict[str, Any]:
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
        "type": "numbers" if name == "mutation_burden" else "events",
        "known": len(shared),
        "missing": len(known.index) - len(shared),
        "values": "",
        "not_understood": "",
    }


def caveats(table: pd.DataFrame) -> list[str]:
    """Say what of the table of columns a reader should know, a sentence each."""
    table = table.assign(
        role=table["role"].fillna(""),
        values=table["values"].fillna(""),
        not_understood=table["not_understood"].fillna(""),
    )
    rows = table.to_dict("records")
    lines = [
        f"{row['column']}: {words} values are not understood and count as missing ({examples})."
        for row in rows
        if row["not_understood"]
        for words, _, examples in [row["not_understood"].partition(": ")]
    ]
    lines += [
        f"{row['column']}: known of {row['known']} of {row['known'] + row['missing']} samples only."
        for row in rows
        if is_worth_telling(row)
    ]
    unasked = table[
        (table["contrasts"] == 0) & (table["role"] == "") & table["type"].isin(ASKED_TYPES)
    ]
    if len(unasked):
        what = [f"{row['column']} ({row['values']})" for row in unasked.to_dict("records")]
        lines.append(
            f"Nothing is asked of {', '.join(what)}: only columns with two values or with numbers "
            "are, unless `contrasts` names them."
        )
    carried = list(table["column"][table["type"] == CARRIED["type"]])
    if carried:
        lines.append(
            f"Nothing is asked of columns of the clinical table that the config does not name "
            f"({len(carried)}: {some(carried)}): they stand in samples.tsv; name them under "
            "clinical.columns to have them tested."
        )
    return lines


#: Types of declared columns; the split and tables of events are none.
ASKED_TYPES = ("numbers", "two values", "classes", "ordered")


def is_worth_telling(row: Mapping[str, Any]) -> bool:
    """Tell columns that play a role and have gaps, and others that are mostly missing."""
    if row["type"] == CARRIED["type"] or not row["missing"]:
        return False
    return row["role"] != "" or row["missing"] > row["known"]
