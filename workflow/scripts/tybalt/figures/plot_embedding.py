"""The samples by their codes: t-SNE, and the plane of the first two principal components."""

import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib.patheffects
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from tybalt.data.samples import Samples, read_samples
from tybalt.figures.palette import (
    NO_LABEL,
    Look,
    labels_of_samples,
    looks_with_missing,
    marker_handle,
)
from tybalt.figures.style import (
    RASTERISE_ABOVE,
    SMALL,
    add_note,
    hide_ticks,
    legend_beside,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError

FIGURE_OF = "experiment"
NEEDS = ("explain", "cohort", "label")

#: Where a label may stand, in label widths and heights from its group's median.
_ON_IT = ((0, 0),)
_BESIDE_IT = ((0, 1.2), (0, -1.2), (0.8, 0), (-0.8, 0), (0.8, 1.2), (-0.8, 1.2))


@saves_figure
def plot_embedding(
    embedding: str, samples: str, colours: str, roles: Mapping[str, Any], title: str
) -> Figure:
    """Draw the embedding of the codes, coloured by label.

    Parameters
    ----------
    embedding
        Table with columns sample, tsne_1, tsne_2, pca_1, pca_2.
    colours
        Table of colours with columns acronym and color.
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    title
        Whose embedding it is.
    """
    known = read_samples(samples, roles)
    return draw_maps("Samples by their codes", embedding, known, colours, title)


def draw_maps(heading: str, embedding: str, samples: Samples, colours: str, title: str) -> Figure:
    """Draw both panels of an embedding table; see `plot_embedding`.

    An embedding without any coordinate is that of a constant code: all samples are one point.
    """
    positions = read_table(embedding, index="sample")
    labels = labels_in_order(positions.index, samples, embedding)
    looks = looks_with_missing(labels, colours)
    figure = new_figure(heading, title)
    if positions.isna().all(axis=None):
        say_instead(figure, "The code is constant: no embedding.")
        return figure
    left, right = figure.subplots(1, 2)
    draw_map(left, positions[["tsne_1", "tsne_2"]].to_numpy(), labels, looks)
    draw_map(right, positions[["pca_1", "pca_2"]].to_numpy(), labels, looks)
    left.set(title="t-SNE", xlabel="t-SNE 1", ylabel="t-SNE 2")
    right.set(title="Principal components", xlabel="PC 1", ylabel="PC 2")
    left.set_aspect("equal", adjustable="datalim")
    hide_ticks(left)
    counts = labels.value_counts()
    handles = [marker_handle(f"{name}  {counts[name]:,}", look) for name, look in looks.items()]
    legend_beside(figure, handles, f"{len(labels):,} samples")
    add_note(figure, "The axes of t-SNE have no unit; distances between far groups mean little.")
    label_groups(figure, left, positions[["tsne_1", "tsne_2"]].to_numpy(), labels)
    label_groups(figure, right, positions[["pca_1", "pca_2"]].to_numpy(), labels)
    return figure


def labels_in_order(wanted: pd.Index, samples: Samples, table: str) -> pd.Series:
    """Return the labels of a table's samples; raise InputError for an unknown sample."""
    labels = labels_of_samples(samples)
    unknown = wanted.difference(labels.index)
    if len(unknown):
        raise InputError(
            f"{table}: sample {unknown[0]} is not among the samples of the dataset "
            f"({len(unknown)} such samples); make both from the same dataset"
        )
    return labels[wanted]


def draw_map(axes: Axes, positions: np.ndarray, labels: pd.Series, looks: dict[str, Look]) -> None:
    """Draw one scatter per label, small ones on top so that they stay visible.

    Parameters
    ----------
    positions
        Samples x 2.
    labels
        Label of each sample, in the same order.
    """
    size = np.clip(40_000 / max(len(labels), 1), 5, 60)
    for name, look in looks.items():
        mask = (labels == name).to_numpy()
        axes.scatter(
            *positions[mask].T,
            s=size,
            marker=look.marker,
            c=look.colour,
            edgecolors=look.edge,
            linewidths=min(0.3, size / 30),
            label=name,
            zorder=0 if name == NO_LABEL else 1 + 1 / max(mask.sum(), 1),
            rasterized=len(labels) > RASTERISE_ABOVE,
        )


def label_groups(figure: Figure, axes: Axes, positions: np.ndarray, labels: pd.Series) -> None:
    """Write each label at its median position, or near it, where there is room.

    Large groups are served first. A name stands neither on another name nor on the median of
    another group; one that finds no room is left to the legend. Groups that their own name would
    cover have it beside them.
    """
    figure.draw_without_rendering()  # settles the layout, so that sizes on the page are known
    frame = axes.get_window_extent()
    names = labels[labels != NO_LABEL].value_counts().index
    groups = {name: axes.transData.transform(positions[labels == name]) for name in names}
    medians = {name: np.median(group, axis=0) for name, group in groups.items()}
    taken: list[Bbox] = []
    for name, group in groups.items():
        label = _write_name(axes, name)
        width, height = label.get_window_extent().padded(1).size
        covered = np.ptp(group[:, 1]) <= 3 * height
        others = [median for other, median in medians.items() if other != name]
        for across, up in _BESIDE_IT + _ON_IT if covered else _ON_IT + _BESIDE_IT:
            middle = medians[name] + (across * width, up * height)
            corner = middle - (width / 2, height / 2)
            place = _moved_inside(Bbox.from_bounds(*corner, width, height), frame)
            if not place.count_overlaps(taken) and not place.count_contains(others):
                label.set_position(axes.transData.inverted().transform(place.p0 + place.size / 2))
                taken.append(place)
                break
        else:
            label.remove()


def _write_name(axes: Axes, name: str) -> Text:
    """Write a label in bold with a white rim, long ones in lines, outside of the layout."""
    label = axes.text(
        0, 0, textwrap.fill(name, 16, break_long_words=False), fontsize=SMALL, fontweight="bold"
    )
    label.set(ha="center", va="center", multialignment="center", linespacing=0.95, zorder=9)
    label.set_path_effects([matplotlib.patheffects.withStroke(linewidth=2.2, foreground="w")])
    label.set_in_layout(False)
    return label


def _moved_inside(box: Bbox, frame: Bbox) -> Bbox:
    """Move a box the shortest way into the frame."""
    shift = np.maximum(frame.p0 - box.p0, 0) + np.minimum(frame.p1 - box.p1, 0)
    return box.translated(*shift)
