"""A colour and a marker for every label, the same in every figure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tybalt.data.samples import Samples
from tybalt.figures.style import AMBER, BLUE, GREEN, GREY, INK, ORANGE, PINK, SKY
from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError

#: Shapes that stay apart when small.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: For labels that the table of colours does not know: Okabe and Ito's colours, safe for readers
#: with a colour vision deficiency, each in every marker before it is used again.
SAFE_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, INK)

#: How a sample without a label is called in legends.
NO_LABEL = "not given"

# A deuteranope's view of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.
# https://doi.org/10.1109/TVCG.2009.113
_DEUTERANOPE = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


class Look(NamedTuple):
    """How the samples of one group are drawn."""

    colour: str
    marker: str

    @property
    def edge(self) -> str:
        """A darker shade, so that pale colours show on white."""
        return to_hex(0.6 * np.array(to_rgb(self.colour)))


def label_looks(labels: Iterable[str], colours: str) -> dict[str, Look]:
    """Give each label its colour and marker.

    Parameters
    ----------
    labels
        Labels of the samples.
    colours
        Path of a table of colours (columns ``acronym`` and ``color``, hex). TCGA's own colours
        cannot all be told apart by everyone: labels of similar colour get different markers.

    Returns
    -------
    dict
        Label -> Look, sorted by label. Labels outside the table take `SAFE_COLOURS`.

    Raises
    ------
    InputError
        If the table lacks a column.
    """
    cohorts = read_table(colours)
    missing = {"acronym", "color"} - set(cohorts.columns)
    if missing:
        raise InputError(
            f"{colours}: found no column {', '.join(sorted(missing))}, expected acronym and color"
        )
    known = dict(zip(cohorts["acronym"], cohorts["color"], strict=True))
    markers = dict(zip(known, markers_apart(list(known.values())), strict=True))
    labels = sorted(set(labels))
    others = [name for name in labels if name not in known]
    looks = dict(zip(others, safe_looks(len(others)), strict=True))
    looks |= {name: Look(known[name], markers[name]) for name in labels if name in known}
    return {name: looks[name] for name in labels}


def safe_looks(count: int) -> list[Look]:
    """Return `count` looks from `SAFE_COLOURS`; they repeat after colours x markers (49)."""
    return [
        Look(SAFE_COLOURS[i % len(SAFE_COLOURS)], MARKERS[i // len(SAFE_COLOURS) % len(MARKERS)])
        for i in range(count)
    ]


def markers_apart(colours: Sequence[str]) -> list[str]:
    """Choose a marker for each colour so that similar colours differ in their marker.

    Each colour in turn takes the marker whose users so far are least like it; colours are alike
    if they are so to a reader with full colour vision or to a deuteranope.
    """
    seen = np.stack([_perceived(colour) for colour in colours]) if len(colours) else np.empty(0)
    chosen: list[int] = []
    for i in range(len(colours)):
        distances = np.full(len(MARKERS), np.inf)
        for j, marker in enumerate(chosen):
            apart = np.linalg.norm(seen[i] - seen[j], axis=1).min()
            distances[marker] = min(distances[marker], apart)
        chosen.append(int(distances.argmax()))
    return [MARKERS[marker] for marker in chosen]


def _perceived(colour: str) -> np.ndarray:
    """Return the colour (2 views x RGB, 0..1) with full vision and as a deuteranope sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.clip(_DEUTERANOPE @ rgb**2.2, 0, 1)
    return np.stack([rgb, linear ** (1 / 2.2)])


def labels_of_samples(samples: Samples) -> pd.Series:
    """Return the label of each sample; `NO_LABEL` where it is missing or no column plays it."""
    return labels_of(samples.table, samples.roles.get("label"), NO_LABEL)


def labels_of(obs: pd.DataFrame, column: str | None, missing: str) -> pd.Series:
    """Return a text column with one name for everything missing ("" and NaN)."""
    if column not in obs:
        return pd.Series(missing, index=obs.index, name=column)
    labels = obs[column].astype(object)
    return labels.where(labels.notna() & (labels != ""), missing).astype(str)


def looks_with_missing(labels: pd.Series, colours: str) -> dict[str, Look]:
    """Return the look of every label, `NO_LABEL` grey and last."""
    present = set(labels)
    looks = label_looks(present - {NO_LABEL}, colours)
    return looks | ({NO_LABEL: Look(GREY, "o")} if NO_LABEL in present else {})


def ordered_colours(values: Iterable[str], order: Sequence[str]) -> dict[str, str]:
    """Return a colour for each value, those of a known order first and always the same."""
    present = set(values)
    names = list(order) + sorted(present - set(order))
    colours = {name: look.colour for name, look in zip(names, safe_looks(len(names)), strict=True)}
    return {name: colour for name, colour in colours.items() if name in present}


def marker_handle(label: str, look: Look) -> Line2D:
    """Make a legend entry that looks like the points of a group."""
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=look.marker,
        markersize=8,
        markerfacecolor=look.colour,
        markeredgecolor=look.edge,
        markeredgewidth=0.6,
        label=label,
    )


def patch_handle(label: str, colour: str) -> Patch:
    """Make a legend entry for a colour bar."""
    return Patch(facecolor=colour, edgecolor="#555555", linewidth=0.4, label=label)
