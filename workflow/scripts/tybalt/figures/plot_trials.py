"""Tuning results: the score against every hyperparameter of the space, and the top settings."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from tybalt.analysis.numbers import number, value_in_words
from tybalt.figures.settings import (
    chosen_setting,
    is_logarithmic,
    is_tied,
    levels,
    read_settings,
    score_label,
)
from tybalt.figures.style import (
    BLUE,
    INK,
    MEDIUM,
    ORANGE,
    PALE,
    RASTERISE_ABOVE,
    SLIDE,
    SMALL,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
    say_instead,
)

FIGURE_OF = "experiment"
NEEDS = ("searched",)

#: How many of the best settings are listed.
_TOP = 8

#: So many settings have their spread over replicates drawn as fine lines that stay lines in print.
_FEW = 300


@saves_figure
def plot_trials(trials: str, objective: str, title: str) -> Figure:
    """Draw every setting's score by each hyperparameter, and list the best settings.

    Parameters
    ----------
    trials
        Table of the search, see `tybalt.figures.settings.Settings`.
    objective
        What the score is (`tybalt.plan.objectives`).
    title
        Whose search it is.
    """
    label = score_label(objective)
    settings = read_settings(trials)
    table, hyperparameters = settings.table, settings.hyperparameters
    scored, varied = settings.scored, settings.varied
    heading = f"{len(table):,} settings tried" if len(table) > 1 else "One setting"
    size = SLIDE if varied else (SLIDE[0], 1.8 + 0.5 * min(len(table), _TOP))
    figure = new_figure(heading, title, size)
    if scored.empty:
        say_instead(figure, "No setting has a score: every training diverged or was left empty.")
        return figure
    upper, lower = _split(figure, len(varied))
    if varied:
        _draw_spreads(upper, scored, varied, label)
    _list_top(lower, scored, hyperparameters, label)
    notes = [
        "Every point is one setting; lower is better." if varied else "",
        "–: has no effect in that setting."
        if scored[hyperparameters].isna().any(axis=None)
        else "",
        settings.failures(),
        _describe_ties(scored),
        _describe_warnings(scored),
    ]
    add_note(figure, " ".join(note for note in notes if note))
    return figure


def _split(figure: Figure, panels: int) -> tuple[SubFigure | None, SubFigure]:
    """Share the figure between the panels above and the list below."""
    if not panels:
        return None, figure.subfigures()
    return figure.subfigures(2, 1, height_ratios=(1.25 if panels <= 4 else 2.2, 1), hspace=0.02)


def _draw_spreads(part: SubFigure, scored: pd.DataFrame, varied: list[str], label: str) -> None:
    columns = len(varied) if len(varied) <= 4 else math.ceil(len(varied) / 2)
    panels = part.subplots(-(-len(varied) // columns), columns, sharey=True, squeeze=False)
    for panel, name in zip(panels.flat, varied, strict=False):
        draw_spread(panel, scored, name)
    for panel in panels.flat[len(varied) :]:
        panel.remove()
    part.supylabel(label, fontsize=MEDIUM)
    handles = [
        _point("chosen", marker="*", markersize=15, markerfacecolor=ORANGE),
        _point("setting", marker="o", markersize=6, markerfacecolor=BLUE),
        Line2D([], [], color=INK, linewidth=2.5, label="median"),
    ]
    if (scored["n"] > 1).any():
        handles.append(Line2D([], [], color=BLUE, linewidth=1, label="± sd over runs"))
    if is_tied(scored).any():
        handles.insert(1, _point("tied with best", marker="o", markersize=10, color=ORANGE))
    legend_beside(part, handles)


def _point(label: str, **look: object) -> Line2D:
    look = {"markeredgecolor": look.pop("color", "white"), "markerfacecolor": "none"} | look
    return Line2D([], [], linestyle="none", label=label, **look)


def draw_spread(panel: Axes, scored: pd.DataFrame, name: str) -> None:
    """Draw the scores of the settings at each value of one hyperparameter.

    The values stand at equal distances, in order; the points are spread sideways by their rank,
    so that the same table gives the same figure.
    """
    values, place = levels(scored[name])
    jitter = 0.6 * ((np.arange(len(scored)) * 0.618034) % 1 - 0.5)  # golden ratio: evenly spread
    score = scored["mean"].to_numpy()
    size = float(np.clip(3000 / len(scored), 6, 50))
    panel.scatter(
        place + jitter,
        score,
        s=size,
        c=BLUE,
        alpha=0.6,
        linewidths=0,
        rasterized=len(scored) > RASTERISE_ABOVE,
    )
    spread = scored["sd"].fillna(0).to_numpy()
    panel.vlines(
        (place + jitter)[spread > 0],
        (score - spread)[spread > 0],
        (score + spread)[spread > 0],
        BLUE,
        linewidth=1,
        alpha=0.6 if len(scored) <= _FEW else 0.25,
        rasterized=len(scored) > _FEW,
    )
    medians = scored["mean"].groupby(place).median()
    panel.hlines(medians, *(np.arange(len(values)) + [[-0.38], [0.38]]), INK, linewidth=2.5)
    ties = is_tied(scored)
    panel.scatter(
        (place + jitter)[ties], score[ties], s=110, facecolors="none", edgecolors=ORANGE, zorder=3
    )
    chosen = chosen_setting(scored)
    panel.scatter(
        place[chosen] + jitter[chosen],
        score[chosen],
        s=260,
        marker="*",
        c=ORANGE,
        edgecolors="white",
        linewidths=0.6,
        zorder=4,
    )
    if is_logarithmic(score):
        panel.set_yscale("log")
    panel.set_xticks(range(len(values)), values)
    panel.set_xlim(-0.6, len(values) - 0.4)
    panel.set_xlabel(name.replace("_", " "))
    panel.grid(axis="y")


def _list_top(
    part: SubFigure, scored: pd.DataFrame, hyperparameters: list[str], label: str
) -> None:
    """Write the best settings, and in any case the chosen one, as a table."""
    chosen, tied, rows = chosen_setting(scored), is_tied(scored), listed(scored)
    axes = part.subplots()
    axes.axis("off")
    columns = ["rank", *hyperparameters, "mean", "sd", "n", "best_epoch", "parameters"]
    heads = {"mean": label, "sd": "sd over runs", "n": "runs", "parameters": "trainable parameters"}
    axes.set(xlim=(0, len(columns)), ylim=(len(rows) + 0.2, -1.4))
    for x, column in enumerate(columns):
        head = heads.get(column, column.replace("_", " "))
        axes.text(x + 0.5, -0.25, _in_two_lines(head), ha="center", va="bottom", fontsize=SMALL + 1)
        for y, row in enumerate(rows):
            value = scored[column].iloc[row]
            shown = number(value, 2) if column == "sd" else value_in_words(value)
            mark = _mark(scored, row) if column == "rank" else ""
            text = axes.text(x + 0.5, y + 0.5, mark + shown, ha="center", va="center")
            text.set_fontsize(SMALL + 2)
            if row == chosen or tied[row]:
                text.set(color=ORANGE, fontweight="bold" if row == chosen else "normal")
    axes.axhline(-0.1, color=INK, linewidth=1)
    for y in range(1, len(rows)):
        axes.axhline(y, color=PALE, linewidth=0.8)


def listed(scored: pd.DataFrame) -> list[int]:
    """Return the rows that are listed: the best settings, and in any case the chosen one."""
    rows, chosen = [*range(min(_TOP, len(scored)))], chosen_setting(scored)
    return rows if chosen in rows else [*rows[:-1], chosen]


def _mark(scored: pd.DataFrame, row: int) -> str:
    """Write a star before the chosen setting and a warning sign before a setting with one."""
    warned = bool(scored["warnings"].iloc[row])
    return "★ " * (row == chosen_setting(scored)) + "⚠ " * warned


def _in_two_lines(text: str) -> str:
    """Break a heading after the word nearest to its middle."""
    breaks = [i for i, letter in enumerate(text) if letter == " "]
    if len(text) <= 11 or not breaks:
        return text
    middle = min(breaks, key=lambda i: abs(i - len(text) / 2))
    return text[:middle] + "\n" + text[middle + 1 :]


def _describe_warnings(scored: pd.DataFrame) -> str:
    """Name the warnings of the listed settings, each once with the ranks that it concerns."""
    ranks: dict[str, list[str]] = {}
    for row in listed(scored):
        ranks.setdefault(scored["warnings"].iloc[row], []).append(str(scored["rank"].iloc[row]))
    return " ".join(
        f"⚠ rank {', '.join(places)}: {warning}." for warning, places in ranks.items() if warning
    )


def _describe_ties(scored: pd.DataFrame) -> str:
    if (scored["tied"] == "not tested").any():
        return "One run per setting: ties not tested."
    count = int(is_tied(scored).sum())
    if not count:
        return "No setting is tied with the best."
    return f"{count:,} settings within one standard error of the best, of which ★ is the cheapest."
