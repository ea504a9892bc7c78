"""The part of a summary about repeats of the split: other pages, and what all of them say."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.control_rows import names_of_rows
from tybalt.analysis.numbers import DASH, decimal, percent
from tybalt.analysis.repeats import CONTRAST, MEASURE, columns_of
from tybalt.plan.names import experiment_name

#: The measure by which a model is called the best of a repeat: more is better.
BEST_BY = "explained"

#: How measures are written; counts are, unless they stand here.
WRITTEN: Mapping[str, Callable[[float], str]] = {
    "explained": lambda value: percent(value, 1),
    "knn_accuracy": percent,
}


def repeat_in_words(name: str, repeats: Sequence[str]) -> dict[str, Any]:
    """Say which of the repeats a page is about, and where the others are.

    Parameters
    ----------
    name
        The dataset of the page.
    repeats
        All repeats, the dataset of the config first.

    Returns
    -------
    dict
        `number` of this one and `count` of all, `first`: the name of the one whose page compares
        them; `links`: (name, address) of the other pages.
    """
    return {
        "number": repeats.index(name) + 1,
        "count": len(repeats),
        "first": repeats[0],
        "links": [(each, f"../{each}/summary.html") for each in repeats if each != name],
    }


def model_rows(
    table: pd.DataFrame, measures: Sequence[str], compared: bool = True
) -> list[dict[str, Any]]:
    """List models and controls with the mean and range of their measures.

    Parameters
    ----------
    table
        repeats.tsv.
    measures
        Those that are shown, in their order.
    compared
        Whether errors of the models compare: not if they see different blocks.

    Returns
    -------
    list of dict
        `name`; `values` as text; `best`: in how many repeats no other model explains more of the
        variance, as text; a dash for what is no model, or not compared.
    """
    of_models = table[table["kind"] == MEASURE].fillna({"model": "", "tuner": "", "control": ""})
    best = times_best(of_models) if compared else {}
    rows = []
    for key, mine in of_models.groupby(["model", "tuner", "control"], sort=False):
        by_name = mine.set_index("name")
        model, tuner, control = key
        rows.append(
            {
                "name": experiment_name(model, tuner) if model else control,
                "values": [
                    with_range(by_name.loc[name], WRITTEN.get(name, whole))
                    if name in by_name.index
                    else DASH
                    for name in measures
                ],
                "best": best.get(key, DASH),
            }
        )
    return rows


def times_best(of_models: pd.DataFrame) -> dict[tuple[str, str, str], str]:
    """Count in how many repeats each model explains most: (model, tuner, control) -> ``3 of 5``."""
    rows = of_models[(of_models["name"] == BEST_BY) & (of_models["model"] != "")]
    values = rows[columns_of(sum(name.startswith("repeat_") for name in rows))].to_numpy(float)
    if len(rows) < 2:
        return {}
    counts = (values == values.max(axis=0)).sum(axis=1)
    keys = rows[["model", "tuner", "control"]].itertuples(index=False, name=None)
    return {key: f"{number} of {values.shape[1]}" for key, number in zip(keys, counts, strict=True)}


def contrast_rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """List the contrasts that the config names, in how many repeats they held, and the range."""
    named = table[(table["kind"] == CONTRAST) & (table["named"] == "yes")]
    count = sum(name.startswith("repeat_") for name in table)
    names = names_of_rows(named)
    rows = [
        {
            "contrast": row["name"],
            "model": model,
            "testable": f"{int(row['testable'])} of {count}",
            "confirmed": f"{int(row['confirmed'])} of {count}",
            "effect": with_range(row, decimal),
        }
        for model, row in zip(names, named.to_dict("records"), strict=True)
    ]
    return sorted(rows, key=lambda row: row["contrast"])


def others_in_words(table: pd.DataFrame) -> list[str]:
    """Count of each model the further contrasts that are confirmed in all repeats, and in some."""
    count = sum(name.startswith("repeat_") for name in table)
    others = table[(table["kind"] == CONTRAST) & (table["named"] == "no")]
    return [
        f"{names_of_rows(mine)[0]}: of {len(mine)} further contrasts {int(ever.sum())} are "
        f"confirmed in some repeat, {int(always.sum())} of them in all {count}."
        for _, mine in others.groupby(["model", "tuner"], sort=False)
        for ever, always in [(mine["confirmed"] > 0, mine["confirmed"] == count)]
    ]


def with_range(row: Mapping[str, Any], written: Callable[[float], str]) -> str:
    """Write a mean with its range: ``0.95 (0.90–0.99)``; a dash where no repeat has a value."""
    mean, low, high = (float(row[name]) for name in ("mean", "lowest", "highest"))
    if np.isnan(mean):
        return DASH
    between = " to " if low < 0 else "–"
    return f"{written(mean)} ({written(low).removesuffix(' %')}{between}{written(high)})"


def whole(value: float) -> str:
    """Write a count, or the mean of counts."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
