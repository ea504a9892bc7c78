"""Heat map of the codes: samples by latent features, with what is known of the samples beside."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import pdist

from tybalt.data.known_columns import read_known_columns
from tybalt.data.samples import Samples, read_codes, read_samples
from tybalt.figures.palette import (
    labels_of,
    labels_of_samples,
    looks_with_missing,
    ordered_colours,
    patch_handle,
)
from tybalt.figures.style import (
    GREY,
    SMALL,
    Heading,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.plan.names import in_words

FIGURE_OF = "experiment"
NEEDS = ("explain",)

#: More rows than this do not show on a slide (850 pixels) nor on a page.
MOST_ROWS = 2000

#: Values beyond this many standard deviations take the end colours.
_CLIP = 3

_NAMES_IN_A_LINE = 55

_UNKNOWN = "not given"


@saves_figure
def plot_encoding(
    samples: str,
    encoding: str,
    columns: Sequence[str],
    colours: str,
    roles: Mapping[str, Any],
    title: str,
) -> Figure:
    """Draw the codes of the samples, each feature scaled to its own mean and deviation.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
        Colour bars are drawn for the label, the strata and the columns that the kind names.
    encoding
        Codes of all samples: sample, z1 ... zK.
    columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    colours
        Table of colours with columns acronym and color.
    title
        Whose codes they are.
    """
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    bars = annotations(known, colours, read_known_columns(columns))
    groups = labels_of_samples(known)
    scaled, constant = standardise(codes.to_numpy(float))
    rows = order_samples(scaled, groups.to_numpy())
    features = order_features(scaled[rows], constant)

    figure = new_figure("Codes of the samples", title)
    figure.get_layout_engine().set(w_pad=0.02, wspace=0)
    widths = [1] * len(bars) + [42]
    *narrow, heat = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    for axes, (name, (labels, palette)) in zip(narrow, bars.items(), strict=True):
        _draw_bar(axes, name, labels.iloc[rows], palette)
    shown = np.where(constant, np.nan, scaled)[np.ix_(rows, features)]
    image = heat.imshow(
        np.ma.masked_invalid(shown),
        aspect="auto",
        cmap="RdBu_r",
        vmin=-_CLIP,
        vmax=_CLIP,
        interpolation="nearest",
    )
    heat.set_facecolor(GREY)
    heat.set(yticks=[])
    _name_features(heat, codes.columns[features])
    grouped = known.label is not None
    note = _describe(len(rows), len(codes), known.label_in_words if grouped else "", constant.sum())
    heat.set_title(note, loc="left", fontsize=SMALL)
    if grouped:
        _name_groups(narrow[0], groups.iloc[rows])
    figure.colorbar(
        image,
        ax=heat,
        location="bottom",
        shrink=0.5,
        aspect=45,
        pad=0.02,
        extend="both",
        label="standard deviations from the feature's mean",
    )
    if bars:
        legend_beside(figure, _handles(bars), rows=30)
    return figure


def annotations(
    samples: Samples, colours: str, known: Mapping[str, Any]
) -> dict[str, tuple[pd.Series, dict[str, str]]]:
    """Return the colour bars that the dataset has columns for: name -> (labels, colours).

    Parameters
    ----------
    known
        What is known of the columns: ``orders`` of values, and further ``bars`` with colours.
    """
    bars, obs, label = {}, samples.table, samples.roles.get("label")
    if label is not None:
        labels = labels_of_samples(samples)
        looks = looks_with_missing(labels, colours)
        bars[in_words(label)] = labels, {name: look.colour for name, look in looks.items()}
    for name in samples.roles["strata"]:
        if name != label:
            labels = labels_of(obs, name, _UNKNOWN)
            order = known.get("orders", {}).get(name, [])
            shades = ordered_colours(set(labels) - {_UNKNOWN}, order)
            bars[in_words(name)] = labels, _with_unknown(shades, labels)
    for name, shades in known.get("bars", {}).items():
        if name in obs:
            labels = labels_of(obs, name, _UNKNOWN)
            found = {value: shade for value, shade in shades.items() if value in set(labels)}
            shown = labels.where(labels.isin(list(found)), _UNKNOWN)
            bars[in_words(name)] = shown, _with_unknown(found, labels)
    return bars


def _with_unknown(palette: dict[str, str], labels: pd.Series) -> dict[str, str]:
    return palette | ({} if labels.isin(list(palette)).all() else {_UNKNOWN: GREY})


def standardise(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale each feature to mean 0 and deviation 1; also tell which features are constant."""
    deviation = codes.std(axis=0)
    constant = deviation <= 1e-9 * np.maximum(np.abs(codes).max(axis=0), 1e-30)
    scaled = (codes - codes.mean(axis=0)) / np.where(constant, 1, deviation)
    return np.where(constant, 0, scaled), constant


def order_samples(scaled: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Choose and order the rows: by group, clustered within it.

    Of more than `MOST_ROWS` samples every n-th is kept in the order (group, sample), so that each
    group keeps its share.

    Returns
    -------
    numpy.ndarray
        Row numbers.
    """
    by_group = np.argsort(groups, kind="stable")
    if len(by_group) > MOST_ROWS:
        by_group = by_group[np.linspace(0, len(by_group) - 1, MOST_ROWS).round().astype(int)]
    kept = groups[by_group]
    return np.concatenate(
        [_clustered(scaled, by_group[kept == name]) for name in dict.fromkeys(kept)]
    )


def _clustered(scaled: np.ndarray, rows: np.ndarray) -> np.ndarray:
    if len(rows) < 3:
        return rows
    return rows[leaves_list(linkage(scaled[rows], "average"))]


def order_features(scaled: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Order features by average linkage on 1 - correlation; constant features come last."""
    varying = np.flatnonzero(~constant & (np.ptp(scaled, axis=0) > 0))
    rest = np.setdiff1d(np.arange(scaled.shape[1]), varying)
    if len(varying) > 2:
        distances = np.clip(pdist(scaled[:, varying].T, "correlation"), 0, None)
        tree = optimal_leaf_ordering(linkage(distances, "average"), distances)
        varying = varying[leaves_list(tree)]
    return np.concatenate([varying, rest])


def _draw_bar(axes: Axes, name: str, labels: pd.Series, palette: dict[str, str]) -> None:
    number_of = {label: i for i, label in enumerate(palette)}
    axes.imshow(
        labels.map(number_of).to_numpy(int)[:, None],
        aspect="auto",
        cmap=ListedColormap(list(palette.values())),
        vmin=-0.5,
        vmax=len(palette) - 0.5,
        interpolation="nearest",
    )
    below = axes.text(
        0.5, -0.01, name, rotation=90, ha="center", va="top", transform=axes.transAxes
    )
    below.set(fontsize=SMALL, in_layout=False)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name_groups(axes: Axes, groups: pd.Series) -> None:
    """Name the blocks of a label at the left, large ones first, where there is room."""
    line = len(groups) / 38  # height of a line of text, in rows
    middles = {
        name: (np.flatnonzero(groups == name)[[0, -1]]).mean()
        for name in groups.value_counts(sort=True).index
    }
    places: dict[str, float] = {}
    for name, middle in middles.items():
        if all(abs(middle - other) >= line for other in places.values()):
            places[name] = middle
    axes.set_yticks(list(places.values()), list(places), fontsize=SMALL)


def _name_features(axes: Axes, names: pd.Index) -> None:
    """Name every feature, in two staggered lines if one is too short, and none beyond that."""
    axes.set_xticks([])
    axes.tick_params(axis="x", which="both", length=0, labelsize=SMALL - 1, labelrotation=90)
    places = range(len(names))
    if len(names) <= _NAMES_IN_A_LINE:
        axes.set_xticks(places, names)
    elif len(names) <= 2 * _NAMES_IN_A_LINE:
        axes.set_xticks(places[::2], names[::2])
        axes.set_xticks(places[1::2], names[1::2], minor=True)
        axes.tick_params(axis="x", which="minor", pad=32)
    several = f"{len(names)} latent features, ordered by their correlation"
    axes.set_xlabel(several if len(names) > 1 else "the latent feature")


def _describe(drawn: int, total: int, label: str, constant: int) -> str:
    text = (
        f"{drawn:,} of {total:,} samples, evenly thinned" if drawn < total else f"{total:,} samples"
    )
    text += f", by {label} and clustered within it" if label else ", clustered"
    return text + (f"\nunused (constant) features, in grey: {constant}" if constant else "")


def _handles(bars: dict[str, tuple[pd.Series, dict[str, str]]]) -> list[Patch]:
    """Make one legend of all bars, each under its heading."""
    handles = []
    for name, (_, palette) in reversed(bars.items()):
        handles.append(Heading(name))
        handles += [
            patch_handle(textwrap.fill(label, 22), colour) for label, colour in palette.items()
        ]
    return handles
