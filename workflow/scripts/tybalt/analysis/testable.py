"""Which contrasts can be tested with a split of the samples, and which split would test more."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.contrasts import Contrast, read_contrasts
from tybalt.analysis.repeats import recommend
from tybalt.analysis.stratified_tests import answering_strata, untestable
from tybalt.data.matrix import held_out_part
from tybalt.data.samples import Samples, read_samples
from tybalt.data.split import part_groups, strata_of
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.datasets import LARGEST_HELD_OUT
from tybalt.plan.errors import InputError
from tybalt.plan.names import in_words, plural

log = logging.getLogger(__name__)

#: Test shares that are tried, if they are larger than the one at hand. With more than 0.4, fewer
#: samples than half would train beside the default validation part.
SHARES_TRIED = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4)

COLUMNS = ["test", "used", "contrast", "named", "testable", "reason"]

#: Named contrasts that a sentence explains.
_SHOWN = 3


def count_testable(
    samples: str,
    known_columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    split: Mapping[str, Any],
    repeats: int,
    seed: int,
    testable: str,
) -> None:
    """Say before anything is trained which contrasts can be tested, and which split tests more.

    A contrast can be tested if ten groups or more answer on each side, of the training and of the
    held-out samples (`tybalt.analysis.stratified_tests.untestable`). The larger test shares are
    tried by splitting the same samples with the same seed, which is how they would be split.

    Parameters
    ----------
    samples, roles, status, mutation_burden, driver_genes, declared
        As of `tybalt.analysis.associations.associate_features`.
    known_columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    split, seed
        As of `tybalt.data.split.split_samples`.
    repeats
        How often the samples are split.
    testable
        Output table, a row for each test share and contrast: `test`, the share (missing where the
        method has none); `used`: whether it is that of the study; `testable`, and the `reason` if
        it is not.
    """
    known = read_samples(samples, roles)
    contrasts = read_contrasts(
        known, declared, known_columns, status, driver_genes, mutation_burden
    )
    noun = plural(in_words(roles["group"]))
    tables = [
        list_testable(contrasts, known.split, known.group, noun).assign(
            test=split.get("test", np.nan), used="yes"
        )
    ]
    for share, parts in larger_tests(known, split, seed).items():
        tables.append(
            list_testable(contrasts, parts, known.group, noun).assign(test=share, used="no")
        )
    table = pd.concat(tables, ignore_index=True)[COLUMNS]
    write_table(table, testable)
    lines = [
        *untested_caveats(read_table(testable)),
        *recommend(len(known.index), repeats, split["method"]),
    ]
    for line in lines:
        log.warning("%s", line)
    if not lines:
        log.info("each of %d contrasts can be tested", len(contrasts))


def list_testable(
    contrasts: Sequence[Contrast], split: np.ndarray, groups: np.ndarray, noun: str
) -> pd.DataFrame:
    """Tell which contrasts can be tested with a split, as `associate_features` does.

    Returns
    -------
    pandas.DataFrame
        `contrast`, `named`, `testable` (yes or no) and `reason`.
    """
    part = held_out_part(split)
    train = split == "train"
    rows = []
    for contrast in contrasts:
        strata = answering_strata(contrast, train, groups)
        parts = {"training": train, part: split == part}
        reason = untestable(contrast, parts, strata, groups, noun)
        rows.append(
            {
                "contrast": contrast.name,
                "named": "yes" if contrast.named else "no",
                "testable": "no" if reason else "yes",
                "reason": reason,
            }
        )
    return pd.DataFrame(rows, columns=["contrast", "named", "testable", "reason"])


def larger_tests(known: Samples, split: Mapping[str, Any], seed: int) -> dict[float, np.ndarray]:
    """Split the samples with larger test shares: share -> part of each sample.

    A share with which they cannot be split is left out; the published split has none.
    """
    if split["method"] != "stratified":
        return {}
    strata, group = strata_of(known.table, known.roles), known.roles["group"]
    found = {}
    for share in SHARES_TRIED:
        if split["test"] < share <= LARGEST_HELD_OUT - split["validation"]:
            try:
                parts = part_groups(strata, split["validation"], share, group, seed)
            except InputError:  # a part would be empty: not a split that could be advised
                continue
            found[share] = parts[known.group].to_numpy()
    return found


def untested_caveats(table: pd.DataFrame) -> list[str]:
    """Say how many contrasts can be tested, and with which test share more could; [] if all can.

    Parameters
    ----------
    table
        As `count_testable` writes it.
    """
    mine = table[table["used"] == "yes"]
    if mine.empty or (mine["testable"] == "yes").all():
        return []
    share = mine["test"].iloc[0]
    how = f"with split.test {share:g}" if pd.notna(share) else "with this split"
    named = mine[mine["named"] == "yes"]
    line = f"Of {len(mine)} contrasts {count(mine)} can be tested {how}"
    if len(named):
        line += f", of the {len(named)} that the config names {count(named)}"
        lost = named[named["testable"] == "no"]
        reasons = [f"{row['contrast']}: {row['reason']}" for row in lost.to_dict("records")]
        shown = [*reasons[:_SHOWN], *(["..."] if len(reasons) > _SHOWN else [])]
        line += f" ({'; '.join(shown)})" if reasons else ""
    return [f"{line}; {better(table, mine)}."]


def better(table: pd.DataFrame, mine: pd.DataFrame) -> str:
    """Name the smallest share that tests most: of contrasts that the config names, then of all."""
    others = table[table["used"] == "no"]
    if others.empty:
        return "more samples are needed to test the others"
    scores = {
        share: (count(rows[rows["named"] == "yes"]), count(rows))
        for share, rows in others.groupby("test")
    }
    share = max(scores, key=lambda each: (scores[each], -each))
    named, whole = scores[share]
    if (named, whole) <= (count(mine[mine["named"] == "yes"]), count(mine)):
        return "no larger test part would test more"
    of_named = f" ({named} of those named)" if (mine["named"] == "yes").any() else ""
    return f"with split.test {share:g}, which leaves fewer samples to train on, {whole}{of_named}"


def count(rows: pd.DataFrame) -> int:
    """Count the contrasts that can be tested."""
    return int((rows["testable"] == "yes").sum())
