"""The best feature of each contrast, in the direction seen in training and in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from tybalt.analysis.contrasts import AUROC, SPEARMAN
from tybalt.analysis.marks import CONFIRMED, MARKS, NO, NOT_TESTABLE, UNKNOWN, YES
from tybalt.analysis.stratified_tests import CHANCE
from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError, suggest

#: How the measure is written.
WRITTEN = {"auroc": "AUROC", "spearman": "ρ"}

#: An effect is not called worse than another for less than this (AUROC, rho): half of the smallest
#: effect that is confirmed.
MARGIN = {AUROC: 0.1, SPEARMAN: 0.15}

#: From what a contrast is read: one feature, all of them together, or neither.
ONE_FEATURE, WHOLE_CODE, NOTHING = "one feature", "whole code", "nothing"


class Finding(NamedTuple):
    """One row of `findings.tsv`, turned so that more is better whatever the feature's sign.

    `train`, `test`, `low` and `high` are the effects in the direction seen in training: an AUROC
    (chance 0.5) or Spearman's rho (chance 0). The marks `separates`, `comes_back` and `genes_agree`
    are yes, no or unknown; `reason` says why the verdict is not *confirmed*. `stability` is in 0..1
    (median |r| of the matched feature over bootstrap samples), and so is `stability_over_seeds`
    (mean |r|); NaN if it was not measured. `genes` are higher in positive samples; `gene_set` is
    named where the finding is confirmed, `gene_set_others` counts other features that have it too.
    `readout`, with its interval, is the effect of the whole code on held-out samples, NaN if it is
    not testable.
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
    reason: str
    separates: str
    comes_back: str
    genes_agree: str
    genes: str
    gene_set: str
    gene_set_others: float
    stability: float
    stability_over_seeds: float
    readout: float
    readout_low: float
    readout_high: float
    read_from: str

    @property
    def confirmed(self) -> bool:
        """Whether it has all three marks."""
        return self.verdict == CONFIRMED

    @property
    def outcome(self) -> str:
        """The verdict, and why it is not *confirmed*."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


def read_findings(findings: str) -> list[Finding]:
    """Read the findings of one experiment, those of the config's contrasts first."""
    return [finding_of(row) for row in read_table(findings).to_dict("records")]


def finding_of(row: Mapping[str, Any]) -> Finding:
    """Turn one row of the table."""
    effect = oriented(row)
    positive = row["n_positive_test"]
    whole = int(row["n_test"])
    return Finding(
        contrast=str(row["contrast"]),
        named=row["named"] == "yes",
        description=_text(row["description"]),
        feature=row["feature"],
        higher=effect.higher,
        measure=WRITTEN[row["measure"]],
        train=effect.train,
        test=effect.test,
        low=effect.low,
        high=effect.high,
        samples=f"{whole}" if pd.isna(positive) else f"{int(positive)} / {whole - int(positive)}",
        evaluated_on=row["evaluated_on"],
        verdict=row["verdict"],
        reason=_text(row["reason"]),
        **{mark: row[mark] for mark in MARKS},
        genes=_text(row["genes"]),
        gene_set=_text(row["gene_set"]),
        gene_set_others=row["gene_set_other_features"],
        stability=row["stability"],
        stability_over_seeds=row["stability_over_seeds"],
        readout=row["readout_test"],
        readout_low=row["readout_test_low"],
        readout_high=row["readout_test_high"],
        read_from=_text(row["read_from"]),
    )


def add_readouts(found: pd.DataFrame, readouts: pd.DataFrame) -> pd.DataFrame:
    """Put read-outs beside the best features of contrasts.

    Adds `readout_test` with its interval, and `read_from`, by which a contrast that is spread over
    features differs from one that the code does not have: `whole code` where the interval of the
    read-out lies above chance and above the best feature in the direction seen in training, which
    it surpasses by at least `MARGIN`; else `one feature` where the feature separates; else
    `whole code` where the interval of the read-out lies above chance, and `nothing` elsewhere.
    Missing where it is not testable.

    Parameters
    ----------
    found
        One row per contrast, with its best feature: columns of `findings.tsv`.
    readouts
        Output of `tybalt.analysis.readouts.measure_readouts`.
    """
    ends = ("", "_low", "_high")
    columns = {f"effect_test{end}": f"readout_test{end}" for end in ends}
    read = readouts[["contrast", *columns]].rename(columns=columns)
    found = found.merge(read, on="contrast", how="left", validate="one_to_one")
    return found.assign(read_from=[_read_from(row) for row in found.to_dict("records")])


def _read_from(row: Mapping[str, Any]) -> str | None:
    if pd.isna(row["readout_test"]):
        return None
    low, feature = row["readout_test_low"], oriented(row).test
    gain = row["readout_test"] - feature
    if low > max(CHANCE[row["measure"]], feature) and gain >= MARGIN[row["measure"]]:
        return WHOLE_CODE
    if row["separates"] == YES:
        return ONE_FEATURE
    return WHOLE_CODE if low > CHANCE[row["measure"]] else NOTHING


class Effect(NamedTuple):
    """The effects of a feature in the direction seen in training."""

    higher: bool  #: whether the feature itself is higher in positive samples of the training part
    train: float
    test: float
    low: float
    high: float


def oriented(row: Mapping[str, Any]) -> Effect:
    """Turn the effects of a feature so that more is better, whatever its sign.

    Parameters
    ----------
    row
        ``measure``, and ``effect_train``, ``effect_test``, ``effect_test_low`` and
        ``effect_test_high``: an AUROC, or Spearman's rho.
    """
    chance = CHANCE[row["measure"]]
    names = ("effect_train", "effect_test", "effect_test_low", "effect_test_high")
    train, test, low, high = (float(row[name]) for name in names)
    if train >= chance:
        return Effect(True, train, test, low, high)
    train, test, low, high = (2 * chance - value for value in (train, test, high, low))
    return Effect(False, train, test, low, high)


def signed_feature(row: Mapping[str, Any]) -> str:
    """Name the feature with the sign that is higher in positive samples: ``z7``, ``−z7``."""
    return row["feature"] if oriented(row).higher else f"−{row['feature']}"


def _text(value: Any) -> str:
    """Return a text; "" where it is missing."""
    return "" if pd.isna(value) else str(value)


def read_finding(findings: str, contrast: str) -> pd.Series:
    """Return the row of one contrast; raise InputError if the table lacks it."""
    table = read_table(findings, index="contrast")
    if contrast not in table.index:
        raise InputError(f"{findings}: no contrast {contrast!r}; {suggest(contrast, table.index)}")
    return table.loc[contrast]


def measure_name(finding: pd.Series) -> str:
    """Name the measure of a finding."""
    return "AUROC" if finding["measure"] == "auroc" else "Spearman’s ρ"


def sentence(contrast: str, finding: pd.Series) -> str:
    """Say in one line what was found, for a title."""
    name, effect = signed_feature(finding), oriented(finding)
    part = finding["evaluated_on"]
    if finding["verdict"] == NOT_TESTABLE:
        return f"{contrast}: not testable ({finding['reason']})"
    value = f"{measure_name(finding)} {effect.test:.2f} on {part} samples"
    if finding["separates"] != YES:
        return f"{contrast}: no feature is confirmed ({name}: {value})"
    description = finding["description"]
    if lacking := lacking_marks(finding):
        description = description.partition(", within")[0]  # what is lacking must fit into a title
        value += f", but {' and '.join(lacking)}"
    if finding["measure"] == "auroc":
        return f"{name} separates {description.replace(' against ', ' from ')}: {value}"
    return f"{name} follows {description}: {value}"


def lacking_marks(finding: Mapping[str, Any]) -> list[str]:
    """Say in two words each which further marks a finding lacks."""
    words = {
        ("comes_back", NO): "not stable",
        ("comes_back", UNKNOWN): "stability not measured",
        ("genes_agree", NO): "genes disagree",
        ("genes_agree", UNKNOWN): "no genes",
    }
    return [text for (mark, value), text in words.items() if finding[mark] == value]


def stability_in_words(finding: Mapping[str, Any]) -> str:
    """Say how stable the feature is over bootstrap samples and seeds; "" if not tried."""
    part, parts = finding["evaluated_on"], []
    if pd.notna(finding["stability"]):
        parts.append(f"over bootstrap samples: median |r| = {finding['stability']:.2f}")
    if pd.notna(finding["stability_over_seeds"]):
        parts.append(f"over seeds: mean |r| = {finding['stability_over_seeds']:.2f}")
    return f"Stability on {part} samples {', '.join(parts)}." if parts else ""
