"""What is known of the columns of a kind of dataset: resources/tcga_columns.yaml."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tybalt.plan.errors import InputError, some


def read_known_columns(path: Sequence[str]) -> dict[str, Any]:
    """Read what is known of a kind's columns; nothing where the kind brings no such file."""
    return yaml.safe_load(Path(str(path)).read_text(encoding="utf-8")) if path else {}


def ordered_as_numbers(column: pd.Series, order: Mapping[str, Any] | None) -> pd.Series:
    """Turn ordered classes into numbers, NaN for what is none; other columns stay as they are.

    Parameters
    ----------
    order
        ``pattern``, whose first group names the class, and ``numbers``, class -> number; None for
        a column without an order.
    """
    if order is None:
        return column
    pattern = re.compile(order["pattern"], re.IGNORECASE)
    found = column.astype(object).map(lambda text: pattern.fullmatch(str(text).strip()))
    numbers = order["numbers"]
    return found.map(lambda match: numbers[match[1].lower()] if match else np.nan).astype(float)


def not_understood(column: pd.Series, order: Mapping[str, Any] | None) -> list[str]:
    """List the values of a column that are no class of its order, for each row that has one."""
    known = column.dropna()
    return [] if order is None else list(known[ordered_as_numbers(known, order).isna()])


def check_ordered(table: pd.DataFrame, known: Mapping[str, Any]) -> None:
    """Refuse a column of ordered classes of which no value is understood; raise InputError."""
    for name, order in known.get("ordered", {}).items():
        unknown = not_understood(table[name], order) if name in table else []
        if unknown and len(unknown) == table[name].notna().sum():
            raise InputError(
                f"clinical.columns.{name}: none of its {len(unknown)} values is understood "
                f"({some(sorted(set(unknown)))}), expected one of "
                f"{', '.join(map(str, order['numbers']))} with or without the word {name} and a "
                "letter behind it; translate them in the table, or give the column another name "
                "under clinical.columns"
            )
