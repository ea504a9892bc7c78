"""Learning curves of all models of a dataset, beside the published ones."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tybalt.figures.plot_curves import IN_ONE_STEP, draw_curves, finish_curves
from tybalt.figures.style import INK, add_note, new_figure, saves_figure
from tybalt.jobs.files import read_table

FIGURE_OF = "dataset"
NEEDS = ("published curves",)


@saves_figure
def plot_published_curves(
    histories: Sequence[str],
    published: str,
    experiments: Sequence[Sequence[str]],
    title: str,
) -> Figure:
    """Draw the validation error of every model by epoch, and the published losses as points.

    Parameters
    ----------
    histories, experiments, title
        As in `tybalt.figures.plot_curves.plot_curves`.
    published
        resources/published_basics.tsv. Its rows of experiment `curve` are drawn: model, epoch,
        loss.
    """
    figure = new_figure("Learning curves of all models, beside published ones", title)
    axes = figure.subplots()
    handles, drawn = draw_curves(axes, histories, experiments)
    theirs = read_table(published)
    theirs = theirs[theirs["experiment"] == "curve"]
    handles += _draw_published(axes, theirs)
    finish_curves(figure, axes, handles, [*drawn, theirs["loss"].to_numpy()])
    note = (
        "Published points: their loss is printed as cross-entropy, ours is the mean squared "
        "error: compare the order and the fall, not the values. Validation samples repeat "
        "patterns of training samples."
    )
    add_note(figure, f"{IN_ONE_STEP} {note}")
    return figure


def _draw_published(axes: Axes, published: pd.DataFrame) -> list[Line2D]:
    """Draw the published losses as open markers, one kind for each model."""
    handles = []
    for marker, (model, curve) in zip("osD", published.groupby("model"), strict=False):
        handles += axes.plot(
            curve["epoch"],
            curve["loss"],
            linestyle="none",
            marker=marker,
            markersize=9,
            markerfacecolor="none",
            color=INK,
            label=f"{model}, published",
        )
    return handles
