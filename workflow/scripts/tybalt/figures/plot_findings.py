"""All contrasts at a glance: the best feature of each, on training and on test samples."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tybalt.analysis.associations import SMALLEST_EFFECT
from tybalt.analysis.contrasts import AUROC, SPEARMAN
from tybalt.analysis.findings import oriented, signed_feature
from tybalt.analysis.marks import CONFIRMED, NO, PARTLY_CONFIRMED, YES, count_verdicts
from tybalt.analysis.stratified_tests import CHANCE
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALL,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("explain", "cohort", "contrasts")

#: Rows of a panel, and panels beside each other.
_ROWS, _PANELS = 30, 2

#: Contrasts without a confirmed feature that are shown all the same: what everybody asks first.
_ALWAYS = {"sex", "age", "stage", "mutation_burden", "normal", "metastatic"}


#: The marks in the order of their columns, and how they are headed.
_MARKS = {"separates": "separates", "comes_back": "comes back", "genes_agree": "genes agree"}

#: Where their columns stand, right of a panel, in shares of its width.
_MARK_PLACES = (1.05, 1.12, 1.19)


@saves_figure
def plot_findings(findings: str, title: str) -> Figure:
    """Draw the best feature of every confirmed contrast, and of those that everybody asks.

    Parameters
    ----------
    findings
        Table of all contrasts, each with its best feature.
    title
        Whose features they are.
    """
    table = read_table(findings)
    counts = count_verdicts(table["verdict"])
    figure = new_figure(
        f"{counts['confirmed']} of {counts['testable']} testable contrasts have all three marks, "
        f"{counts['partly']} separate without",
        title,
    )
    wanted = (table["separates"] == YES) | (table["named"] == "yes")
    wanted |= table["contrast"].isin(_ALWAYS)
    shown = ordered(table[wanted & table["effect_test"].notna()])
    if shown.empty:
        say_instead(figure, "These samples allow no contrast.")
        return figure
    panels, left_out = in_panels(shown)
    height = max(len(rows) for rows in panels)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, rows in zip(axes, panels, strict=True):
        _draw_rows(panel, rows, height)
    hollow = {"color": ORANGE, "marker": "o", "markerfacecolor": "white"}
    handles = [
        Line2D([], [], color=ORANGE, marker="o", label="confirmed, with 95 % interval"),
        Line2D([], [], **hollow, label="partly confirmed"),
        Line2D([], [], color=GREY, marker="o", label="not confirmed or not testable"),
        Line2D([], [], color=INK, marker="|", linestyle="none", markersize=11, label="training"),
        Line2D(
            [],
            [],
            color=BLUE,
            marker="D",
            linestyle="none",
            markerfacecolor="none",
            label="whole code",
        ),
        Line2D([], [], color=BLUE, linestyle="--", label="minimum effect size"),
        Line2D([], [], **_looks_of_mark(YES), label="has the mark"),
        Line2D([], [], **_looks_of_mark(NO), label="lacks the mark"),
    ]
    legend_beside(figure, handles, f"{table['evaluated_on'].iloc[0]} samples")
    rest = counts["testable"] - counts["confirmed"] - counts["partly"]
    notes = [
        "Features are chosen on training samples; effects are turned to the direction seen there. "
        "In brackets: the feature, and its stability (median |r|) over bootstrap samples. No "
        "circle where a mark was not measured. Whole code: a classifier on all features; far right "
        "of a feature, the contrast is spread over several.",
        f"{rest} contrasts have no feature that separates, {counts['untestable']} have too few "
        "samples; all are in findings.tsv.",
        f"{left_out} more do not fit here." if left_out else "",
    ]
    add_note(figure, " ".join(note for note in notes if note))
    return figure


def in_panels(shown: pd.DataFrame) -> tuple[list[pd.DataFrame], int]:
    """Divide the rows over panels, each with one measure; return them, and how many do not fit."""
    panels, left_out = [], 0
    for measure, most in ((AUROC, _PANELS), (SPEARMAN, 1)):
        rows = shown[shown["measure"] == measure]
        left_out += max(len(rows) - _ROWS * most, 0)
        rows = rows.head(_ROWS * most)
        count = -(-len(rows) // _ROWS)
        each = -(-len(rows) // max(count, 1))
        panels += [rows.iloc[i * each : (i + 1) * each] for i in range(count)]
    return panels, left_out


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Order the contrasts: named ones first, then by kind as they are asked, the best first."""
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(table["group"]))}
    strength = [oriented(row).test for _, row in table.iterrows()]
    table = table.assign(kind=table["group"].map(kinds), strength=strength)
    return table.sort_values(["kind", "strength"], ascending=[True, False], kind="stable")


def _looks_of_mark(value: str) -> dict[str, Any]:
    """Return how a mark is drawn: full if the finding has it, hollow if not."""
    face = INK if value == YES else "white"
    return {"color": INK, "marker": "o", "markersize": 6, "markerfacecolor": face, "ls": "none"}


def _draw_rows(axes: Axes, rows: pd.DataFrame, height: int) -> None:
    """Draw contrasts of one measure below each other, their marks at the right."""
    measure, labels, lows = rows["measure"].iloc[0], [], []
    for y, (_, row) in enumerate(rows.iterrows()):
        effect = oriented(row)
        colour = ORANGE if row["verdict"] in (CONFIRMED, PARTLY_CONFIRMED) else GREY
        face = "white" if row["verdict"] == PARTLY_CONFIRMED else colour
        axes.plot([effect.low, effect.high], [y, y], color=colour, linewidth=2)
        axes.plot(effect.test, y, "o", color=colour, markersize=7, markerfacecolor=face)
        axes.plot(effect.train, y, "|", color=INK, markersize=11)
        axes.plot(row["readout_test"], y, "D", color=BLUE, markerfacecolor="none", markersize=8)
        stable = "" if pd.isna(row["stability"]) else f", {row['stability']:.2f}"
        contrast = row["contrast"].replace("_", " ").replace(":", ": ")
        labels.append(f"{contrast}  ({signed_feature(row)}{stable})")
        lows += [effect.low, effect.test, row["readout_test"]]
        for place, mark in zip(_MARK_PLACES, _MARKS, strict=True):
            if row[mark] in (YES, NO):
                at_right = axes.get_yaxis_transform()
                looks = _looks_of_mark(row[mark])
                axes.plot(place, y, transform=at_right, clip_on=False, **looks)
    for place, words in zip(_MARK_PLACES, _MARKS.values(), strict=True):
        at_right = axes.get_yaxis_transform()
        axes.text(place, -0.7, words, transform=at_right, rotation=90, ha="center", fontsize=SMALL)
    axes.set_yticks(range(len(rows)), labels, fontsize=SMALL)
    chance = CHANCE[measure]
    axes.axvline(chance, color=GREY, linestyle=":")
    axes.axvline(chance + SMALLEST_EFFECT[measure], color=BLUE, linestyle="--", linewidth=1)
    words = "AUROC" if measure == AUROC else "Spearman’s ρ, in the direction of training"
    low = max(np.nanmin([chance - 0.05, *lows]), 2 * chance - 1.01)
    axes.set(ylim=(height - 0.4, -0.6), xlim=(low, 1.01), xlabel=words)
    axes.grid(axis="y")
    axes.tick_params(axis="y", length=0)
