"""Learning curves of all models of a dataset on one axis, beside published ones where there are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tybalt.figures.settings import is_logarithmic
from tybalt.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PINK,
    SKY,
    add_note,
    legend_beside,
    new_figure,
    number,
    saves_figure,
)
from tybalt.jobs.files import read_table
from tybalt.plan.names import experiment_name

_COLOURS = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)
_STYLES = ("-", "--", ":")


@saves_figure
def plot_curves(
    histories: Sequence[str],
    experiments: Sequence[Sequence[str]],
    published: Sequence[str],
    title: str,
) -> Figure:
    """Draw the validation error of every model of a dataset by epoch.

    Parameters
    ----------
    histories
        Tables with one row per epoch, one for each model: epoch, validation_mse ...
    experiments
        (model, tuner) of each, in the same order.
    published
        resources/published_basics.tsv if it has curves for these data, else nothing. Its rows of
        experiment `curve` are drawn: model, epoch, loss.
    title
        Whose models they are.
    """
    figure = new_figure("Learning curves of all models", title)
    axes = figure.subplots()
    handles, drawn = [], []
    for i, (path, experiment) in enumerate(zip(histories, experiments, strict=True)):
        table = read_table(path).sort_values("epoch")
        error = table["validation_mse"].to_numpy()
        look = {
            "color": _COLOURS[i % len(_COLOURS)],
            "linestyle": _STYLES[(i // len(_COLOURS)) % len(_STYLES)],
            "linewidth": 2,
            "label": f"{experiment_name(*experiment)}: {number(error.min(), 3)}",
        }
        drawn.append(error)
        if len(table) == 1:  # fitted in one step
            handles.append(axes.axhline(error[0], **(look | {"linestyle": "-."})))
        else:
            handles += axes.plot(table["epoch"], error, **look)
    for path in published:
        handles += _draw_published(axes, read_table(path))
        drawn.append(_curves(read_table(path))["loss"].to_numpy())
    if is_logarithmic(np.concatenate(drawn)):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="validation MSE", xlim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="y")
    legend_beside(figure, handles, title="model: lowest MSE", rows=20)
    notes = ["Models fitted in one step are dash-dotted levels."]
    if published:
        notes.append(
            "Published points: their loss is printed as cross-entropy, ours is the mean squared "
            "error: compare the order and the fall, not the values. Validation samples repeat "
            "patterns of training samples."
        )
    add_note(figure, " ".join(notes))
    return figure


def _curves(published: pd.DataFrame) -> pd.DataFrame:
    return published[published["experiment"] == "curve"]


def _draw_published(axes: object, published: pd.DataFrame) -> list[Line2D]:
    """Draw the published losses as open markers, one kind for each model."""
    handles = []
    for marker, (model, curve) in zip("osD", _curves(published).groupby("model"), strict=False):
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
