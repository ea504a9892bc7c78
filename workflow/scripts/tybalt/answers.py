"""The feature that answers each question of a dataset best, judged in one place for all pages."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tybalt.files import read_table

#: A feature is said to tell a signal only from this AUROC on, on samples that did not choose it.
LEAST_AUROC = 0.7


class Answer(NamedTuple):
    """The feature that ranks first for a question on training samples.

    The AUROCs are those of the more extreme values that positive samples have in training, so 0.5
    is chance and more is better, whatever the sign of the feature.
    """

    question: str
    feature: str
    higher: bool
    train: float
    test: float
    low: float
    high: float
    positive: int
    negative: int
    judged_on: str
    verdict: str


def read_answers(associations: str) -> list[Answer]:
    """Read one answer for each question of an associations table."""
    table = read_table(associations)
    return [answer(row) for row in table[table["rank"] == 1].to_dict("records")]


def answer(row: Mapping[str, Any]) -> Answer:
    """Judge one row of the table.

    A finding is confirmed if, on the judged samples and in the direction seen in training, the
    AUROC is at least `LEAST_AUROC` and its 95 % interval lies above 0.5.
    """
    higher = row["auroc_train"] >= 0.5
    train = row["auroc_train"]
    test, low, high = row["auroc_test"], row["auroc_test_low"], row["auroc_test_high"]
    if not higher:
        train, test, low, high = 1 - train, 1 - test, 1 - high, 1 - low
    if row["testable"] != "yes":
        verdict = f"not testable: {row['testable']}"
    else:
        verdict = "confirmed" if test >= LEAST_AUROC and low > 0.5 else "not confirmed"
    return Answer(
        row["signal"],
        row["feature"],
        higher,
        train,
        test,
        low,
        high,
        row["n_positive_test"],
        row["n_negative_test"],
        row["judged_on"],
        verdict,
    )
