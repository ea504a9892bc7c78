"""What speaks against a projection, in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tybalt.analysis.out_of_distribution import FALSE_ALARMS, fewest_held_out
from tybalt.plan.names import plural

#: With fewer of the model's genes there is advice where to look for them.
MANY_GENES = 0.95

#: Share of values outside of the training range that is worth a warning.
MUCH_OUTSIDE = 0.05

#: A larger share of samples without a predicted label is worth a warning.
MANY_UNSURE = 0.1

#: A predicted label with a lower probability is not given.
SURE = 0.8

#: A sample of which less than this share of the model's genes was measured is named.
LITTLE_MEASURED = 0.5

#: What is said of a sample.
FAR = "far from all training samples"
UNSURE = f"no label has a probability of {SURE}"
LITTLE = "most of the model's genes are filled in"


def doubts_of_samples(far: np.ndarray, confidence: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Say of each sample what speaks against it; "" if nothing does.

    Parameters
    ----------
    far
        bool: whether it is far.
    confidence
        Probability of the likeliest label; NaN where none is predicted of anybody.
    filled
        Share of the model's genes that were not measured, 0..1.
    """
    said = {FAR: far, UNSURE: confidence < SURE, LITTLE: filled > 1 - LITTLE_MEASURED}
    return np.array(
        ["; ".join(words for words, holds in said.items() if holds[i]) for i in range(len(far))],
        dtype=object,
    )


def find_warnings(record: Mapping[str, Any], label: str) -> list[str]:
    """Say in words what speaks against the whole projection.

    Parameters
    ----------
    record
        What `tybalt.analysis.projection.project_samples` writes as diagnostics.
    label
        The label's column in words.
    """
    return [
        *_of_genes(record, label),
        *_of_values(record, label),
        *_of_cohort(record, label),
        *_of_labels(record, label),
    ]


def _of_genes(record: Mapping[str, Any], label: str) -> list[str]:
    lines = [
        f"the block {name} is missing altogether, so codes rest on the other blocks alone"
        for name, block in record["blocks"].items()
        if block["missing"] == block["genes"]
    ]
    if not record["genes_missing"]:
        return lines
    line = (
        f"{record['genes_missing']} of the model's {record['genes_of_model']} genes are missing "
        f"and take what the model reconstructs from the others; {_cost(record, label)}"
    )
    given = [block for block in record["blocks"].values() if block["missing"] < block["genes"]]
    found = 1 - sum(b["missing"] for b in given) / sum(b["genes"] for b in given)
    return [*lines, line if found >= MANY_GENES else line + "; look for the genes' former names"]


def _cost(record: Mapping[str, Any], label: str) -> str:
    held_out = record["held_out"]
    more = held_out["mse_genes_hidden"] / held_out["mse"] - 1
    what = "genes and cells" if record["missing_share"] else "genes"
    line = (
        f"hiding the same {what if record['genes_missing'] else 'cells'} from held-out samples of "
        f"the training cohort raises their error by {more:.0%}"
    )
    if "code_error" in held_out:
        line += (
            f", moves their codes by {held_out['code_error']:.2g} standard deviations "
            f"({held_out['code_error_of_means']:.2g} with training means in their place)"
        )
    if "label_accuracy" in held_out:
        line += (
            f" and changes the share of {plural(label)} found from "
            f"{held_out['label_accuracy']:.1%} to {held_out['label_accuracy_genes_hidden']:.1%}"
        )
    return line


def _of_values(record: Mapping[str, Any], label: str) -> list[str]:
    lines = []
    if record["missing_share"]:
        line = (
            f"{record['missing_share']:.2%} of the values of the genes found are missing and take "
            "what the model reconstructs from the others"
        )
        told = record["genes_missing"]  # their cost is told with that of the genes
        lines.append(line if told else f"{line}; {_cost(record, label)}")
    if record["outside_share"] > MUCH_OUTSIDE:
        lines.append(
            f"{record['outside_share']:.1%} of the values lie outside the training range of their "
            "gene: the units or the processing may differ"
        )
    return lines


def _of_cohort(record: Mapping[str, Any], label: str) -> list[str]:
    cohort = record["cohort"]
    said = {
        "distance": "are farther from their nearest training sample",
        "error": "are reconstructed with a larger error",
    }
    far = [
        f"half of them {words} than {cohort[f'{name}_rank']:.0%} of the held-out samples of the "
        f"training cohort (limit {cohort[f'{name}_rank_limit']:.0%})"
        for name, words in said.items()
        if cohort[f"{name}_rank"] > cohort[f"{name}_rank_limit"]
    ]
    lines = []
    if far:
        times = record["mse"] / max(record["held_out"]["mse_genes_found"], 1e-12)
        lines.append(
            "as a cohort the samples are not like those that the model knows: "
            f"{', and '.join(far)}; the mean error is {times:.1f} times that of held-out samples. "
            f"{1 - FALSE_ALARMS:.0%} of cohorts of the same size and of known kinds stay below "
            f"both limits. Codes, places and predicted {plural(label)} of such samples mean "
            "little, also where a single one is not called far"
        )
    if record["held_out_samples"] < fewest_held_out():
        lines.append(
            f"there are {record['held_out_samples']} held-out samples to compare with: with fewer "
            f"than {fewest_held_out()} no single sample can be called far"
        )
    elif record["far_share"] > 2 * FALSE_ALARMS:
        lines.append(
            f"{record['far_share']:.0%} of the samples are far; of samples like those of the "
            f"training cohort at most {FALSE_ALARMS:.0%} are called so by chance"
        )
    return lines


def _of_labels(record: Mapping[str, Any], label: str) -> list[str]:
    if (record["unsure_share"] or 0) <= MANY_UNSURE:
        return []
    return [
        f"{record['unsure_share']:.0%} of the samples have no predicted {label}, as none has a "
        f"probability of {SURE}; one that the training cohort lacks is never predicted"
    ]
