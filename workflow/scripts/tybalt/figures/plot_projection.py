"""New samples in the embedding of a model, and how far they are from its training samples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.data.samples import read_samples
from tybalt.figures.palette import (
    NO_LABEL,
    Look,
    labels_of_samples,
    looks_with_missing,
    marker_handle,
)
from tybalt.figures.plot_embedding import label_groups
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    RASTERISE_ABOVE,
    add_note,
    hide_ticks,
    legend_beside,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_json, read_table

FIGURE_OF = "dataset"
NEEDS = ("projected",)


@saves_figure
def plot_projection(
    projection: str,
    diagnostics: str,
    embedding: str,
    samples: str,
    colours: str,
    roles: Mapping[str, Any],
    title: str,
) -> Figure:
    """Draw new samples over the embedding that they were projected onto.

    Parameters
    ----------
    projection, diagnostics
        Outputs of `tybalt.analysis.projection.project_samples`.
    embedding
        That of the samples the model was trained on.
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
        Their labels colour it.
    colours
        Table of colours with columns acronym and color.
    title
        Name of the new cohort.
    """
    new, record = read_table(projection), read_json(diagnostics)
    known = read_table(embedding, index="sample")
    trained_on = read_samples(samples, roles)
    labels = labels_of_samples(trained_on)[known.index]
    predicted = new["predicted_label"].fillna(NO_LABEL)
    looks = looks_with_missing(pd.concat([labels, predicted]), colours)
    figure = new_figure("New samples in the embedding of a model", title)
    if known["tsne_1"].isna().any():
        say_instead(figure, "The code is constant: no embedding.")
        return figure
    axes = figure.subplot_mosaic([["map", "distance"], ["map", "error"]], width_ratios=[3, 2])
    left = axes["map"]
    draw_known(left, known[["tsne_1", "tsne_2"]].to_numpy(), labels, looks)
    draw_new(left, new, predicted, looks)
    left.set(title=f"{len(new):,} new samples on the t-SNE of {record['onto']}")
    left.set_aspect("equal", adjustable="datalim")
    hide_ticks(left)
    cohort = record["cohort"]
    draw_shares(
        axes["distance"],
        new["distance"].to_numpy(),
        record["held_out_distances"],
        "Distance to the nearest training sample",
        "Euclidean distance of codes",
    )
    draw_shares(
        axes["error"],
        new["mse"].to_numpy(),
        record["held_out_errors"],
        "Error of the reconstruction",
        "mean squared error of the genes measured",
    )
    axes["distance"].legend(loc="lower right")
    for name in ("distance", "error"):
        rank, limit = cohort[f"{name}_rank"], cohort[f"{name}_rank_limit"]
        say_median(axes[name], rank, limit)
    counts = predicted.value_counts()
    handles = [
        marker_handle(f"{name}  {counts[name]:,}", looks[name]) for name in looks if name in counts
    ]
    legend_beside(figure, handles, f"predicted {trained_on.label_in_words}")
    far = f"{(new['far'] == 'yes').sum()} of {len(new)} samples are far (rings)."
    add_note(
        figure, " ".join([far, *(f"{line[0].upper()}{line[1:]}." for line in record["warnings"])])
    )
    label_groups(figure, left, known[["tsne_1", "tsne_2"]].to_numpy(), labels)
    return figure


def draw_known(
    axes: Axes, positions: np.ndarray, labels: pd.Series, looks: dict[str, Look]
) -> None:
    """Draw the samples that made the embedding as a pale ground."""
    axes.scatter(
        *positions.T,
        s=np.clip(30_000 / len(labels), 4, 30),
        c=[looks[name].colour for name in labels],
        alpha=0.25,
        linewidths=0,
        rasterized=len(labels) > RASTERISE_ABOVE,
    )


def draw_new(axes: Axes, new: pd.DataFrame, predicted: pd.Series, looks: dict[str, Look]) -> None:
    """Draw new samples with a dark edge, and a ring around those that are far."""
    size = np.clip(12_000 / max(len(new), 1), 12, 60)
    for name in sorted(set(predicted)):
        rows = new[predicted == name]
        axes.scatter(
            rows["tsne_1"],
            rows["tsne_2"],
            s=size,
            marker=looks[name].marker,
            c=looks[name].colour,
            edgecolors=INK,
            linewidths=0.7,
        )
    far = new[new["far"] == "yes"]
    axes.scatter(
        far["tsne_1"],
        far["tsne_2"],
        s=5 * size,
        facecolors="none",
        edgecolors=ORANGE,
        linewidths=1.6,
    )


def draw_shares(
    axes: Axes, new: np.ndarray, held_out: Sequence[float], title: str, label: str
) -> None:
    """Draw the share of samples below a value: new ones, and held-out ones by their percentiles."""
    axes.plot(
        held_out, np.linspace(0, 1, len(held_out)), color=GREY, lw=3, label="held-out samples"
    )
    axes.plot(
        np.sort(new), np.arange(1, len(new) + 1) / len(new), color=BLUE, lw=2, label="new samples"
    )
    axes.set(title=title, xlabel=label, ylabel="share of samples", xlim=(0, None), ylim=(0, 1.01))


def say_median(axes: Axes, rank: float, limit: float) -> None:
    """Write the median rank of the new samples and its limit below the title, orange above it."""
    axes.set_title(
        f"{axes.get_title()}\nmedian rank {rank:.2f}, limit {limit:.2f}",
        color=ORANGE if rank > limit else INK,
    )
