"""The genes behind the feature of a contrast: the largest weights of both sides."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.analysis.findings import oriented, read_finding, sentence, stability_in_words
from tybalt.analysis.gene_set_enrichment import DEVIATIONS, MINIMUM_GENES
from tybalt.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SLIDE,
    SMALL,
    add_note,
    new_figure,
    saves_figure,
    say_instead,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("explain", "cohort", "named contrasts")
NAME = "genes_{contrast}"

#: Genes of each side that are named, and gene sets listed below them.
_GENES, _SETS = 20, 4

#: q-values of gene sets that are shown.
_LARGEST_Q = 0.05


@saves_figure
def plot_genes(
    gene_weights: str, gene_sets: str, findings: str, contrast: str, title: str
) -> Figure:
    """Draw the genes with the largest weights on both sides of the feature of a contrast.

    Parameters
    ----------
    gene_weights
        Table gene, z1 ... zK.
    gene_sets
        Gene sets over-represented on each side of each feature.
    findings
        Table of all contrasts, each with its best feature.
    contrast
        Name of the contrast in that table.
    title
        Whose feature it is.
    """
    best = read_finding(findings, contrast)
    heading = textwrap.shorten(f"Genes: {sentence(contrast, best)}", 105, placeholder=" …")
    if pd.isna(best["feature"]):
        figure = new_figure(heading, title, (SLIDE[0], 2.3))
        say_instead(figure, "Not testable: too few training samples on one side of the contrast.")
        return figure
    figure = new_figure(heading, title)
    weights = read_table(gene_weights, index="gene")[best["feature"]]
    spread = weights.std(ddof=0)
    if not spread > 0:
        say_instead(figure, f"All genes have the same weight in {best['feature']}.")
        return figure
    # The right panel is the side that goes with positive samples, whatever the feature's sign.
    turned = not oriented(best).higher
    scaled = (weights - weights.mean()) / spread * (-1 if turned else 1)
    sets = read_table(gene_sets)
    sets = sets[(sets["feature"] == best["feature"]) & (sets["q"] <= _LARGEST_Q)]
    middle, low, high = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    _draw_all(middle, scaled)
    sides = [("lower", -1, low, BLUE), ("higher", 1, high, ORANGE)]
    words = _sides_in_words(best)
    for name, sign, axes, colour in sides:
        side = "positive" if (sign > 0) != turned else "negative"
        _draw_side(axes, scaled, sign, colour, words[name])
        _list_sets(axes, sets[sets["side"] == side])
    add_note(
        figure,
        f"Weights in standard deviations from their mean over {len(weights):,} genes; strong: "
        f"beyond {DEVIATIONS}. Sets below: over-represented among those genes (hypergeometric, q ≤ "
        f"{_LARGEST_Q:g}), of those with {MINIMUM_GENES} genes or more. {stability_in_words(best)}",
    )
    return figure


def _sides_in_words(best: pd.Series) -> dict[str, str]:
    """Name the two sides of the contrast."""
    description = best["description"].partition(", within")[0]
    if best["measure"] != "auroc":
        return {"higher": f"with more {description}", "lower": f"with less {description}"}
    positive, _, negative = description.partition(" against ")
    return {"higher": f"higher in {positive}", "lower": f"higher in {negative}"}


def _draw_all(axes: Axes, scaled: pd.Series) -> None:
    """Draw the distribution of all weights, and where the high-weight genes begin."""
    limit = max(np.abs(scaled).max() * 1.05, DEVIATIONS + 1)
    counts, edges, bars = axes.hist(scaled, bins=np.linspace(-limit, limit, 61), color=GREY)
    for bar, left in zip(bars, edges, strict=False):
        if left >= DEVIATIONS:
            bar.set_color(ORANGE)
        elif left < -DEVIATIONS:
            bar.set_color(BLUE)
    for edge in (-DEVIATIONS, DEVIATIONS):
        axes.axvline(edge, color=INK, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set(xlabel="weight (standard deviations)", ylabel="genes", ylim=(0.7, counts.max() * 2))
    n_low, n_high = int((scaled < -DEVIATIONS).sum()), int((scaled > DEVIATIONS).sum())
    axes.set_title(f"{n_low} and {n_high} high-weight genes", loc="left")


def _draw_side(axes: Axes, scaled: pd.Series, sign: int, colour: str, words: str) -> None:
    """Draw the genes with the largest weights of one side as bars, the largest on top."""
    order = np.argsort(-sign * scaled.to_numpy(), kind="stable")[:_GENES]
    values, names = scaled.to_numpy()[order] * sign, scaled.index[order]
    strong = values > DEVIATIONS
    axes.barh(
        range(len(values)), values, color=[colour if s else GREY for s in strong], height=0.75
    )
    axes.set_yticks(range(len(values)), names, fontsize=SMALL)
    axes.axvline(DEVIATIONS, color=INK, linestyle="--", linewidth=1)
    axes.set(ylim=(len(values) - 0.4, -0.6), xlabel="weight (standard deviations)")
    axes.set_xlim(min(0, values.min()), values.max() * 1.05)
    axes.set_title(textwrap.shorten(words, 34, placeholder=" …"), loc="left", color=colour)
    axes.tick_params(axis="y", length=0)


def _list_sets(axes: Axes, sets: pd.DataFrame) -> None:
    """List the gene sets of one side below its bars."""
    rows = sets.sort_values(["q", "p"], kind="stable").head(_SETS)
    lines = [
        f"{name.replace('_', ' ').lower()}  {overlap}/{size}  (q = {q:.0e})"
        for name, overlap, size, q in zip(
            *(rows[column] for column in ("gene_set", "overlap", "set_genes", "q")), strict=True
        )
    ]
    lines = ["gene sets:", *lines] if lines else ["no gene set"]
    lines += [" "] * (_SETS + 1 - len(lines))  # the same room on both sides
    axes.annotate(
        "\n".join(lines),
        (0, 0),
        (0, -42),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
        linespacing=1.3,
    )
