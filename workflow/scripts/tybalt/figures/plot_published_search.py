"""A search over the settings of a published one: our scores beside the published ones."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.analysis.numbers import number, value_in_words
from tybalt.figures.settings import Settings, is_logarithmic, read_settings, score_label
from tybalt.figures.style import (
    BLUE,
    INK,
    MEDIUM,
    ORANGE,
    SMALL,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("published search",)


@saves_figure
def plot_published_search(
    trials: str, published: str, published_as: str, objective: str, title: str
) -> Figure:
    """Draw the score of every setting, best first or by its one hyperparameter, and the published.

    Parameters
    ----------
    trials
        Table of the search, see `tybalt.figures.settings.Settings`.
    published
        resources/published_basics.tsv: experiment, hyperparameters, loss.
    published_as
        Which of its rows: `search` or `latent`.
    objective
        What the score is (`tybalt.plan.objectives`).
    title
        Whose search it is.
    """
    label = score_label(objective)
    settings = read_settings(trials)
    theirs = read_table(published)
    theirs = theirs[theirs["experiment"] == published_as]
    figure = new_figure("The search beside the published one", title)
    axes = figure.subplots()
    if len(settings.hyperparameters) == 1:
        elbows = _draw_by_value(axes, settings, theirs)
    else:
        _draw_ranked(axes, settings, theirs)
        elbows = ""
    if is_logarithmic(np.concatenate([settings.scored["mean"], theirs["loss"]])):
        axes.set_yscale("log")
    axes.set_ylabel(f"{label}; published: loss as printed", fontsize=MEDIUM)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="y")
    legend_beside(figure, axes.get_legend_handles_labels()[0])
    add_note(
        figure,
        f"{elbows} Compare the order, not the values: epochs and seeds differ, and "
        "8.3e-4 is one wrong value of 1,200 (200 validation samples x 6 columns). Validation "
        f"samples repeat patterns of training samples. {settings.failures()}".strip(),
    )
    return figure


def elbow(values: np.ndarray, score: np.ndarray) -> tuple[float, float, float]:
    """Find where a score falls most, as a ratio, from one value to the next.

    Parameters
    ----------
    values
        Increasing.
    score
        Positive, one per value.

    Returns
    -------
    float, float, float
        The value before the fall, the one after, and the ratio of their scores.
    """
    ratio = score[:-1] / score[1:]
    i = int(np.argmax(ratio))
    return values[i], values[i + 1], float(ratio[i])


def _draw_by_value(axes: Axes, settings: Settings, theirs: pd.DataFrame) -> str:
    """Draw the score over the one hyperparameter; say where both fall most."""
    (name,) = settings.hyperparameters
    said = []
    ours = settings.scored.sort_values(name)
    looks = (
        ("this study", ours[name], ours["mean"], {"color": BLUE, "marker": "o"}),
        (
            "published",
            theirs[name],
            theirs["loss"],
            {"color": INK, "marker": "s", "markerfacecolor": "none", "linestyle": ":"},
        ),
    )
    for label, values, score, look in looks:
        axes.plot(values, score, markersize=9, linewidth=2, label=label, **look)
        before, after, ratio = elbow(values.to_numpy(), score.to_numpy())
        fall = number(float(f"{ratio:.2g}"))
        said.append(f"{label}: from {number(before)} to {number(after)}, {fall}-fold")
    axes.set_xlabel(name.replace("_", " "))
    axes.set_xticks(sorted(set(ours[name]) | set(theirs[name])))
    return f"Largest fall by {name.replace('_', ' ')}: {'; '.join(said)}."


def _draw_ranked(axes: Axes, settings: Settings, theirs: pd.DataFrame) -> None:
    """Draw the settings best first, and the published losses at the settings that they name."""
    ours, names = settings.scored, settings.hyperparameters
    places = np.arange(len(ours))
    axes.plot(places, ours["mean"], "o", color=BLUE, markersize=9, label="this study")
    known = theirs.dropna(subset=names, how="any")
    joined = ours[names].reset_index().merge(known, on=names)
    axes.plot(
        joined["index"],
        joined["loss"],
        "s",
        color=INK,
        markerfacecolor="none",
        markersize=10,
        label="published",
    )
    for loss in theirs.loc[theirs[names].isna().all(axis=1), "loss"]:
        axes.axhline(
            loss,
            color=ORANGE,
            linestyle="--",
            label=f"published: best\nthat failed, {number(loss)}",
        )
    labels = [" · ".join(value_in_words(value) for value in row) for row in ours[names].to_numpy()]
    axes.set_xticks(places, labels, rotation=90, fontsize=SMALL + 1)
    heading = " · ".join(name.replace("_", " ") for name in names)
    axes.set_xlabel(f"{heading}, the best setting of this study first")
