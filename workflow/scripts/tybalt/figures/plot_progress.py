"""Best score against number of trainings: all tuners of one model on one axis."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tybalt.analysis.numbers import number
from tybalt.figures.settings import is_logarithmic, score_label
from tybalt.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    MEDIUM,
    ORANGE,
    PINK,
    SKY,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "dataset"
NEEDS = ("searched",)
NAME = "progress_{model}"

_COLOURS = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)
_BAND = (0.05, 0.95)


@saves_figure
def plot_progress(progress: str, objective: str, title: str) -> Figure:
    """Draw the best score so far by trainings and by epochs spent, one line for each tuner.

    Parameters
    ----------
    progress
        Output of `tybalt.tuning.progress.measure_progress`.
    objective
        What the score is (`tybalt.plan.objectives`).
    title
        Whose searches they are.
    """
    label = score_label(objective)
    found = dict(list(read_table(progress).groupby("tuner", sort=False)))
    figure = new_figure("Best score against number of trainings", title)
    units = {"trainings": "runs"}
    if (
        len({epochs for search in found.values() for epochs in search["epochs"] / search["runs"]})
        > 1
    ):
        units["epochs of all trainings"] = "epochs"
    panels = figure.subplots(1, len(units), sharey=True, squeeze=False)[0]
    lines = {}
    for panel, (unit, cost) in zip(panels, units.items(), strict=True):
        for colour, (name, search) in zip(_COLOURS * len(found), found.items(), strict=False):
            lines[name] = draw_search(
                panel, search, search[f"spent_{cost}"].to_numpy(float), colour
            )
            lines[name].set_label(f"{name}: {number(search['score'].min())}")
        panel.set_xlabel(unit)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.xaxis.set_major_formatter(lambda value, _: number(value))
        panel.grid(axis="y")
    _set_scores(panels[0], found)
    panels[0].set_ylabel(f"best {label} so far", fontsize=MEDIUM)
    legend_beside(figure, lines.values(), title="tuner: final best")
    add_note(figure, _describe(found))
    return figure


def draw_search(axes: Axes, search: pd.DataFrame, spent: np.ndarray, colour: str) -> object:
    """Draw the best so far: of an adaptive search as it went, of another over all its orders."""
    best = search["best"].to_numpy(float)
    if is_in_order(search):
        axes.plot(spent, search["score"], ".", color=colour, alpha=0.5, markersize=7)
    else:
        low, high = (search[name].fillna(np.inf).to_numpy(float) for name in ("low", "high"))
        axes.fill_between(spent, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
    known = np.isfinite(best)
    (line,) = axes.step(spent[known], best[known], where="post", color=colour, linewidth=2.2)
    axes.plot(spent[-1], best[-1], "o", color=colour, markersize=7)
    return line


def is_in_order(search: pd.DataFrame) -> bool:
    """Tell whether the order of the trainings means something."""
    return search["in_order"].iloc[0] == "yes"


def _set_scores(axes: Axes, searches: dict[str, pd.DataFrame]) -> None:
    """Choose the axis of the score; what the worst tenth of the trainings reached is left out."""
    score = np.concatenate([search["score"].to_numpy(float) for search in searches.values()])
    score = score[np.isfinite(score)]
    low, high = score.min(), np.quantile(score, 0.9)
    if is_logarithmic(score):
        axes.set_yscale("log")
        room = (high / low) ** 0.06 if high > low else 1.5
        axes.set_ylim(low / room, high * room)
    else:
        room = 0.06 * (high - low) or 0.5
        axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))


def _describe(searches: dict[str, pd.DataFrame]) -> str:
    """Say in what order the trainings stand."""
    loose = [name for name, search in searches.items() if not is_in_order(search)]
    ordered = [name for name, search in searches.items() if is_in_order(search)]
    notes = []
    if loose:
        notes.append(
            f"{', '.join(loose)}: the trainings have no order of their own; the line is the median "
            "over all orders, the band holds 90 % of them."
        )
    if ordered:
        notes.append(
            f"{', '.join(ordered)}: in the order of the search, points are single trainings."
        )
    diverged = {name: int(search["score"].isna().sum()) for name, search in searches.items()}
    words = ", ".join(f"{n} ({name})" for name, n in diverged.items() if n)
    if words:
        notes.append(f"Diverged trainings count as spent: {words}.")
    notes.append("The worst tenth of the scores may lie above the axis.")
    return " ".join(notes)
