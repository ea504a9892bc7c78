"""Learning curves of all models of a dataset on one axis, beside published ones where there are."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tybalt.analysis.numbers import number
from tybalt.figures.settings import is_logarithmic
from tybalt.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    ORANGE,
    PINK,
    SKY,
    add_note,
    legend_beside,
    new_figure,
    saves_figure,
)
from tybalt.jobs.files import read_table
from tybalt.plan.names import experiment_name

FIGURE_OF = "dataset"
NEEDS = ()

_COLOURS = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)
_STYLES = ("-", "--", ":")

IN_ONE_STEP = "Models fitted in one step are dash-dotted levels."


@saves_figure
def plot_curves(
    histories: Sequence[str], experiments: Sequence[Sequence[str]], title: str
) -> Figure:
    """Draw the validation error of every model of a dataset by epoch.

    Parameters
    ----------
    histories
        Tables with one row per epoch, one for each model: epoch, validation_mse ...
    experiments
        (model, tuner) of each, in the same order.
    title
        Whose models they are.
    """
    figure = new_figure("Learning curves of all models", title)
    axes = figure.subplots()
    handles, drawn = draw_curves(axes, histories, experiments)
    finish_curves(figure, axes, handles, drawn)
    add_note(figure, IN_ONE_STEP)
    return figure


def draw_curves(
    axes: Axes, histories: Sequence[str], experiments: Sequence[Sequence[str]]
) -> tuple[list[Line2D], list[np.ndarray]]:
    """Draw the curves; return their legend entries and the errors that were drawn."""
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
    return handles, drawn


def finish_curves(
    figure: Figure, axes: Axes, handles: Sequence[Line2D], drawn: Sequence[np.ndarray]
) -> None:
    """Choose the scale of the errors, name the axes and add the legend."""
    if is_logarithmic(np.concatenate(drawn)):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="validation MSE", xlim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(axis="y")
    legend_beside(figure, handles, title="model: lowest MSE", rows=20)
