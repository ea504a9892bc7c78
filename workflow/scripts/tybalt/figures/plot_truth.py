"""How much of each planted factor of a simulated cohort every model has found."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tybalt.figures.style import MEDIUM, SMALL, add_note, new_figure, saves_figure
from tybalt.files import read_table

#: Panels: column of the table -> title.
PANELS = {
    "r2_linear": "whole code, linear",
    "r2_neighbours": "whole code, nearest neighbours",
    "r2_feature": "best single feature",
}

#: Groups of factors as people would say them; the rest are words already.
WORDS = {
    "type": "cancer types",
    "system": "organ systems",
    "subtype": "subtypes",
    "normal": "tumour against normal",
    "phase": "phase (nonlinear)",
    "batch": "batches",
    "state": "unnamed states",
    "y_chromosome": "Y chromosome",
    "x_inactivation": "X inactivation",
}


@saves_figure
def plot_truth(truth_table: str, title: str) -> Figure:
    """Draw the share of each group of planted factors that codes explain, models x groups.

    Parameters
    ----------
    truth_table
        Table of `tybalt.truth.compare_grades`.
    title
        Whose models they are.
    """
    table = read_table(truth_table)
    models = table["model"] + ", " + table["tuner"]
    figure = new_figure("What was planted, and how much of it each code explains", title)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for panel, (column, heading) in zip(panels, PANELS.items(), strict=True):
        values = table.assign(model=models).pivot_table(
            index="group", columns="model", values=column, sort=False, dropna=False
        )
        image = draw_shares(panel, values, heading)
    counts = table.drop_duplicates("group").set_index("group")["factors"]
    labels = [f"{WORDS.get(name, name)} ({count})" for name, count in counts.items()]
    panels[0].set_yticks(range(len(labels)), labels)
    bar = figure.colorbar(image, ax=panels, shrink=0.6, pad=0.01)
    bar.set_label("R² on judged samples")
    add_note(
        figure,
        "Fitted on training samples, measured on the judged ones; mean over the factors of a "
        "group, in brackets their number. Below 0 (worse than predicting the mean) is drawn as 0.",
    )
    return figure


def draw_shares(axes: Axes, values: pd.DataFrame, heading: str) -> object:
    """Draw groups x models as shades with numbers; return the image."""
    image = axes.imshow(values.clip(0, 1), cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_title(heading)
    axes.set_xticks(range(values.shape[1]), values.columns, rotation=60, ha="right", fontsize=SMALL)
    size = MEDIUM - 2 if values.shape[1] <= 6 else SMALL - 3
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        if np.isfinite(value):
            shade = "white" if value < 0.6 else "black"
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=size, color=shade
            )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image
