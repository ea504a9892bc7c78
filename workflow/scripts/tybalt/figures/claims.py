"""Findings in words, for titles: what a feature separates, and whether test samples confirm it."""

import pandas as pd

from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError, suggest


def read_finding(findings: str, contrast: str) -> pd.Series:
    """Return the row of one contrast; raise InputError if the table lacks it."""
    table = read_table(findings, index="contrast")
    if contrast not in table.index:
        raise InputError(f"{findings}: no contrast {contrast!r}; {suggest(contrast, table.index)}")
    return table.loc[contrast]


def oriented(finding: pd.Series) -> tuple[str, dict[str, float]]:
    """Give the feature the sign that is higher in positive samples of the training part.

    Returns
    -------
    tuple
        Its name (``-z7`` if it is lower in positive samples, or falls as the numbers grow), and the
        effects of that direction: train, test, low, high.
    """
    names = {"train": "effect_train", "test": "effect_test"}
    names |= {"low": "effect_test_low", "high": "effect_test_high"}
    values = {key: float(finding[column]) for key, column in names.items()}
    middle = 0.5 if finding["measure"] == "auroc" else 0.0
    if values["train"] >= middle:
        return finding["feature"], values
    turned = {key: 2 * middle - value for key, value in values.items()}
    turned["low"], turned["high"] = turned["high"], turned["low"]
    return f"−{finding['feature']}", turned


def measure_name(finding: pd.Series) -> str:
    """Name the measure of a finding."""
    return "AUROC" if finding["measure"] == "auroc" else "Spearman’s ρ"


def sentence(contrast: str, finding: pd.Series) -> str:
    """Say in one line what was found, for a title."""
    name, effect = oriented(finding)
    part = finding["evaluated_on"]
    if finding["verdict"] == "not testable":
        return f"{contrast}: not testable ({finding['reason']})"
    value = f"{measure_name(finding)} {effect['test']:.2f} on {part} samples"
    if finding["verdict"] != "confirmed":
        return f"{contrast}: no feature is confirmed ({name}: {value})"
    if finding["measure"] == "auroc":
        return f"{name} separates {finding['description'].replace(' against ', ' from ')}: {value}"
    return f"{name} follows {finding['description']}: {value}"


def stability_in_words(finding: pd.Series) -> str:
    """Say how well the feature was found again in trainings with other seeds; "" if not tried."""
    if pd.isna(finding["stability"]):
        return ""
    return (
        f"Found again in trainings with other seeds: |r| = {finding['stability']:.2f} "
        f"on {finding['evaluated_on']} samples."
    )
