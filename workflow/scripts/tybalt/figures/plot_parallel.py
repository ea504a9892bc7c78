"""Parallel coordinates of a search: every setting as a line through its values to its score."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from tybalt.analysis.numbers import number
from tybalt.figures.settings import (
    chosen_setting,
    is_logarithmic,
    levels,
    read_settings,
    score_label,
)
from tybalt.figures.style import (
    GREY,
    INK,
    MEDIUM,
    ORANGE,
    SMALL,
    add_note,
    new_figure,
    saves_figure,
    say_instead,
)

FIGURE_OF = "experiment"
NEEDS = ("searched",)

#: Dark is good.
_COLOURS = "viridis"

#: Beyond this many lines they are drawn more simply.
_MANY = 300

#: Points of a line between two axes; fewer where there are many lines.
_STEPS, _STEPS_OF_MANY = 24, 10

#: Scores worse than this share of the settings have the last colour.
_WORST_COLOURED = 0.9

#: Height of the place for settings without a score, above the axis of the score.
_FAILED = 1.09

#: More values than this are not all written beside their axis.
_MOST_LABELS = 14


@saves_figure
def plot_parallel(trials: str, objective: str, title: str) -> Figure:
    """Draw every setting as a line through the values of its hyperparameters to its score.

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
    scored, varied = settings.scored, settings.varied
    figure = new_figure("Parallel coordinates of the search", title)
    if not varied:
        say_instead(figure, "No two settings with a score differ: there is nothing to compare.")
        return figure
    tried = settings.table[settings.table["status"] != "empty"].reset_index(drop=True)
    places = {name: levels(tried[name]) for name in varied}
    heights = {name: _height(place, len(labels)) for name, (labels, place) in places.items()}
    score = tried["mean"].to_numpy(float)
    scale = _scale(scored["mean"].to_numpy())
    heights["score"] = np.where(np.isfinite(score), _along(score, scale), _FAILED)

    axes = figure.subplots()
    tones = Normalize(*_along(np.quantile(scored["mean"], [0, _WORST_COLOURED]), scale))
    chosen = chosen_setting(scored)
    _draw_lines(axes, heights, tones, chosen)
    for x, (name, (labels, _)) in enumerate(places.items()):
        _draw_axis(axes, x, name, labels)
    failed = len(tried) > len(scored)
    _draw_score_axis(axes, len(varied), label, scale, tones, failed)
    axes.set(xlim=(-0.12 * len(varied), 1.13 * len(varied)), ylim=(-0.05, 1.12 if failed else 1.02))
    axes.axis("off")
    notes = [
        f"{len(scored):,} settings with a score; the better, the darker, and the best are drawn "
        "last. Orange, with a star: the chosen one. Lines are set a little apart at each value.",
        "–: has no effect in that setting." if scored[varied].isna().any(axis=None) else "",
        settings.failures(),
    ]
    add_note(figure, " ".join(note for note in notes if note))
    return figure


def _height(place: np.ndarray, n_levels: int) -> np.ndarray:
    """Return heights in 0..1 of the values; equal ones a little apart, the best in the middle."""
    apart = (np.arange(len(place)) * 0.618034 + 0.5) % 1 - 0.5  # golden ratio: evenly spread
    apart[np.bincount(place.astype(int))[place.astype(int)] == 1] = 0  # alone at its value
    return (place + 0.5 + 0.5 * apart) / n_levels


def _scale(score: np.ndarray) -> Normalize:
    """Return the axis of the score: its range, logarithmic where it spans orders of magnitude."""
    low, high = score.min(), score.max()
    if low == high:
        return Normalize(low - 0.5, high + 0.5)
    return LogNorm(low, high) if is_logarithmic(score) else Normalize(low, high)


def _along(score: np.ndarray, scale: Normalize) -> np.ndarray:
    """Return heights in 0..1 on the axis of the score."""
    return np.ma.filled(scale(np.asarray(score, float)), np.nan)


def _colours(heights: np.ndarray, tones: Normalize) -> np.ndarray:
    """Return the colours of heights on the axis of the score; the lightest are left out."""
    return colormaps[_COLOURS](0.92 * np.clip(tones(heights), 0, 1))


def _draw_lines(axes: Axes, heights: dict[str, np.ndarray], tones: Normalize, chosen: int) -> None:
    """Draw the settings as smooth lines, the best on top; those without a score dotted."""
    stops = np.column_stack(list(heights.values()))
    final = heights["score"]
    failed = final == _FAILED
    steps = _STEPS_OF_MANY if len(stops) > _MANY else _STEPS
    x = np.linspace(0, stops.shape[1] - 1, steps * (stops.shape[1] - 1) + 1)
    part = np.minimum(x.astype(int), stops.shape[1] - 2)
    ease = 0.5 - 0.5 * np.cos(np.pi * (x - part))  # leaves and reaches every axis level
    curves = stops[:, part] + (stops[:, part + 1] - stops[:, part]) * ease
    lines = np.dstack([np.broadcast_to(x, curves.shape), curves])
    width = float(np.clip(300 / len(lines), 0.6, 2.2))
    colours = _colours(final[~failed], tones)
    worst_first = np.argsort(-final[~failed], kind="stable")
    axes.add_collection(LineCollection(lines[failed], colors=GREY, linewidths=1.2, linestyles=":"))
    axes.add_collection(
        LineCollection(
            lines[~failed][worst_first],
            colors=colours[worst_first],
            linewidths=width,
        )
    )
    best = lines[~failed][chosen]
    axes.add_collection(LineCollection([best], colors="white", linewidths=5.5))
    axes.add_collection(LineCollection([best], colors=ORANGE, linewidths=3))
    axes.plot(*best[-1], marker="*", markersize=18, color=ORANGE, markeredgecolor="white", zorder=5)


def _draw_axis(axes: Axes, x: float, name: str, labels: list[str]) -> None:
    """Draw the axis of a hyperparameter with its values."""
    axes.plot([x, x], [0, 1], color=INK, linewidth=1.2, zorder=3)
    axes.text(x, -0.03, name.replace("_", " "), ha="center", va="top", fontsize=MEDIUM)
    step = -(-len(labels) // _MOST_LABELS)
    for place, label in enumerate(labels):
        if place % step == 0 or place == len(labels) - 1:
            _write(axes, x, (place + 0.5) / len(labels), label, "right")


def _draw_score_axis(
    axes: Axes, x: float, label: str, scale: Normalize, tones: Normalize, failed: bool
) -> None:
    """Draw the axis of the score in the colours of the lines; above it, where failures end."""
    heights = np.linspace(0, 1, 129)
    strip = np.column_stack([np.full(129, x), heights])
    axes.add_collection(
        LineCollection(
            np.stack([strip[:-1], strip[1:]], axis=1),
            colors=_colours(heights[:-1], tones),
            linewidths=9,
            antialiaseds=False,
            zorder=3,
        )
    )
    axes.text(x, -0.03, label.replace(" per ", "\nper "), ha="center", va="top", fontsize=MEDIUM)
    for value in _ticks(scale):
        _write(axes, x, float(_along(value, scale)), number(value), "left")
    if failed:
        _write(axes, x, _FAILED, "no score", "left")


def _ticks(scale: Normalize) -> list[float]:
    """Return round values inside the range of the score."""
    locator = LogLocator(numticks=10) if isinstance(scale, LogNorm) else MaxNLocator(7)
    ticks = locator.tick_values(scale.vmin, scale.vmax)
    return [float(tick) for tick in ticks if scale.vmin <= tick <= scale.vmax]


def _write(axes: Axes, x: float, y: float, label: str, side: str) -> None:
    """Write a value beside an axis, on white so that lines do not strike it through."""
    axes.annotate(
        label,
        (x, y),
        (9 if side == "left" else -5, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=SMALL + 1,
        zorder=4,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.2},
    )
