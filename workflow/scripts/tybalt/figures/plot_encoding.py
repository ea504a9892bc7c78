"""Heat map of the codes: samples by latent features, with what is known of the samples beside."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import pdist

from tybalt.data.matrix import read_obs
from tybalt.figures.palette import (
    NO_TYPE,
    labels_of,
    looks_with_missing,
    patch_handle,
    sample_type_colours,
)
from tybalt.figures.style import (
    AMBER,
    GREY,
    SMALL,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import read_samples

#: More rows than this do not show on a slide (850 pixels) nor on a page.
MOST_ROWS = 2000

#: Values beyond this many standard deviations take the end colours.
_CLIP = 3

_NAMES_IN_A_LINE = 55

_UNKNOWN = "not given"
#: Safe beside each other, and not the common colours of the sample types.
_SEX_COLOURS = {"female": AMBER, "male": "#332288"}


@saves_figure
def plot_encoding(matrix: str, encoding: str, colours: str, title: str) -> Figure:
    """Draw the codes of the samples, each feature scaled to its own mean and deviation.

    Parameters
    ----------
    matrix
        `matrix.h5ad`, of which the clinical columns are read. Colour bars are drawn for
        cancer_type, sample_type and sex where the dataset declares them.
    encoding
        Codes of all samples: sample, z1 ... zK.
    colours
        Cohort table with columns acronym and color.
    title
        Whose codes they are.
    """
    obs = read_obs(matrix)
    codes = read_samples(encoding, obs.index)
    bars = annotations(obs, colours)
    groups = labels_of(obs, "cancer_type", NO_TYPE)
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
    grouped = "cancer type" in bars
    note = _describe(len(rows), len(obs), grouped, constant.sum())
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


def annotations(obs: pd.DataFrame, colours: str) -> dict[str, tuple[pd.Series, dict[str, str]]]:
    """Return the colour bars that the dataset has columns for: name -> (labels, colours)."""
    bars = {}
    if "cancer_type" in obs:
        labels = labels_of(obs, "cancer_type", NO_TYPE)
        looks = looks_with_missing(labels, colours)
        bars["cancer type"] = labels, {name: look.colour for name, look in looks.items()}
    if "sample_type" in obs:
        labels = labels_of(obs, "sample_type", _UNKNOWN)
        bars["sample type"] = (
            labels,
            _with_unknown(sample_type_colours(set(labels) - {_UNKNOWN}), labels),
        )
    if "sex" in obs:
        labels = labels_of(obs, "sex", _UNKNOWN)
        known = {name: colour for name, colour in _SEX_COLOURS.items() if name in set(labels)}
        bars["sex"] = labels.where(labels.isin(list(known)), _UNKNOWN), _with_unknown(known, labels)
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
    """Name the blocks of a cancer type at the left, large ones first, where there is room."""
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


def _describe(drawn: int, total: int, grouped: bool, constant: int) -> str:
    text = (
        f"{drawn:,} of {total:,} samples, evenly thinned" if drawn < total else f"{total:,} samples"
    )
    text += ", by cancer type and clustered within it" if grouped else ", clustered"
    return text + (f"\nunused (constant) features, in grey: {constant}" if constant else "")


def _handles(bars: dict[str, tuple[pd.Series, dict[str, str]]]) -> list[Patch]:
    """Make one legend of all bars, each under its heading."""
    handles = []
    for name, (_, palette) in reversed(bars.items()):
        handles.append(Patch(alpha=0, label=f"$\\bf{{{name.replace(' ', '~')}}}$"))
        handles += [
            patch_handle(textwrap.fill(label, 22), colour) for label, colour in palette.items()
        ]
    return handles
