"""The samples of a dataset, `samples.tsv`: what is known of them, their parts, and their roles.

Roles say which column plays which part, and general code knows no other names: `group`, what the
split keeps together and intervals draw (donors, say); `label`, the classes; `strata`, what
the split balances.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.matrix import held_out_part
from tybalt.data.tables.clinical import CARRIED, played_columns
from tybalt.data.tables.harmonise import TEXT_COLUMNS, numbers_if_all
from tybalt.jobs.files import read_table, read_texts, rows_of, write_table
from tybalt.jobs.own_files import cure, own_file
from tybalt.plan.errors import InputError, shown, suggest
from tybalt.plan.names import in_words

#: The least number of different labels that make it worth asking for them.
FEWEST_LABELS = 2

#: Values of a column that are listed in a message.
_SHOWN_VALUES = 40


@dataclasses.dataclass(frozen=True)
class Samples:
    """All samples of a dataset.

    Parameters
    ----------
    table
        Index = sample id; `split` and every column that is known of them, text or float64.
    roles
        Role -> the name of its column; `strata` has a list of names.
    carried
        Index as of `table`; columns that the config does not name, under the names that the
        clinical table gives them. Nothing is asked of them.
    """

    table: pd.DataFrame
    roles: Mapping[str, Any]
    carried: pd.DataFrame | None = None

    @property
    def index(self) -> pd.Index:
        """The sample ids, in the order of the matrix."""
        return self.table.index

    @cached_property
    def split(self) -> np.ndarray:
        """The part of each sample: train, validation or test."""
        return self.table["split"].to_numpy(dtype=object)

    @property
    def is_train(self) -> np.ndarray:
        """Whether each sample is a training sample."""
        return self.split == "train"

    @cached_property
    def held_out(self) -> str:
        """The part that evaluates: ``test`` where there is one, else ``validation``."""
        return held_out_part(self.split)

    @cached_property
    def group(self) -> np.ndarray:
        """What each sample belongs to: samples of one group are never in two parts."""
        return self.table[self.roles["group"]].to_numpy(dtype=object)

    def only(self, samples: Sequence[str]) -> "Samples":
        """Return some of the samples, by their ids."""
        names = list(samples)
        carried = None if self.carried is None else self.carried.loc[names]
        return Samples(self.table.loc[names], self.roles, carried)

    @property
    def label(self) -> pd.Series | None:
        """The class of each sample, NaN where it is missing; None if no column plays this part."""
        name = self.roles.get("label")
        return None if name is None else self.table[name].astype(object)

    @property
    def label_in_words(self) -> str:
        """The name of the label's column, for titles: ``sample type``."""
        return in_words(self.roles.get("label") or "label")


@own_file
def read_samples(path: str, roles: Mapping[str, Any]) -> Samples:
    """Read `samples.tsv`.

    Columns that play a part, and ids, are text whatever they look like; others are numbers where
    all their known values are numbers.
    """
    table = read_texts(path)
    text = {"sample", "split", *TEXT_COLUMNS, *played_columns(roles)}
    carried = [name for name in table if name.startswith(CARRIED)]
    for name in table.columns.difference([*text, *carried]):
        table[name] = numbers_if_all(table[name])
    table = table.set_index("sample")
    names = {name: name.removeprefix(CARRIED) for name in carried}
    return Samples(table.drop(columns=carried), roles, table[carried].rename(columns=names))


def read_codes(path: str, known: Samples) -> tuple[Samples, pd.DataFrame]:
    """Read the codes of a model, and leave out the samples that it cannot see.

    A model that sees some blocks of a dataset has no code for a sample that lacks all of them.

    Parameters
    ----------
    path
        ``encoding.tsv.gz``.
    known
        All samples of the dataset.

    Returns
    -------
    Samples, pandas.DataFrame
        Those that have a code, and their codes, in the same order.

    Raises
    ------
    InputError
        If a sample has no code although no block of it is missing.
    """
    codes = read_table(path, index="sample")
    check_codes(codes, path)
    without = known.index.difference(codes.index)
    if len(without) and "blocks" in known.table:
        known = known.only(known.index[known.index.isin(codes.index)])
    return known, rows_of(codes, known.index, path)


def check_codes(codes: pd.DataFrame, path: str) -> None:
    """Refuse codes of which a feature or a value was lost; raise InputError."""
    expected = [f"z{number}" for number in range(1, codes.shape[1] + 1)]
    if list(codes.columns) != expected:
        lost = next(each for each in [*expected, "z1"] if each not in codes)
        raise InputError(f"{path}: the column {lost} is missing; {cure(path)}")
    wrong = codes.index[~np.isfinite(codes.to_numpy(np.float64)).all(axis=1)]
    if len(wrong):
        raise InputError(
            f"{path}: sample {shown(wrong[0])} has a code that is not a number (and "
            f"{len(wrong) - 1} others); {cure(path)}"
        )


def write_samples(table: pd.DataFrame, path: str) -> None:
    """Write `samples.tsv`: the index as `sample`, then all columns."""
    write_table(table.rename_axis("sample").reset_index(), path)


def texts(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as text, "" where it is missing or not there at all; 3.0 is ``3``."""
    if column not in table:
        return np.full(len(table), "", dtype=object)
    values = table[column]
    if pd.api.types.is_numeric_dtype(values):
        words = values.map(_number_as_text)
    else:
        words = values.astype(object).where(values.notna(), "").astype(str)
    return words.to_numpy(dtype=object)


def _number_as_text(value: float) -> str:
    if pd.isna(value):
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def find_positive(
    table: pd.DataFrame, name: str, contrast: Mapping[str, Any]
) -> tuple[np.ndarray, list[str]]:
    """Return the texts of a contrast's column, and those that are positive.

    Parameters
    ----------
    table
        The samples.
    name, contrast
        An entry of `contrasts` in the config: {covariate, positive, within?}.

    Raises
    ------
    InputError
        If no sample has one of the positive values: as a rule it is misspelt.
    """
    column = contrast["covariate"]
    values = texts(table, column)
    positive = [str(value) for value in contrast["positive"]]
    if column in table and pd.api.types.is_numeric_dtype(table[column]):
        numbers = pd.to_numeric(pd.Series(positive), errors="coerce")
        positive = [
            _number_as_text(number) or word for number, word in zip(numbers, positive, strict=True)
        ]
    found = set(values)
    if unknown := [word for word in positive if word not in found]:
        known = sorted(found - {""})
        raise InputError(
            f"contrasts.{name}: no sample has {column} {unknown[0]!r}; "
            f"{suggest(unknown[0], known[:_SHOWN_VALUES])}"
        )
    return values, positive


def check_contrasts(table: pd.DataFrame, contrasts: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that samples have all positive values of the config's contrasts; raise InputError."""
    for name, contrast in contrasts.items():
        find_positive(table, name, contrast)


def check_roles(table: pd.DataFrame, roles: Mapping[str, Any], where: str) -> None:
    """Refuse columns that cannot play their part, before anything is trained.

    Raises
    ------
    InputError
        If a sample has no group, or fewer than two labels are found.
    """
    group, label = roles["group"], roles.get("label")
    lacking = table.index[table[group].isna()]
    if len(lacking):
        raise InputError(
            f"{where}: roles.group: {len(lacking)} samples have no {group} ({lacking[0]}), "
            "expected "
            "one for each, as the split keeps together what has the same; fill the column in, or "
            "take the samples out"
        )
    check_weight(table, roles.get("weight"), where)
    if label is None:
        return
    found = sorted(set(table[label].dropna()))
    if len(found) < FEWEST_LABELS:
        values = f"only {found[0]!r}" if found else "no value"
        raise InputError(
            f"{where}: roles.label: {label} has {values}, expected at least {FEWEST_LABELS} "
            "different ones; name another column, or set roles.label: null"
        )


def check_weight(table: pd.DataFrame, weight: str | None, where: str) -> None:
    """Refuse a column of weights that are not all numbers above 0; raise InputError."""
    if weight is None:
        return
    values = pd.to_numeric(table[weight], errors="coerce")
    wrong = table.index[~(np.isfinite(values) & (values > 0))]
    if len(wrong):
        found = table[weight][wrong[0]]
        raise InputError(
            f"{where}: roles.weight: {len(wrong)} samples have no {weight} above 0 ({wrong[0]}: "
            f"{found if pd.notna(found) else 'empty'}), expected a positive number for each; fill "
            "the column in, or take the role away"
        )
