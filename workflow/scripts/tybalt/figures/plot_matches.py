"""How alike the codes of a dataset's models are: as a whole, and feature by feature."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tybalt.figures.shares import draw_shares
from tybalt.figures.style import add_note, new_figure, saves_figure, say_instead
from tybalt.jobs.files import read_table
from tybalt.plan.names import experiment_name

FIGURE_OF = "dataset"
NEEDS = ("explain", "several models")


@saves_figure
def plot_matches(matched_features: str, title: str) -> Figure:
    """Draw for every pair of models how much their codes share, models x models.

    Parameters
    ----------
    matched_features
        Output of `tybalt.analysis.stability.match_models`.
    title
        Whose models they are.
    """
    table = read_table(matched_features)
    figure = new_figure("How alike the codes of the models are", title)
    if table.empty:
        say_instead(figure, "There is one model only, so nothing to compare it with.")
        return figure
    table = table.assign(
        a=table["model_a"].combine(table["tuner_a"], experiment_name),
        b=table["model_b"].combine(table["tuner_b"], experiment_name),
        r=table["r"].abs(),
    )
    panels = figure.subplots(1, 2, sharey=True)
    image = draw_shares(panels[0], between_models(table, "svcca"), "whole codes: SVCCA")
    draw_shares(panels[1], between_models(table, "r"), "features matched one to one: mean |r|")
    names = between_models(table, "r").index
    panels[0].set_yticks(range(len(names)), names)
    figure.colorbar(image, ax=panels, shrink=0.6, pad=0.01)
    add_note(
        figure,
        "SVCCA (training samples): 1 if the smaller code is a linear function of the larger. "
        "Mean |r| (held-out samples): 1 if both have the same features; two codes can hold the "
        "same in other directions, and then only SVCCA is high. The smaller code decides how many "
        "are matched.",
    )
    return figure


def between_models(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the mean of a column for every pair of models, symmetric, 1 with itself."""
    names = list(dict.fromkeys([*table["a"], *table["b"]]))
    half = table.pivot_table(index="a", columns="b", values=column).reindex(names, axis=0)
    half = half.reindex(names, axis=1)
    whole = half.fillna(half.T).to_numpy(copy=True)
    np.fill_diagonal(whole, 1.0)
    return pd.DataFrame(whole, names, names)
