"""Importance of the hyperparameters of a search, with what tells whether to believe it."""

import numpy as np
from matplotlib.figure import Figure

from tybalt.analysis.numbers import number
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    SLIDE,
    add_note,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("searched",)

#: A forest that predicts less of the variance than this has found next to nothing.
LEAST_R2 = 0.2

#: The axis reaches at least so far, so that noise does not look large.
_SHORTEST_AXIS = 0.3


@saves_figure
def plot_importance(importance: str, title: str) -> Figure:
    """Draw the importance of every hyperparameter as a bar, grey where it cannot be trusted.

    Parameters
    ----------
    importance
        Table of `tybalt.tuning.importance.measure_importance`: hyperparameter, importance, sd, r2,
        settings, trainings, scale; the most important first.
    title
        Whose search it is.
    """
    table = read_table(importance)
    size = (SLIDE[0], min(SLIDE[1], 2.8 + 0.55 * len(table)))
    measured = len(table) > 0 and np.isfinite(table["r2"].iloc[0])
    if not measured:
        figure = new_figure("Which hyperparameters matter?", title, (SLIDE[0], 3.2))
        trainings = f"{table['trainings'].iloc[0]} trainings" if len(table) else "One training"
        say_instead(figure, f"{trainings} with a score: too few to tell hyperparameters apart.")
        return figure
    first = table.iloc[0]
    trusted = first["r2"] >= LEAST_R2
    figure = new_figure("Which hyperparameters matter?", title, size)
    axes = figure.subplots()
    places = np.arange(len(table))[::-1]
    axes.barh(places, table["importance"], height=0.62, color=BLUE if trusted else GREY)
    axes.errorbar(
        table["importance"], places, xerr=table["sd"], fmt="none", ecolor=INK, elinewidth=1.2
    )
    ends = (table["importance"].clip(lower=0) + table["sd"]).to_numpy()
    right = max(ends.max(), _SHORTEST_AXIS)
    for place, end, value in zip(places, ends, table["importance"], strict=True):
        axes.text(end + 0.012 * right, place, number(round(value, 3), 2), va="center")
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(places, [name.replace("_", " ") for name in table["hyperparameter"]])
    axes.set_xlim(min(0.0, (table["importance"] - table["sd"]).min()) * 1.05, 1.1 * right)
    axes.set_xlabel(
        "share of the score's variance in which it takes part"
        + (", score on a log scale" if first["scale"] == "logarithmic" else "")
    )
    axes.grid(axis="x")
    verdict = (
        "the forest predicts held-out trainings, so the bars can be read"
        if trusted
        else "the forest hardly predicts held-out trainings: do NOT read the bars"
    )
    axes.set_title(f"R² on held-out trainings: {first['r2']:.2f}, {verdict}", loc="left")
    add_note(
        figure,
        f"Random forest on {first['settings']:,} settings of {first['trainings']:,} trainings; "
        "each fifth of the trainings is predicted from the others, and by how much worse once a "
        "hyperparameter's values are shuffled is its importance. Lines: ± sd over the fifths. What "
        "hyperparameters do together counts for each of them. It holds for the values tried.",
    )
    return figure
