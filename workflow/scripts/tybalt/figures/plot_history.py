"""Loss curves: every term of a training, epoch by epoch."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tybalt.analysis.numbers import number
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    LARGE,
    MEDIUM,
    ORANGE,
    PALE,
    SLIDE,
    SMALL,
    add_note,
    best_grid,
    legend_beside,
    new_figure,
    readable,
    saves_figure,
)
from tybalt.jobs.files import read_table
from tybalt.plan.objectives import objective_of

FIGURE_OF = "experiment"
NEEDS = ()

_VALIDATION = "validation_"

#: Read on the validation samples although their name does not say so.
_JUDGED = ("score", "active_units", "mean_sigma")

#: Columns that say something of the epoch and are no curve.
_MARKS = ["epoch", "eligible", "best"]

#: Units that the name does not tell.
_UNITS = {"mse": "mean over genes", "bce": "mean over genes"}

#: A term that spans more than this factor is drawn on a logarithmic axis.
_LOG_ABOVE = 50


@saves_figure
def plot_history(history: str, objective: str, title: str) -> Figure:
    """Draw one panel for each term of the loss and each diagnostic.

    Parameters
    ----------
    history
        Table with one row per epoch: epoch, loss, reconstruction, penalties, their weights,
        validation terms, score, diagnostics, and `best`, true in the one epoch whose weights were
        kept. Epoch 0 is the model before training: it has validation terms only. A model fitted
        in one step (PCA) has one row.
    objective
        What the score is (`tybalt.plan.objectives`).
    title
        Whose training it is.
    """
    table = read_table(history).sort_values("epoch", ignore_index=True)
    terms = terms_of(table)
    units = _UNITS | {"score": objective_of(objective, "objective").axis}
    draw = _draw_values if len(table) == 1 else _draw_curves
    return draw(table, terms, units, title)


def terms_of(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Group the columns into panels, in the table's order.

    Returns
    -------
    dict
        Term -> {"training": column, "validation": column}; either may be absent. Every column but
        `epoch`, `eligible` and `best` is in exactly one panel.
    """
    terms: dict[str, dict[str, str]] = {}
    for column in table.columns.drop(_MARKS):
        part = "validation" if column.startswith(_VALIDATION) or column in _JUDGED else "training"
        terms.setdefault(column.removeprefix(_VALIDATION), {})[part] = column
    return terms


def _draw_curves(
    table: pd.DataFrame, terms: dict[str, dict[str, str]], units: dict[str, str], title: str
) -> Figure:
    figure = new_figure("Training, epoch by epoch", title)
    rows, columns = best_grid(len(terms))
    panels = figure.subplots(rows, columns, squeeze=False)
    best = int(table.loc[table["best"], "epoch"].item())
    for panel, (term, parts) in zip(panels.flat, terms.items(), strict=False):
        _draw_term(panel, table, parts, best)
        _name_panel(panel, term, units)
    for panel in panels.flat[len(terms) :]:
        panel.remove()
    for panel in panels.flat[max(len(terms) - columns, 0) : len(terms)]:
        panel.set_xlabel("epoch")
    handles = [
        Line2D([], [], color=BLUE, label="training"),
        Line2D([], [], color=ORANGE, label="validation"),
        Line2D([], [], color=INK, linestyle=":", label=f"best epoch: {best}"),
    ]
    legend_beside(figure, handles)
    add_note(
        figure,
        "Mean over samples. Loss and reconstruction as they are trained (a cross-entropy is summed "
        "over genes); penalties before their weights. The score is what chooses: lower is better. "
        "Gradient norm: at the last minibatch of the epoch. Epoch 0: before training.",
    )
    return figure


def _draw_term(panel: Axes, table: pd.DataFrame, parts: dict[str, str], best: int) -> None:
    values = table[list(parts.values())].to_numpy(float)
    marker = "." if len(table) <= 25 else None
    for part, column in parts.items():
        colour = BLUE if part == "training" else ORANGE
        panel.plot(table["epoch"], table[column], color=colour, marker=marker, label=column)
    panel.axvline(best, color=INK, linestyle=":", linewidth=1, label="best epoch")
    finite = values[np.isfinite(values)]
    if not finite.size:
        panel.text(0.5, 0.5, "not recorded", ha="center", transform=panel.transAxes, color=GREY)
    elif finite.min() > 0 and finite.max() > _LOG_ABOVE * finite.min():
        panel.set_yscale("log")
    elif _is_constant(finite):
        panel.set_yticks([finite[0]])  # do not zoom into rounding
        panel.set_ylim(*sorted((0.9 * finite[0], 1.1 * finite[0])) if finite[0] else (-1, 1))
    else:
        panel.yaxis.set_major_locator(MaxNLocator(4))
    if panel.get_yscale() == "linear":
        panel.yaxis.set_major_formatter(lambda value, _: number(value))
    panel.grid(axis="y")
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _name_panel(panel: Axes, term: str, units: dict[str, str]) -> None:
    panel.set_title(readable(term), fontweight="bold", fontsize=MEDIUM)
    if term in units:
        panel.set_ylabel(textwrap.fill(units[term], 20), fontsize=SMALL)


def _is_constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-9 * np.abs(values).max())


def _draw_values(
    table: pd.DataFrame, terms: dict[str, dict[str, str]], units: dict[str, str], title: str
) -> Figure:
    """Draw a model fitted in one step as a table of its terms: there is no curve to see."""
    size = (SLIDE[0], 2.1 + 0.6 * len(terms))
    figure = new_figure("Fitted in one step: no epochs", title, size)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(len(terms) + 0.5, -1))
    axes.axis("off")
    places = {"training": 0.55, "validation": 0.8}
    for part, x in places.items():
        colour = BLUE if part == "training" else ORANGE
        axes.text(x, -0.3, part, ha="right", color=colour, fontweight="bold", fontsize=LARGE)
    for row, (term, parts) in enumerate(terms.items()):
        axes.axhline(row + 0.1, xmin=0.1, xmax=0.85, color=PALE)
        name = axes.text(0.12, row + 0.7, readable(term), fontsize=LARGE)
        axes.annotate(
            units.get(term, ""),
            (1, 0),
            xycoords=name,
            xytext=(8, 0),
            textcoords="offset points",
            fontsize=SMALL,
            va="bottom",
        )
        for part, x in places.items():
            shown = number(float(table[parts[part]].iloc[0])) if part in parts else "–"
            axes.text(x, row + 0.7, shown, ha="right", fontsize=LARGE)
    add_note(figure, "Means over samples. The score is what chooses: lower is better.")
    return figure
