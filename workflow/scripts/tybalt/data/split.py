"""Three parts of the samples: train fits, validation chooses, test judges."""

import hashlib
import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import PARTS
from tybalt.plan.errors import InputError, suggest

LOG = logging.getLogger(__name__)

METHODS = ("stratified", "tybalt")

_SMALLEST_STRATUM = 10  # patients
_POOLED = "(pooled)"
_PUBLISHED_SEED = 123
_PUBLISHED_SHARE = 0.1


def split_samples(obs: pd.DataFrame, split: Mapping[str, Any], seed: int) -> np.ndarray:
    """Give every sample its part.

    Parameters
    ----------
    obs
        Index = sample id, sorted; column `patient`, and where known `cancer_type` and
        `sample_type`.
    split
        ``{"method": "stratified", "validation": 0.1, "test": 0.1}``, or
        ``{"method": "tybalt"}``, which has neither shares nor a seed of its own.
    seed
        Any whole number.

    Returns
    -------
    numpy.ndarray
        Strings of `tybalt.data.matrix.PARTS`, one per row of `obs`.
    """
    method = split["method"]
    if method not in METHODS:
        raise InputError(f"split.method: found {method!r}; {suggest(method, METHODS)}")
    if method == "tybalt":
        parts = split_as_published(obs.index)
    else:
        parts = split_by_patient(obs, split["validation"], split["test"], seed)
    sizes = {part: int((parts == part).sum()) for part in PARTS}
    LOG.info("split %s: %s", method, ", ".join(f"{n} {part}" for part, n in sizes.items()))
    return parts


def split_as_published(samples: pd.Index) -> np.ndarray:
    """Split as the notebooks of greenelab/tybalt do: seed 123, 10 % held out, two parts.

    Held-out samples are the part ``validation``. The draw is that of
    ``numpy.random.seed(123); table.sample(frac=0.1)`` on the table sorted by sample. It knows no
    patients: a tumour and its normal may part.
    """
    held_out = samples.to_series().sample(frac=_PUBLISHED_SHARE, random_state=_PUBLISHED_SEED)
    return np.where(samples.isin(held_out), "validation", "train").astype(object)


def split_by_patient(obs: pd.DataFrame, validation: float, test: float, seed: int) -> np.ndarray:
    """Split patients into train, validation and test, stratified.

    A stratum is a cancer type with the sample types that a patient has; where a dataset has
    neither column, all patients are one stratum. Strata of fewer than 10 patients fall back to
    one stratum per cancer type, and if that is still too small to a pooled one.
    Patients are ordered by stratum and in it by a hash of the seed and their name, and taken at
    even distances. So each part has its share of patients to within one, over all and in every
    stratum, and the result depends on nothing but the seed and the samples.

    Parameters
    ----------
    obs
        As for `split_samples`.
    validation, test
        Shares of the patients, 0 to 1; a `test` of 0 gives two parts.

    Raises
    ------
    InputError
        If the shares leave nothing to train on, or a part that was asked for stays empty.
    """
    if validation <= 0 or test < 0 or validation + test >= 1:
        raise InputError(
            f"split: found validation {validation} and test {test}, expected shares above 0 "
            "(test: or 0) that leave a part to train on"
        )
    strata = stratify(_strata_of_patients(obs))
    order = sorted(strata.index, key=lambda patient: (strata[patient], _hash(seed, patient)))
    held_out = _at_even_distances(order, validation + test)
    validating = _at_even_distances(held_out, validation / (validation + test))
    part_of_patient = pd.Series("train", index=order, dtype=object)
    part_of_patient[held_out] = "test"
    part_of_patient[validating] = "validation"
    for part, share in zip(PARTS, (1, validation, test), strict=True):
        if share and part not in part_of_patient.to_numpy():
            raise InputError(
                f"split: {len(order)} patients are too few for a part {part!r} of {share}; "
                "set a larger share or bring more patients"
            )
    return part_of_patient[obs["patient"]].to_numpy()


def _strata_of_patients(obs: pd.DataFrame) -> pd.DataFrame:
    """Tell the cancer type and the sample types of each patient (index = patient)."""
    labels = pd.DataFrame({"patient": obs["patient"].astype(str)})
    for column in ("cancer_type", "sample_type"):
        labels[column] = obs[column].fillna("unknown").astype(str) if column in obs else ""
    labels = labels.drop_duplicates().sort_values(["patient", "cancer_type", "sample_type"])
    patients = labels.groupby("patient")
    return pd.DataFrame(
        {
            "cancer_type": patients["cancer_type"].first(),
            "sample_types": patients["sample_type"].agg(" + ".join),
        }
    )


def stratify(patients: pd.DataFrame) -> pd.Series:
    """Name the stratum of each patient, after small ones have fallen back.

    Parameters
    ----------
    patients
        Index = patient; columns `cancer_type` and `sample_types`.
    """
    strata = patients["cancer_type"] + ", " + patients["sample_types"]
    by_type = patients["cancer_type"] + ", other sample types"
    for level, fallback in (("cancer type", by_type), ("the pooled stratum", _POOLED)):
        sizes = strata.value_counts()
        small = sizes[sizes < _SMALLEST_STRATUM].drop(_POOLED, errors="ignore").sort_index()
        if len(small):
            names = "; ".join(f"{name} ({size})" for name, size in small.items())
            LOG.info("split: too few patients, falling back to %s: %s", level, names)
        strata = strata.mask(strata.isin(small.index), fallback)
    return strata


def _hash(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed}/{patient}".encode()).hexdigest()


def _at_even_distances(names: list[str], share: float) -> list[str]:
    """Take a share of a list, evenly spread over it: the i-th where round(i x share) steps up."""
    return [
        name
        for position, name in enumerate(names)
        if math.floor((position + 1) * share + 0.5) > math.floor(position * share + 0.5)
    ]
