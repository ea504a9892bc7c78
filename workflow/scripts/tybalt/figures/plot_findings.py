"""All contrasts at a glance: the best feature of each, on training and on test samples."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tybalt.analysis.associations import SMALLEST_EFFECT
from tybalt.analysis.contrasts import AUROC, SPEARMAN
from tybalt.analysis.findings import departure, signed_feature
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
    counts = table["verdict"].value_counts()
    testable = len(table) - counts.get("not testable", 0)
    confirmed = counts.get("confirmed", 0)
    figure = new_figure(
        f"{confirmed} of {testable} testable contrasts have a feature that test samples confirm",
        title,
    )
    wanted = (table["verdict"] == "confirmed") | (table["named"] == "yes")
    wanted |= table["contrast"].isin(_ALWAYS)
    shown = ordered(table[wanted & table["effect_test"].notna()])
    if shown.empty:
        say_instead(figure, "These samples allow no contrast.")
        return figure
    left_out = max(len(shown) - _ROWS * _PANELS, 0)
    shown = shown.head(_ROWS * _PANELS)
    panels = -(-len(shown) // _ROWS)
    per_panel = -(-len(shown) // panels)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for i, panel in enumerate(axes):
        _draw_rows(panel, shown.iloc[i * per_panel : (i + 1) * per_panel], per_panel)
    handles = [
        Line2D([], [], color=ORANGE, marker="o", label="confirmed, with 95 % interval"),
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
    ]
    legend_beside(figure, handles, f"{table['evaluated_on'].iloc[0]} samples")
    notes = [
        "Features are chosen on training samples. AUROC (scale below) for yes or no, |ρ| (scale "
        "above, contrast in italics) for numbers. In brackets: the feature, and its stability over "
        "trainings with other seeds where it was measured. Whole code: a classifier on all "
        "features; far right of a feature, the contrast is spread over several.",
        f"{counts.get('not confirmed', 0)} contrasts have no confirmed feature, "
        f"{counts.get('not testable', 0)} have too few samples; all are in findings.tsv.",
        f"{left_out} more do not fit here." if left_out else "",
    ]
    add_note(figure, " ".join(note for note in notes if note))
    return figure


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Order the contrasts: named ones first, then by kind as they are asked, the best first."""
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(table["group"]))}
    strength = [departure(row).test for _, row in table.iterrows()]
    table = table.assign(kind=table["group"].map(kinds), strength=strength)
    return table.sort_values(["kind", "strength"], ascending=[True, False], kind="stable")


def on_the_scale(row: pd.Series) -> float:
    """Put the read-out of the whole code on the scale of the effects: 0 is chance, 1 is perfect."""
    value = row["readout_test"]
    return 2 * value - 1 if row["measure"] == AUROC else value


def _draw_rows(axes: Axes, rows: pd.DataFrame, height: int) -> None:
    labels = []
    for y, (_, row) in enumerate(rows.iterrows()):
        effect = departure(row)
        colour = ORANGE if row["verdict"] == "confirmed" else GREY
        axes.plot([effect.low, effect.high], [y, y], color=colour, linewidth=2)
        axes.plot(effect.test, y, "o", color=colour, markersize=7)
        axes.plot(effect.train, y, "|", color=INK, markersize=11)
        axes.plot(on_the_scale(row), y, "D", color=BLUE, markerfacecolor="none", markersize=8)
        stable = "" if pd.isna(row["stability"]) else f", {row['stability']:.2f}"
        contrast = row["contrast"].replace("_", " ").replace(":", ": ")
        labels.append(f"{contrast}  ({signed_feature(row)}{stable})")
    axes.set_yticks(range(len(rows)), labels, fontsize=SMALL)
    for tick, measure in zip(axes.get_yticklabels(), rows["measure"], strict=True):
        tick.set_style("italic" if measure == "spearman" else "normal")
    axes.axvline(0, color=GREY, linestyle=":")
    if (rows["measure"] == "auroc").any():
        axes.axvline(2 * SMALLEST_EFFECT[AUROC], color=BLUE, linestyle="--", linewidth=1)
    by_row = [row for _, row in rows.iterrows()]
    effects = [departure(row) for row in by_row]
    low = np.nanmin([-0.1, *(effect.low for effect in effects), *map(on_the_scale, by_row)])
    axes.set(ylim=(height - 0.4, -0.6), xlim=(max(low, -1.02), 1.02), xlabel="AUROC")
    areas = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1])
    axes.set_xticks(2 * areas - 1, [f"{area:g}" for area in areas])
    above = axes.secondary_xaxis("top")
    above.set_xticks([0, SMALLEST_EFFECT[SPEARMAN], 0.6, 1])
    above.set_xlabel("|ρ|", fontsize=SMALL)
    above.tick_params(labelsize=SMALL)
    axes.grid(axis="y")
    axes.tick_params(axis="y", length=0)
