"""The controls of a task in its tables: which rows they are, and rows that are computed.

A new task adds its controls to `tybalt.plan.controls` and gives the rows that are not models to
`with_controls`; its figures and pages read the column `control`.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tybalt.plan.controls import control_of_module, controls_of
from tybalt.plan.names import experiment_name


def with_controls(
    table: pd.DataFrame, task: str, computed: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Say in the column `control` which rows are controls, and add those that are computed.

    Parameters
    ----------
    table
        One row per experiment: `model`, `tuner`, `module`, and measures.
    task
        Whose controls are asked for.
    computed
        Name of a control without a module -> its measures, those that it has. Its row has no model.

    Raises
    ------
    ValueError
        If `computed` and the registry differ: a table of a task always has all its controls.
    """
    expected = {control.name for control in controls_of(task) if control.module is None}
    if set(computed) != expected:
        raise ValueError(
            f"{task}: computed are {sorted(computed)}, tybalt.plan.controls has {sorted(expected)}"
        )
    named = [control_of_module(task, module) for module in table["module"]]
    rows = [{"control": name, **measures} for name, measures in computed.items()]
    joined = pd.concat([table.assign(control=named), pd.DataFrame(rows)], ignore_index=True)
    # Counts stay whole beside rows that have none.
    counts = [name for name in table if pd.api.types.is_integer_dtype(table[name])]
    return joined.astype(dict.fromkeys(counts, "Int64"))


def models_of(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows that are no models."""
    return table[table["model"].notna()].reset_index(drop=True)


def names_of_rows(table: pd.DataFrame) -> list[str]:
    """Name every row for people: by its experiment, or by its control where there is none."""
    return [
        experiment_name(row["model"], row["tuner"]) if pd.notna(row["model"]) else row["control"]
        for row in table.to_dict("records")
    ]


def are_of_kind(table: pd.DataFrame, task: str, *kinds: str) -> pd.Series:
    """Tell which rows are controls of these kinds."""
    names = [control.name for kind in kinds for control in controls_of(task, kind)]
    return table["control"].isin(names)
