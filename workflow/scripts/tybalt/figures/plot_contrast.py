"""The pair of latent features that best separates the positive samples of a contrast."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.analysis.contrasts import ask_contrast
from tybalt.analysis.feature_pairs import Pair, best_pair, midpoints
from tybalt.analysis.stratified_tests import answering_strata, stratified_auroc
from tybalt.data.samples import read_samples
from tybalt.figures.claims import oriented, read_finding, sentence, stability_in_words
from tybalt.figures.style import (
    BLUE,
    INK,
    ORANGE,
    RASTERISE_ABOVE,
    SLIDE,
    add_note,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_by_sample

FIGURE_OF = "experiment"
NEEDS = ("explain",)
NAME = "contrast_{contrast}"


@saves_figure
def plot_contrast(
    samples: str,
    encoding: str,
    findings: str,
    contrast: str,
    definition: Mapping[str, Any],
    roles: Mapping[str, Any],
    title: str,
) -> Figure:
    """Draw all samples by two features: the best single one and its best partner.

    Both are chosen on training samples alone; the AUROC beside them is that of the samples that
    took no part in it.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding
        Codes of all samples: sample, z1 ... zK.
    findings
        Table of all contrasts, each with its best feature on training samples.
    contrast
        Name of the contrast in that table.
    definition
        ``covariate``, the list ``positive``, and optionally ``within``.
    title
        Whose codes they are.
    """
    best = read_finding(findings, contrast)
    known_samples = read_samples(samples, roles)
    obs, split, part = known_samples.table, known_samples.split, known_samples.held_out
    codes = read_by_sample(encoding, obs.index)
    asked = ask_contrast(obs, contrast, definition)
    strata = answering_strata(asked, split == "train", known_samples.group)
    known = np.isfinite(asked.values) & np.isin(asked.stratum, strata)
    train, judged = known & (split == "train"), known & (split == part)
    label = pd.Series(asked.values, obs.index)
    stratum = pd.Series(asked.stratum, obs.index)
    sides = label[judged].groupby(stratum[judged]).nunique()
    judged &= stratum.isin(sides.index[sides == 2]).to_numpy()
    if np.isnan(best["effect_train"]) or not train.any():
        figure = new_figure(contrast, title, (SLIDE[0], 2.3))
        say_instead(figure, "Not testable: too few training samples on one side of the contrast.")
        return figure
    first = codes.columns.get_loc(best["feature"])
    if "within" in definition:
        centre = midpoints(codes[train], label[train], stratum[train])
        codes = codes[known] - centre.loc[stratum[known]].to_numpy()
        codes = codes.reindex(obs.index)
    pair = best_pair(codes[train], label[train], stratum[train], first)
    chosen = codes.columns[[first] if pair is None else [first, pair.partner]]
    points = codes[chosen].to_numpy(float)
    areas = {} if pair is None else _areas(points @ pair.weights, label, stratum, train, judged)

    figure = new_figure(textwrap.shorten(sentence(contrast, best), 105, placeholder=" …"), title)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    names = side_names(obs, definition)
    _draw_points(left, points, label.to_numpy(), {"train": train, part: judged}, names)
    _name_axes(left, chosen, definition)
    _draw_discriminant(left, points[train], label[train].to_numpy(), pair)
    legend = left.legend(loc="upper left", bbox_to_anchor=(0, -0.11), ncols=2, handletextpad=0.2)
    for handle in legend.legend_handles:
        handle.set_sizes([46])
    name, single = oriented(best)
    left.set_title(_headline(name, single, areas, best, part), loc="left")
    testable = best["verdict"] != "not testable"
    _draw_areas(right, name, single, areas, chosen, part, testable)
    add_note(figure, _describe(definition, best, strata, part))
    return figure


def side_names(obs: pd.DataFrame, definition: Mapping[str, Any]) -> tuple[str, str]:
    """Name the negative and the positive side for the legend."""
    values = obs[definition["covariate"]].astype(object).dropna()
    others = sorted({str(value) for value in values} - {""} - set(map(str, definition["positive"])))
    negative = ", ".join(others) if len(others) <= 2 else f"other {definition['covariate']}"
    return negative.replace("_", " "), ", ".join(map(str, definition["positive"]))


def _areas(
    scores: np.ndarray, label: pd.Series, stratum: pd.Series, train: np.ndarray, judged: np.ndarray
) -> dict[str, float]:
    """AUROC of the discriminant on training and on judged samples (NaN if one side is empty)."""
    return {
        name: float(
            stratified_auroc(scores[rows, None], label[rows].to_numpy(), stratum[rows].to_numpy())[
                0
            ]
        )
        for name, rows in (("train", train), ("test", judged))
    }


def _draw_points(
    axes: Axes,
    points: np.ndarray,
    label: np.ndarray,
    parts: Mapping[str, np.ndarray],
    sides: tuple[str, str],
) -> None:
    """Draw the training samples faint and the judged ones strong, each side in its own colour."""
    looks = (("^", BLUE), ("o", ORANGE))
    for part, rows in parts.items():
        faint = part == "train"
        for side, (marker, colour) in enumerate(looks):
            chosen = points[rows & (label == side)]
            axes.scatter(
                chosen[:, 0],
                # a single feature is spread over the height in the order of the samples
                chosen[:, 1] if chosen.shape[1] > 1 else np.linspace(0, 1, len(chosen)),
                s=12 if faint else 46,
                marker=marker,
                c=colour,
                alpha=0.25 if faint else 0.9,
                edgecolors="none" if faint else "white",
                linewidths=0.5,
                label=f"{sides[side]}, {part} ({len(chosen):,})",
                rasterized=len(label) > RASTERISE_ABOVE,
                zorder=1 if faint else 2 + side,
            )


def _name_axes(axes: Axes, chosen: pd.Index, definition: Mapping[str, Any]) -> None:
    within = definition.get("within", "").replace("_", " ")
    names = [f"{name}, centred within {within}" if within else name for name in chosen]
    axes.set_xlabel(names[0])
    if len(names) > 1:
        axes.set_ylabel(names[1])
    else:
        axes.set(yticks=[], ylabel="samples (the only feature that varies)")


def _draw_discriminant(axes: Axes, train: np.ndarray, label: np.ndarray, pair: Pair | None) -> None:
    """Draw the line halfway between the sides' mean scores."""
    if pair is None:
        return
    middle = (train[label == 1].mean(axis=0) + train[label == 0].mean(axis=0)) / 2
    along = np.array([-pair.weights[1], pair.weights[0]])
    axes.autoscale_view()
    limits = axes.get_xlim(), axes.get_ylim()
    axes.axline(middle, middle + along, color=INK, linestyle="--", linewidth=1.2, zorder=1.5)
    axes.set(xlim=limits[0], ylim=limits[1])


def _draw_areas(
    axes: Axes,
    name: str,
    single: Mapping[str, float],
    areas: Mapping[str, float],
    chosen: pd.Index,
    part: str,
    testable: bool,
) -> None:
    """Draw the AUROC of the single feature, with its interval, and of the pair.

    Of a contrast that cannot be tested only the training samples' AUROCs are drawn.
    """
    rows = [(f"{name}\ntrain", single["train"], False), (f"{name}\n{part}", single["test"], True)]
    if areas:
        both = " + ".join(chosen)
        rows += [
            (f"{both}\ntrain", areas["train"], False),
            (f"{both}\n{part}", areas["test"], True),
        ]
    rows = [row for row in rows if testable or not row[2]]
    for y, (_, value, strong) in enumerate(rows):
        colour = INK if strong else "#8A8A8A"
        axes.plot(value, y, "o", color=colour, markersize=11 if strong else 8)
        axes.text(value, y - 0.18, f"{value:.3f}", ha="center", va="bottom", color=colour)
    interval = [single["low"], single["high"]] if testable else []
    axes.plot(interval, [1] * len(interval), color=INK, linewidth=2.5)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    finite = [row[1] for row in rows] + [*interval, 0.5]
    axes.set(xlim=(min(finite) - 0.05, 1.05), ylim=(len(rows) - 0.5, -0.6), xlabel="AUROC")
    ticks = {0: "0", 0.25: "0.25", 0.5: "0.5\n(chance)", 0.75: "0.75", 1: "1"}
    ticks = {tick: text for tick, text in ticks.items() if tick >= min(finite) - 0.05}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.axvline(0.5, color="#8A8A8A", linestyle=":")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _headline(
    name: str, single: Mapping[str, float], areas: Mapping[str, float], best: pd.Series, part: str
) -> str:
    """Say in one line what the judged samples say."""
    if best["verdict"] == "not testable":
        return f"not testable: {best['reason']}"
    interval = f"({single['low']:.3f}–{single['high']:.3f})"
    line = f"{part} AUROC of {name}: {single['test']:.3f} {interval}"
    return line + (f"; of the pair: {areas['test']:.3f}" if areas else "")


def _describe(
    definition: Mapping[str, Any], best: pd.Series, strata: Sequence[str], part: str
) -> str:
    judge = "are too few to judge" if best["verdict"] == "not testable" else "judge"
    negatives = best["n_test"] - best["n_positive_test"]
    text = (
        f"Features and the dashed line are chosen on training samples; {part} samples {judge}: "
        f"{best['n_positive_test']:,.0f} positive, {negatives:,.0f} negative."
    )
    if "within" in definition:
        groups = definition["within"].replace("_", " ")
        text += f" Within {len(strata)} {groups} strata with enough samples of both sides."
    return f"{text} {stability_in_words(best)}".rstrip()
