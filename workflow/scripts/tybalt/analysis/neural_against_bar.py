"""Whether any neural model beats the linear baseline, and where: a sentence for people."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tybalt.analysis.control_rows import are_of_kind, names_of_rows
from tybalt.analysis.numbers import decimal, percent
from tybalt.plan.names import plural

#: The task whose controls the leaderboard has.
TASK = "explain"

#: Where the columns of a contrast begin.
CONTRAST = "auroc_"


def neural_against_bar(board: pd.DataFrame, label: str) -> list[str]:
    """Say whether any neural model beats the bar of a leaderboard, and in which measures.

    Neural are the models that are trained epoch by epoch, and only those that see the blocks of
    the bar are compared with it. One with a mark (as started, say) has not learned, and does not
    count. A model beats the bar in a measure where its value is larger than
    that of the best bar; whether their 95 % intervals overlap is said, where both have one.

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
            f"learned: {_listed(told, 'and')}."
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
    won, lost = [], []
    for name, words in measured.items():
        best, beaten = (rows.sort_values(name, ascending=False).iloc[0] for rows in (neural, bars))
        if best[name] > beaten[name]:
            won.append(f"in {words} ({_side_by_side(name, best, beaten)})")
        else:
            lost.append(words)
    if not won:
        return [f"No neural model beats {bar} {part}: not in {_listed(lost, 'or')}."]
    rest = f"; none does in {_listed(lost, 'or')}" if lost else ""
    return [f"Neural models beat {bar} {part} {_listed(won, 'and')}{rest}."]


def measures(board: pd.DataFrame, label: str) -> dict[str, str]:
    """Name the columns in which models are compared, those of the contrasts last; more is better.

    Where a value is 1 it cannot be beaten.
    """
    contrasts = [
        name for name in board if name.startswith(CONTRAST) and not name.endswith(("_low", "_high"))
    ]
    words = {"explained": "variance explained", "knn_accuracy": f"kNN accuracy of {plural(label)}"}
    words |= {name: f"the best feature for {name.removeprefix(CONTRAST)}" for name in contrasts}
    return {name: text for name, text in words.items() if name in board}


def _side_by_side(name: str, best: Mapping[str, Any], beaten: Mapping[str, Any]) -> str:
    """Write two values, whose they are, and whether they can be told apart."""
    stem = name.removesuffix("_accuracy")
    write = decimal if name.startswith(CONTRAST) else (lambda value: percent(value, 1))
    low, high = best.get(f"{stem}_low"), beaten.get(f"{stem}_high")
    known = pd.notna(low) and pd.notna(high)
    overlap = (", the intervals overlap" if low <= high else ", intervals apart") if known else ""
    (who,) = names_of_rows(pd.DataFrame([best]))
    return f"{who} {write(best[name])} against {write(beaten[name])}{overlap}"


def _listed(words: list[str], conjunction: str) -> str:
    """Write a list in words."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
