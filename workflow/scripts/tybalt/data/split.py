"""Three parts of the samples: train fits, validation chooses, test evaluates."""

import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import PARTS
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.names import in_words, plural

LOG = logging.getLogger(__name__)

METHODS = ("stratified", "tybalt")

_SMALLEST_STRATUM = 10  # groups
_POOLED = "(pooled)"
_PUBLISHED_SEED = 123
_PUBLISHED_SHARE = 0.1


def split_samples(
    obs: pd.DataFrame, split: Mapping[str, Any], roles: Mapping[str, Any], seed: int
) -> np.ndarray:
    """Give every sample its part.

    Parameters
    ----------
    obs
        Index = sample id, sorted; the columns that play a part.
    split
        ``{"method": "stratified", "validation": 0.1, "test": 0.1}``, or
        ``{"method": "tybalt"}``, which has neither shares nor a seed of its own.
    roles
        ``group``: column of what stays together; ``strata``: columns that are balanced.
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
        parts = split_by_group(obs, split["validation"], split["test"], roles, seed)
    sizes = {part: int((parts == part).sum()) for part in PARTS}
    LOG.info("split %s: %s", method, ", ".join(f"{n} {part}" for part, n in sizes.items()))
    return parts


def split_as_published(samples: pd.Index) -> np.ndarray:
    """Split as the notebooks of greenelab/tybalt do: seed 123, 10 % held out, two parts.

    Held-out samples are the part ``validation``. The draw is that of
    ``numpy.random.seed(123); table.sample(frac=0.1)`` on the table sorted by sample. It knows no
    groups: a tumour and its normal may part.
    """
    held_out = samples.to_series().sample(frac=_PUBLISHED_SHARE, random_state=_PUBLISHED_SEED)
    return np.where(samples.isin(held_out), "validation", "train").astype(object)


def split_by_group(
    obs: pd.DataFrame, validation: float, test: float, roles: Mapping[str, Any], seed: int
) -> np.ndarray:
    """Split groups into train, validation and test, stratified.

    A stratum is a value of the first column of `strata` with the values of the others that a
    group has (a label with sample types); without such columns, all groups are one stratum.
    Strata of fewer than 10 groups fall back to one stratum for each value of the first column, and
    if that is still too small to a pooled one.
    Groups are ordered by stratum and in it by a hash of the seed and their name, and taken at
    even distances. So each part has its share of groups to within one, over all and in every
    stratum, and the result depends on nothing but the seed and the samples.

    Parameters
    ----------
    obs
        As for `split_samples`.
    validation, test
        Shares of the groups, 0 to 1; a `test` of 0 gives two parts.
    roles
        As for `split_samples`.

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
    part_of_group = part_groups(strata_of(obs, roles), validation, test, roles["group"], seed)
    return part_of_group[obs[roles["group"]]].to_numpy()


def strata_of(obs: pd.DataFrame, roles: Mapping[str, Any]) -> pd.Series:
    """Name the stratum of each group (the index); arguments as of `split_samples`."""
    group, names = roles["group"], roles["strata"]
    return stratify(_strata_of_groups(obs, group, names), group, names)


def part_groups(
    strata: pd.Series, validation: float, test: float, group: str, seed: int
) -> pd.Series:
    """Give every group its part, as `split_by_group` says.

    Parameters
    ----------
    strata
        Stratum of each group (`strata_of`).
    validation, test, seed
        As of `split_by_group`.
    group
        What the column of groups is called, for messages.

    Returns
    -------
    pandas.Series
        Part by group.

    Raises
    ------
    InputError
        If a part that was asked for stays empty.
    """
    order = sorted(strata.index, key=lambda name: (strata[name], _hash(seed, name)))
    held_out = _at_even_distances(order, validation + test)
    validating = _at_even_distances(held_out, validation / (validation + test))
    part_of_group = pd.Series("train", index=order, dtype=object)
    part_of_group[held_out] = "test"
    part_of_group[validating] = "validation"
    for part, share in zip(PARTS, (1, validation, test), strict=True):
        if share and part not in part_of_group.to_numpy():
            raise InputError(
                f"split: {len(order)} {plural(in_words(group))} are too few for a part {part!r} "
                f"of {share}; "
                "set a larger share or bring more of them"
            )
    return part_of_group


def _strata_of_groups(obs: pd.DataFrame, group: str, names: Sequence[str]) -> pd.DataFrame:
    """Tell of each group the value of the first column, and all values of the others."""
    known = [obs[name].fillna("unknown").astype(str) for name in names]
    labels = pd.DataFrame({"group": obs[group].astype(str)})
    labels["first"] = known[0] if known else ""
    labels["others"] = known[1].str.cat(known[2:], sep=" / ") if len(known) > 1 else ""
    labels = labels.drop_duplicates().sort_values(["group", "first", "others"])
    groups = labels.groupby("group")
    return pd.DataFrame(
        {"first": groups["first"].first(), "others": groups["others"].agg(" + ".join)}
    )


def stratify(groups: pd.DataFrame, group: str, names: Sequence[str]) -> pd.Series:
    """Name the stratum of each group, after small ones have fallen back.

    Parameters
    ----------
    groups
        Index = group; columns `first` and `others`, as text.
    group, names
        What the columns are called, for the log.
    """
    first, others = (in_words(name) for name in (*names, "class", "kind")[:2])
    strata = groups["first"] + ", " + groups["others"]
    by_first = groups["first"] + f", other {plural(others)}"
    for level, fallback in ((first, by_first), ("the pooled stratum", _POOLED)):
        sizes = strata.value_counts()
        small = sizes[sizes < _SMALLEST_STRATUM].drop(_POOLED, errors="ignore").sort_index()
        if len(small):
            listed = "; ".join(f"{name} ({size})" for name, size in small.items())
            LOG.info(
                "split: too few %s, falling back to %s: %s", plural(in_words(group)), level, listed
            )
        strata = strata.mask(strata.isin(small.index), fallback)
    return strata


def _hash(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()


def _at_even_distances(names: list[str], share: float) -> list[str]:
    """Take a share of a list, evenly spread over it: the i-th where round(i x share) steps up."""
    return [
        name
        for position, name in enumerate(names)
        if math.floor((position + 1) * share + 0.5) > math.floor(position * share + 0.5)
    ]
