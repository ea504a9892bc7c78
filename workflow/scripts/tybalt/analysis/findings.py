"""The feature that answers each contrast of a dataset best, in the form that pages show."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from tybalt.analysis.stratified_tests import CHANCE
from tybalt.jobs.files import read_table

#: How the measure is written.
WRITTEN = {"auroc": "AUROC", "spearman": "ρ"}


class Answer(NamedTuple):
    """One row of `findings.tsv`, turned so that more is better whatever the feature's sign.

    `train`, `test`, `low` and `high` are the effects in the direction seen in training: an AUROC
    (chance 0.5) or Spearman's rho (chance 0). `stability` is in 0..1 (mean |r| of the matched
    feature over trainings with other seeds), NaN if it was not measured.
    """

    contrast: str
    named: bool
    description: str
    feature: str
    higher: bool
    measure: str
    train: float
    test: float
    low: float
    high: float
    samples: str
    evaluated_on: str
    verdict: str
    genes: str
    gene_set: str
    stability: float

    @property
    def confirmed(self) -> bool:
        """Whether the judged samples agree."""
        return self.verdict == "confirmed"


def read_answers(findings: str) -> list[Answer]:
    """Read the answers of one experiment, those of the config's contrasts first."""
    return [answer(row) for row in read_table(findings).to_dict("records")]


def answer(row: Mapping[str, Any]) -> Answer:
    """Turn one row of the table."""
    chance = CHANCE[row["measure"]]
    higher = row["effect_train"] >= chance
    names = ("effect_train", "effect_test", "effect_test_low", "effect_test_high")
    train, test, low, high = (row[name] for name in names)
    if not higher:
        train, test, low, high = (2 * chance - value for value in (train, test, high, low))
    reason = _text(row["reason"])
    positive = row["n_positive_test"]
    whole = int(row["n_test"])
    return Answer(
        contrast=str(row["contrast"]),
        named=row["named"] == "yes",
        description=_text(row["description"]),
        feature=row["feature"],
        higher=higher,
        measure=WRITTEN[row["measure"]],
        train=train,
        test=test,
        low=low,
        high=high,
        samples=f"{whole}" if pd.isna(positive) else f"{int(positive)} / {whole - int(positive)}",
        evaluated_on=row["evaluated_on"],
        verdict=f"{row['verdict']}: {reason}" if reason else row["verdict"],
        genes=_text(row["genes"]),
        gene_set=_text(row["gene_set"]),
        stability=row["stability"],
    )


def _text(value: Any) -> str:
    """Return a text; "" where it is missing."""
    return "" if pd.isna(value) else str(value)
