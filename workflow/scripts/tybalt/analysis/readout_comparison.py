"""Which model reads a contrast out of its code that another has lost, and what a search passed by.

Two comparisons, of different samples: models on held-out samples, which says what was lost; and,
for the contrasts that the config names, the chosen setting of a search with the other settings and
with the bars of the dataset on validation samples, which may still choose.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from tybalt.analysis.associations import SMALLEST_EFFECT
from tybalt.analysis.contrasts import AUROC
from tybalt.analysis.findings import MARGIN, WRITTEN
from tybalt.analysis.numbers import with_interval
from tybalt.analysis.readouts import definition_of
from tybalt.analysis.stratified_tests import CHANCE
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.controls import control_of_module, controls_of
from tybalt.plan.names import experiment_name

log = logging.getLogger(__name__)

#: The task whose bars a search is compared with.
TASK = "explain"

#: Chance of one false warning among all settings and contrasts of a search, or all other models.
FALSE_WARNINGS = 0.05

#: Standard errors from the middle to an end of a 95 % interval.
_HALF_WIDTH = float(norm.ppf(0.975))

COMPARISON_COLUMNS = ["contrast", "named", "measure", "model", "tuner", "evaluated_on"]
COMPARISON_COLUMNS += ["effect_test", "effect_test_low", "effect_test_high", "reason", "lost_to"]
COMPARISON_COLUMNS += ["validation", "validation_low", "validation_high"]
COMPARISON_COLUMNS += ["other_setting", "validation_other", "bar", "validation_bar"]
COMPARISON_COLUMNS += ["validation_reason", "warning"]


class Effect(NamedTuple):
    """An effect with its 95 % interval; NaN where nothing is known."""

    value: float
    low: float
    high: float


class Named(NamedTuple):
    """An effect, and whose it is."""

    name: str
    effect: Effect


def compare_readouts(
    readouts: Sequence[str],
    trial_readouts: Sequence[str],
    experiments: Sequence[Sequence[str]],
    declared: Mapping[str, Mapping[str, Any]],
    comparison: str,
) -> None:
    """Put the read-outs of all models side by side, and warn of what was lost.

    A read-out is clearly worse than another if

    - there is something to lose: the other is at least 0.7 (AUROC; 0.3 of rho), as a single feature
      has to be to be confirmed, with an interval above chance;
    - it is lower by at least 0.1 (0.15 of rho);
    - a one-sided z-test, with standard errors from the two intervals, has p <= 0.05, divided by the
      number of comparisons (Bonferroni): the other models of a contrast; the other settings, or the
      bars, times the contrasts that can be tested. The samples are the same, so that errors go
      together and the test is on the safe side.

    Parameters
    ----------
    readouts, trial_readouts
        Outputs of `measure_readouts` and `rank_trials` of every experiment.
    experiments
        (model, tuner) of each, in the same order.
    declared
        Contrasts as the config names them today: name -> {covariate, positive, within?}.
    comparison
        Output table, one row per contrast and experiment. `lost_to`: the model with the best
        read-out of held-out samples, where this one is clearly worse. `validation`: of the chosen
        setting; `other_setting` and `bar`: the best of the others, with their values. Missing where
        no trial has recorded the contrast as it is defined today, and `validation_reason` says so.
        `warning`: in words.
    """
    tables = {
        tuple(experiment): (read_table(path), read_table(recorded))
        for experiment, path, recorded in zip(experiments, readouts, trial_readouts, strict=True)
    }
    rows = [
        {**dict(zip(("model", "tuner"), experiment, strict=True)), **row}
        for experiment, (table, _) in tables.items()
        for row in table.to_dict("records")
    ]
    of_searches = {
        (*experiment, contrast): found
        for experiment in tables
        for contrast, found in compare_settings(
            experiment, {name: recorded for name, (_, recorded) in tables.items()}, declared
        ).items()
    }
    for row in rows:
        row |= compare_models_of(row, rows)
        row |= of_searches.get((row["model"], row["tuner"], row["contrast"]), {})
        row["warning"] = warning_of(row)
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    write_table(table.sort_values("named", ascending=False, kind="stable"), comparison)
    for row in rows:
        if row["warning"]:
            log.warning("%s: %s", experiment_name(row["model"], row["tuner"]), row["warning"])


def is_clearly_worse(own: Effect, other: Effect, measure: str, comparisons: int) -> bool:
    """Tell whether a read-out is clearly worse than another (see `compare_readouts`).

    Parameters
    ----------
    comparisons
        How many are made, among which a single false one shall be rare.
    """
    gap, chance = other.value - own.value, CHANCE[measure]
    if not gap >= MARGIN[measure]:  # also where one of them is not known
        return False
    if other.value < chance + SMALLEST_EFFECT[measure] or other.low <= chance:
        return False
    errors = [(each.high - each.low) / (2 * _HALF_WIDTH) for each in (own, other)]
    return bool(gap >= norm.isf(FALSE_WARNINGS / comparisons) * np.hypot(*errors))


def compare_models_of(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> dict[str, str | None]:
    """Name the model with the best read-out of a contrast, if this one has lost it."""
    others = [
        Named(experiment_name(each["model"], each["tuner"]), effect_of(each, "effect_test"))
        for each in rows
        if each["contrast"] == row["contrast"] and each is not row
    ]
    best = best_of(others)
    own = effect_of(row, "effect_test")
    lost = best and is_clearly_worse(own, best.effect, row["measure"], len(others))
    return {"lost_to": best.name if lost else None}


def compare_settings(
    experiment: tuple[str, ...],
    recorded: Mapping[tuple[str, ...], pd.DataFrame],
    declared: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Compare the chosen setting with others and with bars, contrast by contrast.

    Parameters
    ----------
    experiment
        Whose search it is.
    recorded
        Experiment -> output `trial_readouts` of its search.
    declared
        As in `compare_readouts`.

    Returns
    -------
    dict
        Contrast -> `validation` and the columns after it, without `warning`; `setting_is_better`
        and `bar_is_better`: whether the chosen setting is clearly worse than they.
    """
    found: dict[str, dict[str, Any]] = {}
    mine = recorded[experiment]
    testable = [
        contrast
        for contrast, definition in declared.items()
        if answers_of(mine[mine["chosen"] == "yes"], contrast, definition)["effect"].notna().any()
    ]
    for contrast, definition in declared.items():
        of_today = {
            name: answers_of(table, contrast, definition) for name, table in recorded.items()
        }
        mine = of_today[experiment]
        chosen = mine[mine["chosen"] == "yes"]
        if chosen.empty:
            found[contrast] = {"validation_reason": NOT_RECORDED}
            continue
        first = chosen.iloc[0]
        own = effect_of(first, "effect")
        others = [
            Named(f"rank {row['rank']} ({row['setting']})", effect_of(row, "effect"))
            for row in mine[mine["chosen"] != "yes"].to_dict("records")
        ]
        bars = [
            Named(experiment_name(*name), effect_of(row, "effect"))
            for name, table in of_today.items()
            if name != experiment
            for row in table[table["chosen"] == "yes"].to_dict("records")
            if is_bar(row["module"])
        ]
        found[contrast] = {
            "validation": own.value,
            "validation_low": own.low,
            "validation_high": own.high,
            "validation_reason": first["reason"],
        }
        for what, column, rivals in (
            ("setting", "other_setting", others),
            ("bar", "bar", bars),
        ):
            best = best_of(rivals)
            if best is None:
                continue
            count = len(known_of(rivals)) * max(len(testable), 1)
            found[contrast] |= {
                column: best.name,
                f"validation_{'other' if what == 'setting' else what}": best.effect.value,
                f"{what}_is_better": is_clearly_worse(own, best.effect, AUROC, count),
            }
    return found


#: Why there is nothing to compare with.
NOT_RECORDED = "not recorded"


def answers_of(table: pd.DataFrame, contrast: str, definition: Mapping[str, Any]) -> pd.DataFrame:
    """Return what trials recorded of a contrast, if it was defined as it is today."""
    asked = definition_of(definition)
    same = table["contrast"] == contrast
    for name in ("covariate", "positive", "within"):
        value = "; ".join(asked[name]) if name == "positive" else asked[name]
        same &= table[name].fillna("").astype(str) == (value or "")
    return table[same]


def is_bar(module: str) -> bool:
    """Tell whether the experiments of a module are a bar of the task."""
    bars = [control.name for control in controls_of(TASK, "bar")]
    return control_of_module(TASK, module) in bars


def effect_of(row: Mapping[str, Any], column: str) -> Effect:
    """Read an effect and its interval from a row."""
    prefix = "" if column == "effect" else f"{column}_"
    return Effect(float(row[column]), float(row[f"{prefix}low"]), float(row[f"{prefix}high"]))


def known_of(rivals: Sequence[Named]) -> list[Named]:
    """Return those of which something is known."""
    return [each for each in rivals if np.isfinite(each.effect.value)]


def best_of(rivals: Sequence[Named]) -> Named | None:
    """Return the one with the highest effect, of equal ones the first; None if none is known."""
    return max(known_of(rivals), key=lambda each: each.effect.value, default=None)


def warning_of(row: Mapping[str, Any]) -> str:
    """Say in words what was lost, or that nobody can tell; "" if there is nothing to say."""
    if row["named"] != "yes":
        return ""
    contrast, measure, parts = row["contrast"], WRITTEN[row["measure"]], []
    if pd.notna(row["lost_to"]):
        own = effect_of(row, "effect_test")
        in_part = " in part" if own.low > CHANCE[row["measure"]] else ""
        parts.append(
            f"{contrast} is lost{in_part}: {measure} {with_interval(*own)} from the whole code on "
            f"{row['evaluated_on']} samples, clearly better in {row['lost_to']}"
        )
    better = [
        f"{row[name]}: {row[value]:.2f}"
        for what, name, value in (
            ("setting", "other_setting", "validation_other"),
            ("bar", "bar", "validation_bar"),
        )
        if row.get(f"{what}_is_better")
    ]
    if better:
        own = with_interval(*effect_of(row, "validation"))
        parts.append(
            f"on validation samples the chosen setting reads {contrast} out with {measure} {own}, "
            f"clearly worse than others ({', '.join(better)}), so if it matters, put "
            f"readout:{contrast} into the objective"
        )
    if row.get("validation_reason") == NOT_RECORDED:
        parts.append(
            f"its trials have not recorded {contrast} as it is defined now, so nothing tells "
            "whether the search passed it by (to record it, train them again: snakemake --forcerun "
            "train_trial fit_trial)"
        )
    return "; ".join(parts)
