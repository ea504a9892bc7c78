"""True against reconstructed values, gene by gene, for matrices of a few genes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tybalt.analysis.numbers import number
from tybalt.data.matrix import held_out_part
from tybalt.figures.style import (
    BLUE,
    GREY,
    MEDIUM,
    ORANGE,
    add_note,
    best_grid,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import read_table

FIGURE_OF = "experiment"
NEEDS = ("reconstruct", "few features")

#: Genes with so few distinct values are spread sideways.
_FEW_VALUES = 5


@saves_figure
def plot_agreement(values: str, title: str) -> Figure:
    """Draw every value against its reconstruction, one panel for each gene.

    Parameters
    ----------
    values
        Table of `tybalt.analysis.encoding.tabulate_values`: sample, split, gene, true,
        reconstructed.
    title
        Whose model it is.
    """
    table = read_table(values)
    held_out = held_out_part(table["split"])
    genes = list(dict.fromkeys(table["gene"]))
    figure = new_figure("True and reconstructed values", title)
    height, width = best_grid(len(genes))
    panels = figure.subplots(height, width, sharex=True, sharey=True, squeeze=False)
    for panel, gene in zip(panels.flat, genes, strict=False):
        _draw_gene(panel, table[table["gene"] == gene], held_out)
    for panel in panels.flat[len(genes) :]:
        panel.remove()
    for panel in panels[-1]:
        panel.set_xlabel("true")
    figure.supylabel("reconstructed", fontsize=MEDIUM)
    legend_beside(
        figure,
        [
            _point("training samples", GREY),
            _point(f"{held_out} samples", ORANGE),
            Line2D([], [], color=BLUE, linewidth=1.2, label="as it should be"),
        ],
    )
    spread = table.groupby("gene")["true"].nunique().max() <= _FEW_VALUES
    add_note(
        figure,
        f"MSE: over the {held_out} samples."
        + (" True values are 0 or 1, and spread sideways a little." if spread else ""),
    )
    return figure


def _point(label: str, colour: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker="o", markersize=7, color=colour, label=label)


def _draw_gene(panel: Axes, rows: pd.DataFrame, held_out: str) -> None:
    """Draw one gene: training samples behind, the held-out ones in front."""
    few = rows["true"].nunique() <= _FEW_VALUES
    for part, colour in (("train", GREY), (held_out, ORANGE)):
        drawn = rows[rows["split"] == part]
        apart = 0.2 * ((np.arange(len(drawn)) * 0.618034) % 1 - 0.5) if few else 0.0
        panel.scatter(
            drawn["true"] + apart,
            drawn["reconstructed"],
            s=9,
            color=colour,
            linewidths=0,
            alpha=0.7,
        )
    shown = rows[rows["split"] == held_out]
    mse = float(np.mean((shown["true"] - shown["reconstructed"]) ** 2))
    panel.plot([0, 1], [0, 1], color=BLUE, linewidth=1.2, zorder=0)
    panel.set_title(f"{rows['gene'].iloc[0]}: MSE {number(mse, 2)}", loc="left")
    panel.grid()
