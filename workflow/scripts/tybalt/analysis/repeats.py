"""What a study finds with one split of its samples and with others, side by side."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tybalt.analysis.findings import oriented
from tybalt.analysis.marks import CONFIRMED, NOT_TESTABLE
from tybalt.jobs.files import read_table, write_table

log = logging.getLogger(__name__)

#: Below this number of samples, repeats are recommended. At the default share of 0.1 fewer than 50
#: samples evaluate, on which a share of 0.9 has a standard error of more than 0.04
#: (sqrt(0.9 x 0.1 / 50), the binomial distribution's).
FEW_SAMPLES = 500

#: Repeats that are recommended then: the fewest of which the standard deviation is known to about a
#: third (1 / sqrt(2 (r - 1)), of values that are normally distributed).
RECOMMENDED = 5

#: What a row of the table is about.
MEASURE, CONTRAST = "measure", "contrast"

#: Columns before those of each repeat.
LEADING = ["model", "tuner", "control", "kind", "name", "named", "evaluated_on"]
LEADING += ["known", "testable", "confirmed", "mean", "sd", "lowest", "highest"]

_KEYS = ["model", "tuner", "control"]


def compare_repeats(
    leaderboards: Sequence[str],
    findings: Sequence[str],
    experiments: Sequence[Sequence[str]],
    repeats: str,
) -> None:
    """Put what every repeat of a dataset gave into one table, with mean and range.

    Each value comes from one split: it is measured on held-out samples that its own models, genes
    and settings have not seen. Rows of different splits are never pooled, as a held-out sample of
    one is a training sample of another, and no interval is formed of them: repeats share most of
    their training samples, so that sd / sqrt(r) understates what is unknown of the mean (Nadeau
    and Bengio 2003, Machine Learning 52:239-281, https://doi.org/10.1023/A:1024068626366). Read
    range and sd as what one split may show by luck.

    Parameters
    ----------
    leaderboards
        leaderboard.tsv of every repeat, the dataset's own first.
    findings
        findings.tsv of every experiment, of the first repeat, then of the next.
    experiments
        (model, tuner) of each experiment of one repeat.
    repeats
        Output table. A row for each model or control and each measure of the leaderboard (`kind`
        measure; neither the interval of a single split, nor the AUROC of contrasts, which have rows
        of their own), and for each model and contrast (`kind` contrast): the effect on held-out
        samples of the feature that this repeat chose on its training samples, in the direction seen
        there (AUROC, chance 0.5, or Spearman's rho, chance 0). `known`: repeats with a value, of
        which mean, sd (n - 1), lowest and highest are; `testable` and `confirmed`: in how many
        repeats a contrast was; `repeat_1` ...: the values, missing where it was not testable.
    """
    boards = [read_table(path) for path in leaderboards]
    count = len(experiments)
    tables = [read_table(path) for path in findings]
    found = [
        tabulate_findings(tables[start : start + count], experiments)
        for start in range(0, len(tables), count)
    ]
    table = pd.concat([compare_boards(boards), compare_findings(found)], ignore_index=True)
    write_table(table[[*LEADING, *columns_of(len(boards))]], repeats)
    contrasts = table[table["kind"] == CONTRAST]
    log.info(
        "%d repeats: of %d contrasts and models %d are confirmed in all, %d in some",
        len(boards),
        len(contrasts),
        int((contrasts["confirmed"] == len(boards)).sum()),
        int(contrasts["confirmed"].between(1, len(boards) - 1).sum()),
    )


def columns_of(count: int) -> list[str]:
    """Name the columns of so many repeats."""
    return [f"repeat_{number}" for number in range(1, count + 1)]


def measures_of(board: pd.DataFrame) -> list[str]:
    """List the columns of a leaderboard that are measures of a model on one split."""
    numbers = board.select_dtypes("number").columns
    return [
        name
        for name in numbers
        if not name.startswith("auroc_") and not name.endswith(("_low", "_high"))
    ]


def compare_boards(boards: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Compare the leaderboards of all repeats: a row for each row of theirs and each measure."""
    first = boards[0]
    indexed = [_by_experiment(board) for board in boards]
    rows = []
    for key, row in zip(_by_experiment(first).index, first.to_dict("records"), strict=True):
        for name in measures_of(first):
            values = [board.at[key, name] if name in board else np.nan for board in indexed]
            rows.append(
                {**{each: row[each] for each in _KEYS}, "kind": MEASURE, "name": name}
                | {"evaluated_on": row["evaluated_on"], **summarise(values)}
            )
    table = pd.DataFrame(rows)
    return table[table["known"] > 0].reset_index(drop=True)


def _by_experiment(board: pd.DataFrame) -> pd.DataFrame:
    keys = pd.MultiIndex.from_frame(board[_KEYS].fillna(""))
    return board.set_axis(keys, axis=0)


def tabulate_findings(
    tables: Sequence[pd.DataFrame], experiments: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """Join the findings of all experiments of one repeat, with the effect in one direction.

    Returns
    -------
    pandas.DataFrame
        Index: model, tuner, contrast; `effect` (NaN where it was not testable), `testable` and
        `confirmed` (bool), `named`, `evaluated_on`.
    """
    rows = [
        {
            **{"model": model, "tuner": tuner, "contrast": row["contrast"]},
            "effect": np.nan if row["verdict"] == NOT_TESTABLE else oriented(row).test,
            "testable": row["verdict"] != NOT_TESTABLE,
            "confirmed": row["verdict"] == CONFIRMED,
            "named": row["named"],
            "evaluated_on": row["evaluated_on"],
        }
        for (model, tuner), table in zip(experiments, tables, strict=True)
        for row in table.to_dict("records")
    ]
    columns = ["model", "tuner", "contrast", "effect", "testable", "confirmed", "named"]
    table = pd.DataFrame(rows, columns=[*columns, "evaluated_on"])
    return table.set_index(columns[:3])


def compare_findings(repeats: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Compare the findings of all repeats (`tabulate_findings`), a row for each model and contrast.

    The contrasts are the same in all, as they follow from the samples and not from their split.
    """
    rows = []
    for key, row in repeats[0].iterrows():
        there = [table.loc[key] for table in repeats]
        rows.append(
            {**dict(zip(("model", "tuner", "name"), key, strict=True)), "kind": CONTRAST}
            | {"named": row["named"], "evaluated_on": row["evaluated_on"]}
            | {each: sum(bool(one[each]) for one in there) for each in ("testable", "confirmed")}
            | summarise([one["effect"] for one in there])
        )
    columns = [*LEADING, *columns_of(len(repeats))]
    counts = dict.fromkeys(("testable", "confirmed"), "Int64")
    return pd.DataFrame(rows, columns=columns).astype(counts)


def summarise(values: Sequence[float]) -> dict[str, float]:
    """Return the values of all repeats, and of those that are known mean, sd and range.

    Returns
    -------
    dict
        `known`: how many; `mean`, `sd` (n - 1; NaN of a single one), `lowest` and `highest`; and
        the values as `repeat_1`, ...
    """
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").astype(float)
    return {
        "known": int(numbers.notna().sum()),
        "mean": numbers.mean(),
        "sd": numbers.std(ddof=1),
        "lowest": numbers.min(),
        "highest": numbers.max(),
        **dict(zip(columns_of(len(numbers)), numbers, strict=True)),
    }


def recommend(samples: int, repeats: int, method: str) -> list[str]:
    """Recommend repeats of few samples that are split only once; nothing otherwise.

    Parameters
    ----------
    samples
        How many there are.
    repeats
        How often they are split.
    method
        `split.method`: the published split cannot be repeated.
    """
    if samples >= FEW_SAMPLES or repeats > 1:
        return []
    how = "" if method == "stratified" else "split.method: stratified and "
    return [
        f"{samples:,} samples, split once: with fewer than {FEW_SAMPLES}, luck has a large part in "
        f"which of them evaluate; set {how}split.repeats: {RECOMMENDED} to have every result with "
        "its mean and range over as many splits."
    ]
