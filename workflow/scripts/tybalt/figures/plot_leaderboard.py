"""All models side by side: one panel for each measure of the leaderboard."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

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
from tybalt.plan.names import experiment_name

FIGURE_OF = "dataset"
NEEDS = ("explain",)

#: The linear baseline: module -> (name in the legend, marker, line).
BASELINES = {
    "pca": ("linear baseline\n(pca)", "D", "--"),
}

#: Columns that say what a model cost, how it was scored or what it is like, not how good it is.
NOT_DRAWN = {"score", "bce_clipped", "parameters", "epochs", "configurations", "trainings"}
NOT_DRAWN |= {"active_units"}

#: Words in a measure's name that make smaller values better.
_ERRORS = ("mse", "bce", "kl", "loss", "error", "parameters", "seconds", "cost")


@saves_figure
def plot_leaderboard(leaderboard: str, title: str) -> Figure:
    """Draw every measure of every trained model as points, with intervals where the table has them.

    Parameters
    ----------
    leaderboard
        One row per model and tuner: model, tuner, module, evaluated_on, warnings, and measures.
        ``x_low`` and ``x_high`` are the interval of ``x``, or of ``x_accuracy``, ``x_auroc``.
    title
        Whose models they are.
    """
    rows = read_table(leaderboard)
    measures = measures_of(rows)
    names = rows["model"].combine(rows["tuner"], experiment_name)
    figure = new_figure(_heading(rows), title)
    height, width = best_grid(max(len(measures), 1))
    panels = figure.subplots(height, width, sharey=True, squeeze=False)
    for panel, (measure, interval) in zip(panels.flat, measures.items(), strict=False):
        draw_measure(panel, rows, measure, interval)
    for panel in panels.flat[len(measures) :]:
        panel.remove()
    for panel in panels[:, 0]:
        panel.set_yticks(range(len(rows)), names, fontsize=MEDIUM - 1 if len(rows) < 12 else SMALL)
        panel.set_ylim(len(rows) - 0.5, -0.5)
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=9, color=BLUE, label="model"),
        Line2D([], [], linestyle="none", marker="*", markersize=15, color=ORANGE, label="best"),
    ]
    for module, (label, marker, line) in BASELINES.items():
        if (rows["module"] == module).any():
            handles.append(Line2D([], [], color=INK, linestyle=line, marker=marker, label=label))
    legend_beside(figure, handles)
    notes = ["Bars are the intervals of the table. Arrows point to the better side."]
    warned = zip(names, rows["warnings"].fillna(""), strict=True)
    notes += [f"{name}: {warning}." for name, warning in warned if warning]
    add_note(figure, " ".join(notes))
    return figure


def _heading(rows: pd.DataFrame) -> str:
    """Count the trained models and say which samples evaluate them."""
    count = len(rows)
    (part,) = rows["evaluated_on"].unique()
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
    panel: Axes, table: pd.DataFrame, measure: str, interval: tuple[str, str] | None
) -> None:
    """Draw one measure: a point per row, its interval, baselines as lines, the best starred."""
    values = table[measure].to_numpy(float)
    rows = np.arange(len(table))
    best = values == (np.nanmin(values) if lower_is_better(measure) else np.nanmax(values))
    others = ~table["module"].isin(list(BASELINES)).to_numpy() & ~best
    if interval:
        panel.hlines(rows, table[interval[0]], table[interval[1]], color=BLUE, linewidth=2)
    panel.plot(values[others], rows[others], "o", color=BLUE, markersize=9)
    for module, (_, marker, line) in BASELINES.items():
        chosen = (table["module"] == module).to_numpy() & np.isfinite(values)
        panel.plot(values[chosen], rows[chosen], marker, color=INK, markersize=8)
        for value in values[chosen]:
            panel.axvline(value, color=INK, linestyle=line, linewidth=1)
    panel.plot(values[best], rows[best], "*", color=ORANGE, markersize=17, mec="white")
    arrow = "← " if lower_is_better(measure) else ""
    panel.set_title(
        f"{arrow}{readable(measure)}{'' if arrow else ' →'}\nbest {number(values[best][0])}",
        fontsize=MEDIUM - 1,
    )
    panel.xaxis.set_major_locator(MaxNLocator(3))
    panel.xaxis.set_major_formatter(lambda value, _: number(value))
    panel.margins(x=0.12)
    panel.grid(axis="y")
