"""Our loss curve over the figures that others have published for the same work."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tybalt.analysis.numbers import number
from tybalt.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("published curve",)

#: What the published losses measure, per module: the column of our history, and its name.
MEASURES = {"vae": ("bce", "binary cross-entropy, sum over genes"), "adage": ("mse", "MSE")}

_SINGLE_FIGURES = (GREEN, PINK, AMBER, "#555555")


@saves_figure
def plot_published(history: str, published: str, module: str, n_genes: int, title: str) -> Figure:
    """Draw training and validation loss by epoch, and the published values as points.

    Parameters
    ----------
    history
        The model's table with one row per epoch.
    published
        resources/published.tsv: model, architecture (its first number: genes), statistic (curve,
        best, published model, median), measure, runs, epoch, train, held_out, configuration,
        source.
    module
        ``vae``: published is the cross-entropy summed over genes; ``adage``: the squared error.
    n_genes
        Genes of our matrix. Only figures for as many genes are drawn.
    title
        Whose training it is.
    """
    table = read_table(history).sort_values("epoch", ignore_index=True)
    measure, label = MEASURES[module]
    theirs = comparable(read_table(published), module, measure, n_genes)
    figure = new_figure("Beside the published figures", title)
    if theirs.empty:
        say_instead(figure, f"Nothing is published for {module} on {n_genes:,} genes.")
        return figure
    axes = figure.subplots()
    handles = [*draw_ours(axes, table, measure, n_genes), *draw_theirs(axes, theirs)]
    axes.set(xlabel="epoch", ylabel=f"{label}, per sample")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="y")
    legend_beside(figure, handles)
    add_note(
        figure,
        "Lines: this study. Points: published, from other random splits. Ours is measured at the "
        "mean code, the published at a sampled one where the model samples.",
    )
    return figure


def comparable(published: pd.DataFrame, module: str, measure: str, n_genes: int) -> pd.DataFrame:
    """Select the figures of one model that are on our scale and belong to an epoch."""
    same = (published["model"] == module) & (published["measure"] == measure)
    genes = published["architecture"].fillna("").str.split("-").str[0]
    return published[same & (genes == str(n_genes)) & published["epoch"].notna()]


def draw_ours(axes: Axes, table: pd.DataFrame, measure: str, n_genes: int) -> list[Line2D]:
    """Draw our curves: validation, and training where its loss is the published measure."""
    scale = n_genes if measure == "bce" else 1
    validation = scale * table[f"validation_{measure}"]
    marker = "." if len(table) <= 25 else None
    handles = axes.plot(
        table["epoch"], validation, color=ORANGE, marker=marker, label="validation, this study"
    )
    if np.allclose(table["validation_reconstruction"], validation, rtol=1e-3):
        handles += axes.plot(
            table["epoch"],
            table["reconstruction"],
            color=BLUE,
            marker=marker,
            label="training, this study",
        )
    return handles


def draw_theirs(axes: Axes, theirs: pd.DataFrame) -> list[Line2D]:
    """Draw the published curve as open circles and single figures as stars."""
    curve = theirs[theirs["statistic"] == "curve"]
    looks = {"linestyle": "none", "marker": "o", "markersize": 9, "markerfacecolor": "none"}
    handles = [
        *axes.plot(
            curve["epoch"], curve["held_out"], color=ORANGE, label="held out, published", **looks
        ),
        *axes.plot(
            curve["epoch"], curve["train"], color=BLUE, label="training, published", **looks
        ),
    ]
    single = theirs[theirs["statistic"] != "curve"]
    for colour, (_, row) in zip(_SINGLE_FIGURES, single.iterrows(), strict=False):
        what = f"best of {row['runs']}" if row["statistic"] == "best" else row["statistic"]
        handles += axes.plot(
            row["epoch"],
            row["held_out"],
            linestyle="none",
            marker="*",
            markersize=15,
            color=colour,
            label=f"{what}: {number(row['held_out'], 5)}\n{row['architecture']}",
        )
    return handles
