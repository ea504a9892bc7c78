"""Whether any neural model beats the linear baseline, and where: a sentence for people."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tybalt.analysis.control_rows import are_of_kind, names_of_rows
from tybalt.analysis.numbers import decimal, percent
from tybalt.plan.names import plural

#: The task whose controls the leaderboard has.
TASK = "explain"

#: How columns of contrasts begin, and what they hold.
KINDS = {"auroc": "the best feature", "readout": "the whole code"}
CONTRASTS = tuple(f"{kind}_" for kind in KINDS)


def neural_against_bar(board: pd.DataFrame, label: str) -> list[str]:
    """Say whether any neural model beats the bar of a leaderboard, and in which measures.

    Neural are the models that are trained epoch by epoch, and only those that see the blocks of
    the bar are compared with it. One with a mark (as started, say) has not learned, and does not
    count. In a measure a model beats the best bar, is behind it, or cannot be told from it
    (`told_apart`).

    Parameters
    ----------
    board
        ``leaderboard.tsv``.
    label
        What the label is called.

    Returns
    -------
    list of str
        A sentence for the models of the same blocks; none where a bar or a neural model lacks.
    """
    parts = [part for _, part in board.groupby("blocks")] if "blocks" in board else [board]
    return [line for part in parts for line in _compare(part, label)]


def _compare(board: pd.DataFrame, label: str) -> list[str]:
    bars = board[are_of_kind(board, TASK, "bar")]
    trained = board[board["control"].isna() & (board["epochs"] > 1)]
    marked = trained["mark"].fillna("") != ""
    neural = trained[~marked]
    if bars.empty or trained.empty:
        return []
    if neural.empty:
        told = [f"{n} ({m})" for n, m in zip(names_of_rows(trained), trained["mark"], strict=True)]
        return [
            f"No neural model is compared with the {bars['control'].iloc[0]}, as none has "
            f"learned: {_listed(told)}."
        ]
    measured = {
        name: words
        for name, words in measures(board, label).items()
        if bars[name].notna().any() and neural[name].notna().any()
    }
    bar = f"the {bars['control'].iloc[0]} ({', '.join(names_of_rows(bars))})"
    part = f"on {board['evaluated_on'].iloc[0]} samples"
    if "blocks" in board:
        part += f", of those that see {board['blocks'].iloc[0]}"
    found: dict[str, list[str]] = {"beat": [], "are not told from": [], "are behind": []}
    for name, words in measured.items():
        best, beaten = (rows.sort_values(name, ascending=False).iloc[0] for rows in (neural, bars))
        found[told_apart(name, best, beaten)].append(
            f"{words} ({_side_by_side(name, best, beaten)})"
        )
    won, tied, lost = found.values()
    first = (
        f"Neural models beat {bar} {part} in {_listed(won)}"
        if won
        else (f"No neural model beats {bar} {part}")
    )
    parts = [first]
    if tied:
        parts.append(f"they cannot be told from it in {_listed(tied)}, as intervals overlap")
    if lost:
        parts.append(f"they are behind in {_listed(lost)}")
    return [f"{'; '.join(parts)}."]


def told_apart(name: str, best: Mapping[str, Any], beaten: Mapping[str, Any]) -> str:
    """Say whether a model beats a bar in a measure, is behind it, or cannot be told from it.

    The best of several models surpasses a bar by luck every other time, so that intervals have to
    lie apart, which is stricter than a test of the difference (Schenker and Gentleman 2001,
    https://doi.org/10.1198/000313001317097960). Variance explained has none; there values count.
    """
    low, high = (_interval(name, row) for row in (best, beaten))
    if low is None or high is None:
        return "beat" if best[name] > beaten[name] else "are behind"
    if low[0] > high[1]:
        return "beat"
    return "are behind" if low[1] < high[0] else "are not told from"


def _interval(name: str, row: Mapping[str, Any]) -> tuple[float, float] | None:
    stem = name.removesuffix("_accuracy")
    low, high = row.get(f"{stem}_low"), row.get(f"{stem}_high")
    return None if pd.isna(low) or pd.isna(high) else (low, high)


def measures(board: pd.DataFrame, label: str) -> dict[str, str]:
    """Name the columns in which models are compared, those of the contrasts last; more is better.

    Where a value is 1 it cannot be beaten.
    """
    words = {"explained": "variance explained", "knn_accuracy": f"kNN accuracy of {plural(label)}"}
    for name in board:
        if name.startswith(CONTRASTS) and not name.endswith(("_low", "_high")):
            kind, _, contrast = name.partition("_")
            words[name] = f"{KINDS[kind]} for {contrast}"
    return {name: text for name, text in words.items() if name in board}


def _side_by_side(name: str, best: Mapping[str, Any], beaten: Mapping[str, Any]) -> str:
    """Write two values, and whose the first is."""
    write = decimal if name.startswith(CONTRASTS) else (lambda value: percent(value, 1))
    (who,) = names_of_rows(pd.DataFrame([best]))
    return f"{who} {write(best[name])} against {write(beaten[name])}"


def _listed(words: list[str]) -> str:
    """Write a list in words."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
