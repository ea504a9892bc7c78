"""Best score so far by what it cost: all tuners of one model on one axis."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import gammaln

from tybalt.figures.settings import is_logarithmic, read_settings, score_label
from tybalt.figures.style import (
    AMBER,
    BLUE,
    GREEN,
    MEDIUM,
    ORANGE,
    PINK,
    SKY,
    add_note,
    legend_beside,
    new_figure,
    number,
    saves_figure,
)

FIGURE_OF = "dataset"
NEEDS = ("searched",)
NAME = "progress_{model}"

_COLOURS = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY)
_BAND = (0.05, 0.95)


@dataclasses.dataclass(frozen=True)
class Search:
    """The trainings of one tuner, in its order.

    Attributes
    ----------
    score
        The best score of each training (over the epochs that it answers); infinite if it diverged.
    runs, epochs
        What each training cost: executions, and epochs over all of them.
    ordered
        Whether the order means something: a closed loop learns from earlier rounds, a grid or a
        random sample does not.
    """

    score: np.ndarray
    runs: np.ndarray
    epochs: np.ndarray
    ordered: bool


@saves_figure
def plot_progress(
    searches: Sequence[str], tuners: Sequence[str], objective: str, title: str
) -> Figure:
    """Draw the best score so far by trainings and by epochs spent, one line for each tuner.

    Parameters
    ----------
    searches
        Tables of the searches, see `tybalt.figures.settings.Settings`.
    tuners
        Their names, in the same order.
    objective
        ``elbo`` or ``reconstruction``: what the score is (lower is better).
    title
        Whose searches they are.
    """
    label = score_label(objective)
    found = {name: read_search(path) for name, path in zip(tuners, searches, strict=True)}
    figure = new_figure("Best score so far, by what it cost", title)
    units = {"trainings": "runs"}
    if len({epochs for s in found.values() for epochs in s.epochs / s.runs}) > 1:
        units["epochs of all trainings"] = "epochs"
    panels = figure.subplots(1, len(units), sharey=True, squeeze=False)[0]
    lines = {}
    for panel, (unit, cost) in zip(panels, units.items(), strict=True):
        for colour, (name, search) in zip(_COLOURS * len(found), found.items(), strict=False):
            lines[name] = draw_search(panel, search, getattr(search, cost), colour)
            lines[name].set_label(f"{name}: {number(search.score.min())}")
        panel.set_xlabel(unit)
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.xaxis.set_major_formatter(lambda value, _: number(value))
        panel.grid(axis="y")
    _set_scores(panels[0], found)
    panels[0].set_ylabel(f"best {label} so far", fontsize=MEDIUM)
    legend_beside(figure, lines.values(), title="tuner: best at last")
    add_note(figure, _describe(found))
    return figure


def read_search(trials: str) -> Search:
    """Read what each training of a search cost and reached; an empty slot cost nothing.

    A training that later rounds went on with has one row, that of its last round.
    """
    table = read_settings(trials).table
    table = table[table["status"] != "empty"]
    trainings = table.groupby(["round", "trial"], as_index=False).agg(
        score=("mean", "min"), runs=("n", "first"), epochs=("epochs_spent", "sum")
    )
    trainings["number"] = trainings["round"].str[1:].astype(int)
    trainings = trainings.sort_values(["number", "trial"])
    return Search(
        score=trainings["score"].fillna(np.inf).to_numpy(float),
        runs=trainings["runs"].to_numpy(float),
        epochs=trainings["epochs"].to_numpy(float),
        ordered=bool(trainings["trial"].str.startswith("s").all()),
    )


def draw_search(axes: Axes, search: Search, cost: np.ndarray, colour: str) -> object:
    """Draw the best so far: of an ordered search as it went, of another over all its orders."""
    if search.ordered:
        spent = np.cumsum(cost)
        axes.plot(spent, search.score, ".", color=colour, alpha=0.5, markersize=7)
        best = np.minimum.accumulate(search.score)
    else:
        spent = cost.mean() * np.arange(1, len(cost) + 1)
        low, best, high = best_of_random_orders(search.score, (_BAND[0], 0.5, _BAND[1]))
        axes.fill_between(spent, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
    known = np.isfinite(best)
    (line,) = axes.step(spent[known], best[known], where="post", color=colour, linewidth=2.2)
    axes.plot(spent[-1], best[-1], "o", color=colour, markersize=7)
    return line


def best_of_random_orders(score: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """Return quantiles of the best of the first 1, 2 ... n scores over all orders of them.

    The best of k out of n scores is above the i-th smallest in C(n - i, k) of C(n, k) choices.
    (An exact form, without replacement, of Dodge 2019, https://aclanthology.org/D19-1224.)

    Parameters
    ----------
    score
        n scores; infinite where a training diverged.
    shares
        Quantiles, 0 to 1.

    Returns
    -------
    list of numpy.ndarray
        Per quantile, n values: entry k - 1 belongs to k trainings.
    """
    n = len(score)
    ordered = np.sort(score)
    i, k = np.arange(1, n + 1)[:, None], np.arange(1, n + 1)[None, :]
    left = n - i - k
    log_share = np.where(
        left >= 0,
        gammaln(n - i + 1) - gammaln(np.maximum(left, 0) + 1) + gammaln(n - k + 1) - gammaln(n + 1),
        -np.inf,
    )
    reached = 1 - np.exp(log_share)  # share of orders whose best of k is at most the i-th smallest
    return [ordered[np.argmax(reached >= share - 1e-12, axis=0)] for share in shares]


def _set_scores(axes: Axes, searches: dict[str, Search]) -> None:
    """Choose the axis of the score; what the worst tenth of the trainings reached is left out."""
    score = np.concatenate([search.score for search in searches.values()])
    score = score[np.isfinite(score)]
    low, high = score.min(), np.quantile(score, 0.9)
    if is_logarithmic(score):
        axes.set_yscale("log")
        room = (high / low) ** 0.06 if high > low else 1.5
        axes.set_ylim(low / room, high * room)
    else:
        room = 0.06 * (high - low) or 0.5
        axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))


def _describe(searches: dict[str, Search]) -> str:
    """Say in what order the trainings stand."""
    loose = [name for name, search in searches.items() if not search.ordered]
    ordered = [name for name, search in searches.items() if search.ordered]
    notes = []
    if loose:
        notes.append(
            f"{', '.join(loose)}: the trainings have no order of their own; the line is the median "
            "over all orders, the band holds 90 % of them."
        )
    if ordered:
        notes.append(
            f"{', '.join(ordered)}: in the order of the search, points are single trainings."
        )
    diverged = {name: int(np.isinf(s.score).sum()) for name, s in searches.items()}
    words = ", ".join(f"{n} ({name})" for name, n in diverged.items() if n)
    if words:
        notes.append(f"Diverged trainings count as spent: {words}.")
    notes.append("The worst tenth of the scores may lie above the axis.")
    return " ".join(notes)
