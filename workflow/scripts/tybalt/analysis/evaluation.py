"""Every model on one scale: how well its code reconstructs, and what it knows of the samples."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.classification import (
    asked_labels,
    balanced_accuracy,
    logistic_regression,
    nearest_neighbours,
)
from tybalt.analysis.contrasts import AUROC
from tybalt.analysis.control_rows import with_controls
from tybalt.analysis.findings import oriented
from tybalt.analysis.stratified_tests import draw_groups, wilson_interval
from tybalt.data.samples import Samples, read_codes, read_samples
from tybalt.jobs.files import read_json, read_table, write_json, write_table
from tybalt.plan.names import SOLE_BLOCK
from tybalt.training.bundle import read_record

log = logging.getLogger(__name__)

#: The task whose controls the leaderboard has.
TASK = "explain"

#: A model that explains less of the variance than this has hardly learned anything.
LEAST_EXPLAINED = 0.05

#: Columns of the leaderboard, before and after those of the contrasts.
LEADING = ["model", "tuner", "control", "module", "blocks", "samples", "evaluated_on"]
LEADING += ["mse", "explained"]
LEADING += ["bce_above_floor", "bce_clipped", "pearson_samples", "pearson_genes"]
LEADING += ["knn_accuracy", "knn_low", "knn_high"]
LEADING += ["logistic_accuracy", "logistic_low", "logistic_high"]
TRAILING = ["active_units", "parameters", "epochs", "objective", "score"]
TRAILING += ["configurations", "trainings", "mark", "warnings", "limits"]


def evaluate_model(
    samples: str,
    encoding: str,
    best: str,
    model: str,
    history: str,
    reconstruction_genes: str,
    reconstruction_samples: str,
    associations: str,
    readouts: str,
    roles: Mapping[str, Any],
    seed: int,
    evaluation: str,
) -> None:
    """Evaluate one model on held-out samples.

    With the published split, which has no test part, the validation samples evaluate; they have
    also chosen the epoch and the setting, and `evaluated_on` says so.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding, best, model, history, reconstruction_genes, reconstruction_samples, associations
        The experiment's files.
    readouts
        Output of `measure_readouts`.
    seed
        Of the bootstrap.
    evaluation
        Output JSON, one row of the leaderboard: of a dataset with several blocks the `blocks` that
        the model sees, and how many `samples` have a code; `evaluated_on`; means over held-out
        samples of `mse`, `mse_of_mean` (that of the mean training sample; not a column of the
        leaderboard, but its row of that name), `explained` (1 - mse / mse_of_mean),
        `bce_above_floor` (genes x binary cross-entropy minus its entropy floor; values in
        0..1 only), `bce_clipped` (share of reconstructed values clipped), `pearson_samples` and
        `pearson_genes` (medians); balanced accuracies `knn_accuracy` and `logistic_accuracy` of the
        label with 95 % intervals; `auroc_{contrast}` of the feature chosen on training samples, and
        `readout_{contrast}` of the whole code; `active_units`, `parameters`, `epochs`; `mark`: why
        the model does not count as one that has learned (as started, no sampling noise, KL of 0),
        empty if it does; `warnings` of the training (posterior collapse, dead features), and
        `limits` of the search (where it was cut short), each joined by "; ".
    """
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    kept = read_record(model)
    record = {"evaluated_on": known.held_out}
    if list(kept["blocks"]) != [SOLE_BLOCK]:
        record |= {"blocks": ", ".join(kept["blocks"]), "samples": len(codes)}
    record |= reconstruction_quality(
        read_table(reconstruction_genes),
        read_table(reconstruction_samples),
        record["evaluated_on"],
    )
    if known.label is not None:
        record |= label_accuracy(codes, known, seed)
    record |= contrast_strength(read_table(associations))
    record |= readout_strength(read_table(readouts))
    winner = read_json(best)
    record |= training_facts(winner, read_table(history))
    record["mark"] = "; ".join(kept["marks"])
    warnings = list(kept["warnings"])
    if record["explained"] < LEAST_EXPLAINED:
        warnings.append(f"R² of {record['explained']:.3f} on held-out samples")
    record["warnings"] = "; ".join(warnings)
    record["limits"] = "; ".join(winner["limits"])
    write_json({name: _plain(value) for name, value in record.items()}, evaluation)


def compare_models(
    evaluations: Sequence[str],
    readouts: str,
    experiments: Sequence[Sequence[str]],
    leaderboard: str,
) -> None:
    """Put the models of a dataset and their controls into one table, the best mse first.

    Parameters
    ----------
    evaluations
        JSON files of `evaluate_model`.
    readouts
        Output of `compare_readouts`, whose warnings join those of the models.
    experiments
        (model, tuner) of each, in the same order.
    leaderboard
        Output table.
    """
    rows = [
        {"model": model, "tuner": tuner, **read_json(path)}
        for (model, tuner), path in zip(experiments, evaluations, strict=True)
    ]
    lost = read_table(readouts).dropna(subset="warning")
    for row in rows:
        mine = lost[(lost["model"] == row["model"]) & (lost["tuner"] == row["tuner"])]
        if len(mine):
            row["warnings"] = "; ".join(filter(None, [row["warnings"], *mine["warning"]]))
    table = with_controls(pd.DataFrame(rows), TASK, {"mean sample": mean_sample(rows)})
    table = table.sort_values(["mse", "model", "tuner"], ignore_index=True)
    contrasts = [name for name in table if name.startswith(("auroc_", "readout_"))]
    columns = [name for name in (*LEADING, *contrasts, *TRAILING) if name in table]
    write_table(table[columns], leaderboard)


def mean_sample(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Measure the mean training sample as if a model reconstructed every sample by it.

    It has no code, and so no accuracies. Its `mse` is given where all models were measured on the
    same features.
    """
    errors = np.array([row["mse_of_mean"] for row in rows], dtype=float)
    error = errors[0] if np.allclose(errors, errors[0], atol=0) else np.nan
    return {"evaluated_on": rows[0]["evaluated_on"], "mse": error, "explained": 0.0}


def reconstruction_quality(
    genes: pd.DataFrame, samples: pd.DataFrame, part: str
) -> dict[str, float]:
    """Summarise the reconstruction of held-out samples."""
    held_out = samples[samples["split"] == part]
    quality = {
        "mse": held_out["mse"].mean(),
        "mse_of_mean": held_out["mse_of_mean"].mean(),
        "explained": 1 - held_out["mse"].mean() / held_out["mse_of_mean"].mean(),
        "pearson_samples": held_out["pearson"].median(),
        "pearson_genes": genes[f"pearson_{part}"].median(),
    }
    if held_out["bce"].notna().all():
        quality["bce_above_floor"] = (held_out["bce"] - held_out["bce_floor"]).mean() * len(genes)
        quality["bce_clipped"] = held_out["bce_clipped"].mean()
    return quality


def label_accuracy(codes: pd.DataFrame, samples: Samples, seed: int) -> dict[str, float]:
    """Predict the label of held-out samples from codes of training samples.

    Returns
    -------
    dict
        Balanced accuracy (mean over labels of the share found; 0..1) of a 5-nearest-neighbour
        classifier on the codes and of a logistic regression on standardised codes, each with a
        95 % interval (`accuracy_interval`).
    """
    labels = samples.label
    asked = asked_labels(labels, samples.is_train)
    train, held_out = asked & samples.is_train, asked & (samples.split == samples.held_out)
    if labels[train].nunique() < 2 or not held_out.any():
        return {}
    expected, groups = labels[held_out].to_numpy(object), samples.group[held_out]
    result = {}
    for name, classifier in {
        "knn": nearest_neighbours(),
        "logistic": logistic_regression(),
    }.items():
        classifier.fit(codes[train].to_numpy(), labels[train].to_numpy())
        hits = classifier.predict(codes[held_out].to_numpy()) == expected
        low, high = accuracy_interval(hits, expected, groups, seed)
        result |= {
            f"{name}_accuracy": balanced_accuracy(hits, expected),
            f"{name}_low": low,
            f"{name}_high": high,
        }
    return result


def accuracy_interval(
    hits: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """95 % interval of the balanced accuracy: the wider of two, on either side.

    The bootstrap resamples groups within labels, and has no width where all samples are hits. The
    other puts Wilson's intervals of the labels' shares together, with as many cases as groups: the
    bounds of a mean of shares depart from it by the root of the mean of squares (Zou, Huang and
    Zhang 2009, https://doi.org/10.1016/j.csda.2008.09.033).
    """
    rng = np.random.default_rng(seed)
    resampled, shares, cases = [], [], []
    for name in np.unique(labels):
        inside = labels == name
        counts = draw_groups(groups[inside], rng)
        resampled.append(counts @ hits[inside] / counts.sum(axis=1))
        shares.append(hits[inside].mean())
        cases.append(len(set(groups[inside])))
    low, high = np.percentile(np.mean(resampled, axis=0), [2.5, 97.5])
    share = np.array(shares)
    bounds = wilson_interval(share, np.array(cases, dtype=float))
    below, above = (np.sqrt(np.sum((bound - share) ** 2)) / len(share) for bound in bounds)
    return float(min(low, share.mean() - below)), float(max(high, share.mean() + above))


def contrast_strength(associations: pd.DataFrame) -> dict[str, float]:
    """Held-out AUROC of the feature chosen for each contrast, in the direction seen in training."""
    named = (associations["named"] == "yes") & (associations["verdict"] != "not testable")
    result = {}
    for _, row in associations[named & (associations["rank"] == 1)].iterrows():
        effect, name = oriented({**row, "measure": AUROC}), f"auroc_{row['contrast']}"
        result |= {name: effect.test, f"{name}_low": effect.low, f"{name}_high": effect.high}
    return result


def readout_strength(readouts: pd.DataFrame) -> dict[str, float]:
    """Held-out AUROC of the read-out of each contrast of the config, with its interval."""
    result = {}
    for row in readouts[(readouts["named"] == "yes") & readouts["effect_test"].notna()].to_dict(
        "records"
    ):
        name = f"readout_{row['contrast']}"
        result |= {name: row["effect_test"]}
        result |= {f"{name}_{end}": row[f"effect_test_{end}"] for end in ("low", "high")}
    return result


def training_facts(best: Mapping[str, Any], history: pd.DataFrame) -> dict[str, Any]:
    """Say what the model cost and how many of its features are in use."""
    kept = history[history["best"]].iloc[0]
    return {
        "module": best["module"],
        "objective": best["objective"],
        "score": best["score"],
        "active_units": int(kept["active_units"]),
        "parameters": best["parameters"],
        "epochs": int(history["epoch"].max()),
        "configurations": best["configurations"],
        "trainings": best["trainings"],
    }


def _plain(value: Any) -> Any:
    """Turn a numpy number into Python's, and a missing one into null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
