"""How far a code is left to chance: the same training again, features matched one to one."""

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from tybalt.data.matrix import held_out_part
from tybalt.data.samples import read_codes, read_samples
from tybalt.jobs.files import read_by_sample, read_table, write_table
from tybalt.training.metrics import correlations
from tybalt.training.model import ACTIVE_VARIANCE

log = logging.getLogger(__name__)

#: Share of a code's variance that SVCCA keeps (Raghu 2017, https://arxiv.org/abs/1706.05806).
KEPT_VARIANCE = 0.99

STABILITY_COLUMNS = ["kind", "replicate", "feature", "active", "matched", "r", "svcca"]
MATCH_COLUMNS = ["model_a", "tuner_a", "feature_a", "model_b", "tuner_b", "feature_b", "r", "svcca"]


def measure_stability(
    samples: str,
    encoding: str,
    replicates: Sequence[str],
    rotations: Sequence[str],
    names: Sequence[str],
    roles: Mapping[str, Any],
    stability: str,
) -> None:
    """Find each feature of the model again in trainings with other seeds and on bootstrap samples.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encoding
        encoding.tsv.gz of the model.
    replicates
        Codes of the same samples by models trained again.
    rotations
        Their rotations, in the same order, to compare codes as they were before; an empty list to
        compare them as they are.
    names
        Of the replicates, in the same order: ``seed_1``, ``bootstrap_1``.
    stability
        Output table, one row per replicate and feature: `kind` of the replicate (seed or
        bootstrap), whether the feature is `active` (variance on training samples above 0.01), the
        feature that it is matched with, their correlation on held-out samples, and `svcca`, how
        alike the two codes are as a whole.
    """
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    active = codes[known.is_train].var(ddof=0) > ACTIVE_VARIANCE
    tables = []
    turned = rotations or [None] * len(replicates)
    for name, path, rotation in zip(names, replicates, turned, strict=True):
        kind, number = name.split("_")
        again = read_by_sample(path, known.index)
        if rotation is not None:
            again = unrotated(again, read_table(rotation, index="code").to_numpy())
        table = match_features(codes, again, known.split)
        table["active"] = np.where(active[table["feature"]], "yes", "no")
        tables.append(table.assign(kind=kind, replicate=int(number)))
    table = pd.concat(tables, ignore_index=True)[STABILITY_COLUMNS]
    write_table(table, stability)
    for kind, mean in mean_stability(table).items():
        log.info("%s: mean |r| of active features %.3f", kind, mean)


def unrotated(features: pd.DataFrame, rotation: np.ndarray) -> pd.DataFrame:
    """Take a rotation (codes x features, orthogonal) back: features -> codes, in the same form."""
    return pd.DataFrame(features.to_numpy() @ rotation.T, features.index, features.columns)


def mean_stability(stability: pd.DataFrame) -> dict[str, float]:
    """Mean |r| of the active features with their matches, by kind: seed, bootstrap.

    One number for a model: by bootstraps it tells which of two settings (a rotation, a start) has
    the features that other samples would give again.
    """
    active = stability[stability["active"] == "yes"]
    return active["r"].abs().groupby(active["kind"]).mean().to_dict()


def match_models(
    samples: str,
    encodings: Sequence[str],
    experiments: Sequence[Sequence[str]],
    roles: Mapping[str, Any],
    matched_features: str,
) -> None:
    """Match the features of every pair of models of a dataset.

    Parameters
    ----------
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    encodings
        encoding.tsv.gz of each experiment.
    experiments
        (model, tuner) of each, in the same order.
    matched_features
        Output table: model_a, tuner_a, feature_a, model_b, tuner_b, feature_b, the correlation of
        the two on held-out samples, and the svcca of the two codes. The smaller code decides how
        many features are matched.
    """
    known = read_samples(samples, roles)
    codes = [read_codes(path, known)[1] for path in encodings]
    tables = [pd.DataFrame(columns=MATCH_COLUMNS)]
    for a, b in combinations(range(len(codes)), 2):
        both = known.index[known.index.isin(codes[a].index) & known.index.isin(codes[b].index)]
        table = match_features(codes[a].loc[both], codes[b].loc[both], known.only(both).split)
        table = table[table["matched"] != ""]
        table = table.rename(columns={"feature": "feature_a", "matched": "feature_b"})
        (model_a, tuner_a), (model_b, tuner_b) = experiments[a], experiments[b]
        table = table.assign(model_a=model_a, tuner_a=tuner_a, model_b=model_b, tuner_b=tuner_b)
        tables.append(table[MATCH_COLUMNS])
    table = pd.concat(tables[1:], ignore_index=True) if len(tables) > 1 else tables[0]
    write_table(table, matched_features)


def match_features(codes: pd.DataFrame, others: pd.DataFrame, split: np.ndarray) -> pd.DataFrame:
    """Match features one to one, so that the sum of |r| on the training samples is largest.

    Parameters
    ----------
    codes, others
        Codes of the same samples, of any widths.
    split
        Part of each sample.

    Returns
    -------
    pandas.DataFrame
        feature (of `codes`), matched (of `others`; "" if none is left), r (on the samples that
        judge; 0 without a match or where a feature is constant), svcca (see `svcca`).
    """
    train, held_out = split == "train", split == held_out_part(split)
    a, b = codes.to_numpy(dtype=float), others.to_numpy(dtype=float)
    rows, columns = linear_sum_assignment(np.abs(correlations(a[train], b[train])), maximize=True)
    on_held_out = correlations(a[held_out], b[held_out])
    matched, r = np.full(len(codes.columns), "", dtype=object), np.zeros(len(codes.columns))
    matched[rows], r[rows] = others.columns[columns], on_held_out[rows, columns]
    return pd.DataFrame(
        {"feature": codes.columns, "matched": matched, "r": r, "svcca": svcca(a[train], b[train])}
    )


def svcca(a: np.ndarray, b: np.ndarray) -> float:
    """Mean canonical correlation of two codes, each reduced to 99 % of its variance.

    Raghu 2017 (https://arxiv.org/abs/1706.05806): 1 if the one with fewer directions is a
    linear function of the other; each pair of directions counts the same.

    Parameters
    ----------
    a, b
        The same samples x features.

    Returns
    -------
    float
        In 0..1; 0 if a code is constant.
    """
    directions = [_main_directions(values) for values in (a, b)]
    if not all(part.shape[1] for part in directions):
        return 0.0
    canonical = np.linalg.svd(directions[0].T @ directions[1], compute_uv=False)
    return float(np.clip(canonical, 0, 1).mean())


def _main_directions(values: np.ndarray) -> np.ndarray:
    """Orthonormal directions (samples x k) that hold most of the variance."""
    centred = values - values.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    if size[0] <= 1e-7 * max(np.linalg.norm(values), 1e-30):
        return left[:, :0]
    share = np.cumsum(size**2) / np.sum(size**2)
    return left[:, : np.searchsorted(share, KEPT_VARIANCE) + 1]
