"""How much of each planted factor of a simulated cohort every model has found."""

from matplotlib.figure import Figure

from tybalt.figures.shares import draw_shares
from tybalt.figures.style import add_note, new_figure, saves_figure
from tybalt.jobs.files import read_table
from tybalt.plan.names import experiment_name

FIGURE_OF = "dataset"
NEEDS = ("explain", "planted factors")

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
def plot_planted_factors(planted_factors: str, title: str) -> Figure:
    """Draw the share of each group of planted factors that codes explain, models x groups.

    Parameters
    ----------
    planted_factors
        Table of `tybalt.analysis.planted_factors.compare_planted_factors`.
    title
        Whose models they are.
    """
    table = read_table(planted_factors)
    models = table["model"].combine(table["tuner"], experiment_name)
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
    bar.set_label("R² on held-out samples")
    add_note(
        figure,
        "Fitted on training samples, measured on held-out ones; mean over the factors of a "
        "group, in brackets their number. Below 0 (worse than predicting the mean) is drawn as 0.",
    )
    return figure
