"""The genes behind the feature of a contrast: the largest weights of both sides."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.analysis.associations import FALSE_DISCOVERY_RATE
from tybalt.analysis.findings import (
    measure_name,
    oriented,
    read_finding,
    sentence,
    stability_in_words,
)
from tybalt.analysis.gene_set_enrichment import DEVIATIONS, LARGEST_Q, MINIMUM_GENES
from tybalt.analysis.marks import YES
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

#: Letters of a heading that fit with "Genes: " before them.
_HEADING = 88

#: Bars that a side has room for at least, so that few are not as thick as a panel.
_ROOM = 8

#: Gene sets listed below each side.
_SETS = 4


@saves_figure
def plot_genes(
    gene_weights: str,
    gene_sets: str,
    gene_differences: str,
    findings: str,
    contrast: str,
    title: str,
) -> Figure:
    """Draw the genes with the largest weights on both sides of the feature of a contrast.

    Parameters
    ----------
    gene_weights
        Table gene, z1 ... zK.
    gene_sets
        Gene sets behind each side of each feature.
    gene_differences
        How the high-weight genes of each contrast's best feature differ in expression.
    findings
        Table of all contrasts, each with its best feature.
    contrast
        Name of the contrast in these tables.
    title
        Whose feature it is.
    """
    best = read_finding(findings, contrast)
    said = sentence(contrast, best)
    heading = f"Genes: {said}" if len(said) < _HEADING else said
    heading = textwrap.shorten(heading, _HEADING + len("Genes: "), placeholder=" …")
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
    sets = sets[(sets["feature"] == best["feature"]) & (sets["named"] == "yes")]
    differences = read_table(gene_differences)
    differences = differences[differences["contrast"] == contrast]
    is_claimed = best["separates"] == YES
    middle, low, high = figure.subplots(1, 3, width_ratios=(1.3, 1, 1))
    _draw_all(middle, scaled, is_claimed)
    words = _sides_in_words(best) if is_claimed else dict.fromkeys(("higher", "lower"))
    for name, axes, colour in (("lower", low, BLUE), ("higher", high, ORANGE)):
        mine = differences[differences["direction"] == name]
        side = "negative" if turned == (name == "higher") else "positive"
        _draw_side(axes, mine, colour, f"{side} weights of {best['feature']}", words[name])
        _list_sets(axes, sets[sets["side"] == side] if is_claimed else sets.head(0), best)
    add_note(figure, _describe(best, len(weights), is_claimed))
    return figure


def _describe(best: pd.Series, genes: int, is_claimed: bool) -> str:
    """Say what the bars and the numbers are."""
    measure = measure_name(best)
    text = (
        f"Bars: genes beyond {DEVIATIONS} standard deviations from the mean weight of {genes:,}. "
        f"Beside them the {measure} of their expression within the contrast’s strata, training and "
        f"{best['evaluated_on']} samples. "
    )
    if not is_claimed:
        return f"{text}The contrast is {best['verdict']}, so nothing is said of its genes."
    return (
        f"{text}Full: expression differs as the weight says (q ≤ {FALSE_DISCOVERY_RATE:g} in "
        f"training, the same direction in {best['evaluated_on']} samples); hollow: it does not. "
        f"Sets: over-represented among these genes and by the ranks of all weights (q ≤ "
        f"{LARGEST_Q:g} each, {MINIMUM_GENES} genes or more; others: features that have it too). "
        f"{stability_in_words(best)}"
    )


def _sides_in_words(best: pd.Series) -> dict[str, str]:
    """Say what expression does in the positive samples of the contrast, for full bars."""
    description = best["description"].partition(", within")[0]
    if best["measure"] != "auroc":
        return {"higher": f"with more {description}", "lower": f"with less {description}"}
    positive, _, negative = description.partition(" against ")
    return {"higher": f"higher in {positive}", "lower": f"higher in {negative}"}


def _draw_all(axes: Axes, scaled: pd.Series, is_claimed: bool) -> None:
    """Draw the distribution of all weights, and where the high-weight genes begin."""
    limit = max(np.abs(scaled).max() * 1.05, DEVIATIONS + 1)
    # a limit of the bins lies on either threshold
    steps = np.arange(1, np.ceil(limit / DEVIATIONS * 10) + 1) * DEVIATIONS / 10
    bins = np.concatenate([-steps[::-1], [0.0], steps])
    counts, edges, bars = axes.hist(scaled, bins=bins, color=GREY)
    for bar, left, right in zip(bars, edges, edges[1:], strict=False):
        if is_claimed and left >= DEVIATIONS - 1e-9:
            bar.set_color(ORANGE)
        elif is_claimed and right <= -DEVIATIONS + 1e-9:
            bar.set_color(BLUE)
    for edge in (-DEVIATIONS, DEVIATIONS):
        axes.axvline(edge, color=INK, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.set(xlabel="weight (standard deviations)", ylabel="genes", ylim=(0.7, counts.max() * 2))
    n_low, n_high = int((scaled < -DEVIATIONS).sum()), int((scaled > DEVIATIONS).sum())
    axes.set_title(f"{n_low} and {n_high} high-weight genes", loc="left")


def _draw_side(
    axes: Axes, genes: pd.DataFrame, colour: str, heading: str, words: str | None
) -> None:
    """Draw the high-weight genes of one side as bars, the largest weight on top.

    `words` say what a full bar means; None where nothing is said of the genes.
    """
    genes = genes.sort_values("rank", kind="stable")
    sizes = genes["deviations"].abs().to_numpy()
    agrees = (genes["agrees"] == "yes").to_numpy()
    fill = colour if words else GREY
    faces = [fill if agreeing or not words else "white" for agreeing in agrees]
    axes.barh(range(len(sizes)), sizes, color=faces, edgecolor=fill, height=0.75)
    axes.set_yticks(range(len(sizes)), genes["gene"], fontsize=SMALL)
    rows = max(len(sizes), _ROOM)
    right = max(sizes, default=DEVIATIONS) * 1.05
    for y, (size, row) in enumerate(zip(sizes, genes.to_dict("records"), strict=True)):
        if np.isfinite(row["effect_train"]):
            text = f" {row['effect_train']:.2f}, {row['effect_test']:.2f}".replace("nan", "–")
            axes.text(size, y, text, va="center", fontsize=SMALL)
    axes.set(ylim=(rows - 0.4, -0.6), xlabel="weight (standard deviations)")
    axes.set_xlim(0, right * 1.35)
    axes.tick_params(axis="y", length=0)
    meaning = textwrap.shorten(f"full: {words}", 34, placeholder=" …") if words else "not confirmed"
    axes.set_title(f"{heading}\n{meaning}", loc="left", color=colour if words else INK)


def _list_sets(axes: Axes, sets: pd.DataFrame, best: pd.Series) -> None:
    """List the gene sets of one side below its bars, if the feature comes back."""
    unstable = best["comes_back"] != YES
    rows = sets.sort_values(["q", "p"], kind="stable").head(0 if unstable else _SETS)
    lines = [
        f"{row['gene_set'].replace('_', ' ').lower()}  {row['overlap']}/{row['set_genes']}  (q = "
        f"{row['q']:.0e}; also in {row['other_features']} other"
        f"{'' if row['other_features'] == 1 else 's'})"
        for row in rows.to_dict("records")
    ]
    none = "no gene set" if sets.empty or not unstable else "gene sets: not named, as not stable"
    lines = ["gene sets:", *lines] if lines else [none]
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
