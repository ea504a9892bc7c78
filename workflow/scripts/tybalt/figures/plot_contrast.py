"""The pair of latent features that best separates the positive samples of a contrast."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.analysis.findings import (
    oriented,
    read_finding,
    sentence,
    signed_feature,
    stability_in_words,
)
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
from tybalt.jobs.files import read_table
from tybalt.plan.names import in_words

FIGURE_OF = "experiment"
NEEDS = ("explain", "cohort", "named contrasts")
NAME = "contrast_{contrast}"


@saves_figure
def plot_contrast(
    findings: str, feature_pairs: str, pair_points: str, contrast: str, title: str
) -> Figure:
    """Draw all samples by two features: the best single one and its best partner.

    Parameters
    ----------
    findings
        Table of all contrasts, each with its best feature on training samples.
    feature_pairs, pair_points
        Outputs of `tybalt.analysis.feature_pairs.pair_features`.
    contrast
        Name of the contrast in these tables.
    title
        Whose codes they are.
    """
    best = read_finding(findings, contrast)
    pair = read_finding(feature_pairs, contrast)
    points = read_table(pair_points)
    points = points[points["contrast"] == contrast]
    if points.empty:
        figure = new_figure(contrast, title, (SLIDE[0], 2.3))
        say_instead(figure, "Not testable: too few training samples on one side of the contrast.")
        return figure
    has_partner = isinstance(pair["partner"], str)
    figure = new_figure(textwrap.shorten(sentence(contrast, best), 95, placeholder=" …"), title)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    _draw_points(left, points, has_partner, best["evaluated_on"], pair)
    _name_axes(left, pair, has_partner)
    if has_partner:
        _draw_discriminant(left, points[points["part"] == "train"], pair)
    legend = left.legend(loc="upper left", bbox_to_anchor=(0, -0.11), ncols=2, handletextpad=0.2)
    for handle in legend.legend_handles:
        handle.set_sizes([46])
    left.set_title(_headline(best, pair, has_partner), loc="left")
    _draw_areas(right, best, pair, has_partner)
    add_note(figure, _describe(best, pair))
    return figure


def _draw_points(
    axes: Axes, points: pd.DataFrame, has_partner: bool, held_out: str, pair: pd.Series
) -> None:
    """Draw the training samples faint and the held-out ones strong, each side in its own colour."""
    looks = ((0, "^", BLUE, pair["negative"]), (1, "o", ORANGE, pair["positive"]))
    for part in ("train", held_out):
        faint = part == "train"
        for side, marker, colour, name in looks:
            chosen = points[(points["part"] == part) & (points["side"] == side)]
            axes.scatter(
                chosen["x"],
                # a single feature is spread over the height in the order of the samples
                chosen["y"] if has_partner else np.linspace(0, 1, len(chosen)),
                s=12 if faint else 46,
                marker=marker,
                c=colour,
                alpha=0.25 if faint else 0.9,
                edgecolors="none" if faint else "white",
                linewidths=0.5,
                label=f"{name}, {part} ({len(chosen):,})",
                rasterized=len(points) > RASTERISE_ABOVE,
                zorder=1 if faint else 2 + side,
            )


def _name_axes(axes: Axes, pair: pd.Series, has_partner: bool) -> None:
    within = (
        f", centred within {in_words(pair['within'])}" if isinstance(pair["within"], str) else ""
    )
    axes.set_xlabel(f"{pair['feature']}{within}")
    if has_partner:
        axes.set_ylabel(f"{pair['partner']}{within}")
    else:
        axes.set(yticks=[], ylabel="samples (the only feature that varies)")


def _draw_discriminant(axes: Axes, train: pd.DataFrame, pair: pd.Series) -> None:
    """Draw the line halfway between the sides' mean scores."""
    middle = train.groupby("side")[["x", "y"]].mean().mean().to_numpy()
    along = np.array([-pair["weight_partner"], pair["weight_feature"]])
    axes.autoscale_view()
    limits = axes.get_xlim(), axes.get_ylim()
    axes.axline(middle, middle + along, color=INK, linestyle="--", linewidth=1.2, zorder=1.5)
    axes.set(xlim=limits[0], ylim=limits[1])


def _draw_areas(axes: Axes, best: pd.Series, pair: pd.Series, has_partner: bool) -> None:
    """Draw the AUROC of the single feature, with its interval, and of the pair.

    Of a contrast that cannot be tested only the training samples' AUROCs are drawn.
    """
    name, single, part = signed_feature(best), oriented(best), best["evaluated_on"]
    testable = best["verdict"] != "not testable"
    rows = [(f"{name}\ntrain", single.train, False), (f"{name}\n{part}", single.test, True)]
    if has_partner:
        both = f"{pair['feature']} + {pair['partner']}"
        rows += [
            (f"{both}\ntrain", pair["auroc_train"], False),
            (f"{both}\n{part}", pair["auroc_test"], True),
        ]
    rows = [row for row in rows if testable or not row[2]]
    for y, (_, value, strong) in enumerate(rows):
        colour = INK if strong else "#8A8A8A"
        axes.plot(value, y, "o", color=colour, markersize=11 if strong else 8)
        axes.text(value, y - 0.18, f"{value:.3f}", ha="center", va="bottom", color=colour)
    interval = [single.low, single.high] if testable else []
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


def _headline(best: pd.Series, pair: pd.Series, has_partner: bool) -> str:
    """Say in one line what the held-out samples say."""
    if best["verdict"] == "not testable":
        return f"not testable: {best['reason']}"
    name, single, part = signed_feature(best), oriented(best), best["evaluated_on"]
    line = f"{part} AUROC of {name}: {single.test:.3f} ({single.low:.3f}–{single.high:.3f})"
    return line + (f"; of the pair: {pair['auroc_test']:.3f}" if has_partner else "")


def _describe(best: pd.Series, pair: pd.Series) -> str:
    few = ", too few for a verdict" if best["verdict"] == "not testable" else ""
    negatives = best["n_test"] - best["n_positive_test"]
    text = (
        f"Features and the dashed line are chosen on training samples; {best['evaluated_on']} "
        f"samples evaluate them: {best['n_positive_test']:,.0f} positive, {negatives:,.0f} negative"
        f"{few}."
    )
    if isinstance(pair["within"], str):
        groups = in_words(pair["within"])
        text += f" Within {pair['strata']} {groups} strata with enough samples of both sides."
    return f"{text} {stability_in_words(best)}".rstrip()
