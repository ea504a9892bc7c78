"""All models side by side: one panel for each measure of the leaderboard."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tybalt.analysis.control_rows import are_of_kind, models_of, names_of_rows
from tybalt.analysis.numbers import number
from tybalt.figures.style import (
    BLUE,
    INK,
    MEDIUM,
    ORANGE,
    SMALL,
    add_note,
    best_grid,
    legend_beside,
    new_figure,
    readable,
    saves_figure,
)
from tybalt.jobs.files import read_table
from tybalt.plan.controls import controls_of

FIGURE_OF = "dataset"
NEEDS = ("explain",)

#: Kind of a control -> its marker and its line through a panel.
LOOKS = {"floor": ("v", ":"), "bar": ("D", "--"), "ceiling": ("^", "-."), "control": ("s", "")}

#: Columns that say what a model cost, how it was scored or what it is like, not how good it is.
NOT_DRAWN = {"score", "bce_clipped", "parameters", "epochs", "configurations", "trainings"}
NOT_DRAWN |= {"active_units", "samples"}

#: A control that is further from the models than this many times their range is written, not drawn.
_FAR = 1.5

#: Letters in a line of the legend.
_LEGEND_WIDTH = 18

#: Words in a measure's name that make smaller values better.
_ERRORS = ("mse", "bce", "kl", "loss", "error", "parameters", "seconds", "cost")


@saves_figure
def plot_leaderboard(leaderboard: str, title: str) -> Figure:
    """Draw every measure of every trained model as points, with intervals where the table has them.

    Parameters
    ----------
    leaderboard
        Output of `compare_models`: one row per model and tuner, and rows of controls.
    title
        Whose models they are.
    """
    return draw_comparison(read_table(leaderboard), "explain", title)


def draw_comparison(rows: pd.DataFrame, task: str, title: str) -> Figure:
    """Draw a table of models and controls.

    Parameters
    ----------
    rows
        As `tybalt.analysis.control_rows.with_controls` makes them: `model`, `tuner`, `control`,
        `evaluated_on`, `warnings`, and measures. ``x_low`` and ``x_high`` are the interval of
        ``x``, or of ``x_accuracy``, ``x_auroc``.
    task
        Whose controls they are.
    title
        Whose models they are.
    """
    measures = measures_of(rows)
    names = names_of_rows(rows)
    figure = new_figure(_heading(models_of(rows)), title)
    height, width = best_grid(max(len(measures), 1))
    panels = figure.subplots(height, width, sharey=True, squeeze=False)
    for panel, (measure, interval) in zip(panels.flat, measures.items(), strict=False):
        draw_measure(panel, rows, task, measure, interval)
    for panel in panels.flat[len(measures) :]:
        panel.remove()
    for panel in panels[:, 0]:
        panel.set_yticks(range(len(rows)), names, fontsize=MEDIUM - 1 if len(rows) < 12 else SMALL)
        panel.set_ylim(len(rows) - 0.5, -0.5)
    legend_beside(figure, _handles(rows, task))
    notes = [
        "Bars are the intervals of the table. Arrows point to the better side, or to a control "
        "far off."
    ]
    if "blocks" in rows and rows["blocks"].nunique() > 1:
        notes.append("Models see different blocks: errors compare only where these are the same.")
        named = zip(names, blocks_of(rows), strict=True)
        names = [f"{name} ({blocks})" if blocks else name for name, blocks in named]
        for panel in panels[:, 0]:
            panel.set_yticks(range(len(rows)), names, fontsize=SMALL)
    warned = zip(names_of_rows(rows), rows["warnings"].fillna(""), strict=True)
    notes += [f"{name}: {warning}." for name, warning in warned if warning]
    add_note(figure, " ".join(notes))
    return figure


def _handles(rows: pd.DataFrame, task: str) -> list[Line2D]:
    """Explain the markers, and those controls that the table has."""
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=9, color=BLUE, label="model"),
        Line2D([], [], linestyle="none", marker="*", markersize=15, color=ORANGE, label="best"),
    ]
    for control in controls_of(task):
        if (rows["control"] == control.name).any():
            marker, line = LOOKS[control.kind]
            label = textwrap.fill(f"{control.kind}: {control.name}", _LEGEND_WIDTH)
            handles.append(Line2D([], [], color=INK, linestyle=line, marker=marker, label=label))
    return handles


def _heading(models: pd.DataFrame) -> str:
    """Count the trained models and say which samples evaluate them."""
    count = len(models)
    (part,) = models["evaluated_on"].unique()
    also = ", which also chose the setting" if part == "validation" else ""
    return f"{count} trained model{'' if count == 1 else 's'}, evaluated on {part} samples{also}"


def measures_of(table: pd.DataFrame) -> dict[str, tuple[str, str] | None]:
    """Find the numeric measures and the columns of their intervals.

    Returns
    -------
    dict
        Measure -> (low, high) or None. Costs and columns without any value are left out.
    """
    numeric = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    measures = {}
    for name in numeric:
        interval = name.endswith(("_low", "_high"))
        if interval or name in NOT_DRAWN or not table[name].notna().any():
            continue
        stems = (name, name.rsplit("_", 1)[0])
        found = [(f"{stem}_low", f"{stem}_high") for stem in stems if f"{stem}_low" in numeric]
        measures[name] = found[0] if found else None
    return measures


def lower_is_better(measure: str) -> bool:
    """Tell by its name whether a measure is an error or a cost."""
    return any(word in _ERRORS for word in measure.split("_"))


def draw_measure(
    panel: Axes, table: pd.DataFrame, task: str, measure: str, interval: tuple[str, str] | None
) -> None:
    """Draw one measure: a point per row, its interval, controls as lines, the best starred.

    The best is a model or a bar: a ceiling is better by its nature, and a bad control may look so.
    """
    values = table[measure].to_numpy(float)
    rows = np.arange(len(table))
    if interval:
        panel.hlines(rows, table[interval[0]], table[interval[1]], color=BLUE, linewidth=2)
    ordinary = table["control"].isna().to_numpy()
    compared = np.where(ordinary | are_of_kind(table, task, "bar"), values, np.nan)
    far = far_from(compared, values)
    panel.plot(values[ordinary], rows[ordinary], "o", color=BLUE, markersize=9)
    for kind, (marker, line) in LOOKS.items():
        chosen = are_of_kind(table, task, kind).to_numpy() & np.isfinite(values) & ~far
        panel.plot(values[chosen], rows[chosen], marker, color=INK, markersize=8)
        for value in values[chosen] if line else ():
            panel.axvline(value, color=INK, linestyle=line, linewidth=1)
    for row in rows[far]:
        write_at_the_edge(panel, values[row], row, values[row] < np.nanmin(compared))
    arrow = "← " if lower_is_better(measure) else ""
    heading = f"{arrow}{readable(measure)}{'' if arrow else ' →'}"
    first = best_of_alike(table, compared, lower_is_better(measure))
    for value, blocks in first.items():
        best = (compared == value) & np.isin(blocks_of(table), blocks)
        panel.plot(values[best], rows[best], "*", color=ORANGE, markersize=17, mec="white")
    if len(first) == 1:
        heading += f"\nbest {number(next(iter(first)))}"
    panel.set_title(heading, fontsize=MEDIUM - 1)
    panel.xaxis.set_major_locator(MaxNLocator(3))
    panel.xaxis.set_major_formatter(lambda value, _: number(value))
    panel.margins(x=0.12)
    panel.grid(axis="y")


def best_of_alike(table: pd.DataFrame, compared: np.ndarray, lower: bool) -> dict[float, list[str]]:
    """Find the best value among models of the same blocks: value -> the blocks it is best of."""
    blocks = blocks_of(table)
    found: dict[float, list[str]] = {}
    for name in dict.fromkeys(blocks):
        values = compared[(blocks == name) & np.isfinite(compared)]
        if len(values):
            found.setdefault(values.min() if lower else values.max(), []).append(name)
    return found


def blocks_of(table: pd.DataFrame) -> np.ndarray:
    """Return the blocks that the model of each row sees, as text; empty where none are named."""
    return table.get("blocks", pd.Series("", table.index)).fillna("").to_numpy(dtype=str)


def far_from(compared: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Tell which values would squeeze what is compared into a small part of a panel."""
    if not np.isfinite(compared).any():
        return np.zeros(len(values), bool)
    low, high = np.nanmin(compared), np.nanmax(compared)
    room = _FAR * (high - low)
    return (room > 0) & ((values < low - room) | (values > high + room))


def write_at_the_edge(panel: Axes, value: float, row: int, left: bool) -> None:
    """Write a value that lies outside of a panel, with an arrow to where it lies."""
    panel.text(
        0.03 if left else 0.97,
        row,
        f"← {number(value)}" if left else f"{number(value)} →",
        transform=panel.get_yaxis_transform(),
        ha="left" if left else "right",
        va="center",
        fontsize=SMALL,
        color=INK,
        backgroundcolor="white",
    )
