"""Reconstruction error: by gene and by label."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from tybalt.analysis.numbers import number
from tybalt.data.matrix import held_out_part
from tybalt.figures.palette import (
    NO_LABEL,
    Look,
    labels_of,
    looks_with_missing,
    patch_handle,
)
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    MEDIUM,
    ORANGE,
    SMALL,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import NAMES, read_table
from tybalt.plan.names import in_words

FIGURE_OF = "experiment"
NEEDS = ("explain",)

#: How many of the genes that are reconstructed worst are named.
WORST = 15

#: Fewer samples than this are drawn one by one, not as a box.
_FEWEST_FOR_A_BOX = 8

#: Room is kept for at least this many labels.
_ROWS = 8


@saves_figure
def plot_reconstruction(
    reconstruction_genes: str,
    reconstruction_samples: str,
    colours: str,
    label: str | None,
    title: str,
) -> Figure:
    """Draw the distribution of the error over genes and over the samples of each label.

    Parameters
    ----------
    reconstruction_genes
        Table: gene, mse_train, mse_validation, mse_test.
    reconstruction_samples
        Table: sample, split, the column of the label, mse. Without labels the genes stand alone.
    colours
        Table of colours with columns acronym and color.
    label
        The column whose values are the labels; None if there is none.
    title
        Whose reconstruction it is.
    """
    genes = read_table(reconstruction_genes, index="gene")
    text = NAMES if label is None else {*NAMES, label}
    samples = read_table(reconstruction_samples, index="sample", text=text)
    part = held_out_part(samples["split"])
    labels = labels_of(samples, label, NO_LABEL)
    heading = f"Reconstruction error, {part} samples against training samples"
    figure = new_figure(heading, title)
    handles = [patch_handle("train", "white"), patch_handle(part, BLUE)]
    if set(labels) == {NO_LABEL}:
        panels = figure.subplot_mosaic([["genes", "worst"]])
    else:
        panels = figure.subplot_mosaic(
            [["genes", "labels"], ["worst", "labels"]],
            width_ratios=(1, 1.15),
            height_ratios=(1, 1.6),
        )
        _draw_labels(panels["labels"], samples, labels, looks_with_missing(labels, colours), part)
        panels["labels"].set_title(f"By {in_words(label)} (number of {part} samples)")
        handles += [
            patch_handle(f"{part}, colour\nof the label", GREY),
            Line2D([], [], color=ORANGE, linewidth=2, label="median of\nthe samples"),
        ]
    _draw_distribution(panels["genes"], genes, part)
    _draw_worst(panels["worst"], genes, part)
    legend_beside(figure, handles)
    add_note(figure, "MSE on the scale of the model's input (0 to 1 where genes are scaled so).")
    return figure


def worst_genes(genes: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the genes with the largest error in the held-out part, worst first."""
    return genes.nlargest(WORST, f"mse_{part}")


def order_labels(samples: pd.DataFrame, labels: pd.Series, part: str) -> list[str]:
    """Sort labels by the median error of what is drawn: training and held-out samples."""
    shown = samples["split"].isin(["train", part])
    medians = samples.loc[shown, "mse"].groupby(labels[shown]).median()
    return list(medians.sort_values(kind="stable").index)


def _draw_distribution(axes: Axes, genes: pd.DataFrame, part: str) -> None:
    train, held_out = genes["mse_train"], genes[f"mse_{part}"]
    positive = pd.concat([train, held_out])
    positive = positive[positive > 0]
    bins = 1
    if len(positive):
        low, high = positive.min() * 0.98, positive.max() * 1.02
        logarithmic = high > 20 * low
        edges = int(np.clip(np.sqrt(len(genes)), 8, 40)) + 1
        bins = np.geomspace(low, high, edges) if logarithmic else np.linspace(low, high, edges)
        if logarithmic:
            _make_logarithmic(axes)
    axes.hist(held_out, bins, color=BLUE, alpha=0.75)
    axes.hist(train, bins, histtype="step", color=INK, lw=1.2)
    medians = f"median: train {number(train.median(), 3)}, {part} {number(held_out.median(), 3)}"
    axes.set(xlabel="MSE of a gene", ylabel="genes", title=f"{len(genes):,} genes, {medians}")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _make_logarithmic(axes: Axes) -> None:
    """Use a logarithmic axis with plain numbers at 1, 2 and 5."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_worst(axes: Axes, genes: pd.DataFrame, part: str) -> None:
    worst = worst_genes(genes, part)
    rows = np.arange(len(worst))
    axes.hlines(rows, worst["mse_train"], worst[f"mse_{part}"], color=GREY, linewidth=1.2)
    axes.plot(worst["mse_train"], rows, "o", color="white", mec=INK, markersize=6)
    axes.plot(worst[f"mse_{part}"], rows, "o", color=BLUE, markersize=8)
    axes.set_yticks(rows, worst.index, fontsize=SMALL + 1)
    axes.set(ylim=(len(worst) - 0.4, -0.6), xlabel="MSE", title=f"The {len(worst)} worst genes")
    axes.grid(axis="y")


def _draw_labels(
    axes: Axes, samples: pd.DataFrame, labels: pd.Series, looks: dict[str, Look], part: str
) -> None:
    names = order_labels(samples, labels, part)
    for row, name in enumerate(names):
        errors = samples.loc[labels == name].groupby("split")["mse"]
        groups = {key: values.to_numpy() for key, values in errors}
        look = looks[name]
        _draw_errors(axes, groups.get("train", np.empty(0)), row + 0.22, "white", INK)
        _draw_errors(axes, groups.get(part, np.empty(0)), row - 0.2, look.colour, look.edge)
    counts = labels[samples["split"] == part].value_counts()
    size = MEDIUM - 1 if len(names) <= 20 else SMALL
    ticks = [f"{name} ({counts.get(name, 0):,})" for name in names]
    axes.set_yticks(range(len(names)), ticks, fontsize=size)
    axes.set(ylim=(-0.7, max(len(names), _ROWS) - 0.3), xlabel="MSE of a sample")
    spread = samples["mse"][samples["mse"] > 0]
    if len(spread) and spread.max() > 20 * spread.min():
        _make_logarithmic(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x")


def _draw_errors(axes: Axes, values: np.ndarray, row: float, face: str, edge: str) -> None:
    """Draw quartiles as a box and the 5th and 95th percentile as whiskers; few as points."""
    if len(values) < _FEWEST_FOR_A_BOX:
        axes.plot(values, np.full(len(values), row), "o", color=face, markeredgecolor=edge)
        return
    axes.boxplot(
        values,
        positions=[row],
        widths=0.36,
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        showcaps=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": face, "edgecolor": edge, "linewidth": 0.8},
        whiskerprops={"color": edge, "linewidth": 0.8},
        medianprops={"color": ORANGE, "linewidth": 2},
    )
