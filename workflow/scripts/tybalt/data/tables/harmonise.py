"""What a clinical table says, in one spelling: sexes, ages, numbers, missing words.

Whatever is not understood counts as missing and is told: counted, with examples.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

from tybalt.data.readers.sanity import MISSING_CODES
from tybalt.plan.errors import InputError, shown, some

#: Columns that stay text even if their values look like numbers.
TEXT_COLUMNS = ("sample", "patient", "sample_type", "cancer_type", "sex", "stage")

#: Words of clinical tables for "not known", in lower case, brackets and quotes taken off.
_MISSING_WORDS = frozenset(
    {"", "--", "---", "na", "n/a", "#n/a", "nan", "null", "unknown"}
    | {"not reported", "not available", "not applicable", "not evaluated"}
)

_SEXES = {
    **dict.fromkeys(("female", "f", "woman", "xx"), "female"),
    **dict.fromkeys(("male", "m", "man", "xy"), "male"),
}

#: The oldest age in years, and days in a year (GDC gives `days_to_birth`, which are negative).
OLDEST, DAYS_PER_YEAR = 130, 365.25

#: Days are believed if the oldest is of this age at least: months and years of birth are not.
YOUNGEST_OLDEST = 15

#: A column with this share of numbers among its known values holds numbers; the rest is missing.
MOSTLY_NUMBERS = 0.9

#: As numbers are written; a code such as 007, 1_1 or 1e400 is none.
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

#: Whole numbers beyond this are ids: a float does not hold them.
_LARGEST_WHOLE = 2**53

_RANGE = re.compile(r"(\d+)\s*[-\u2013]\s*(\d+)")  # 60-69, as GTEx gives ages
_BOUND = re.compile(r"[<>]=?\s*(\d+)|(\d+)\s*\+")  # >89, 90+


class Harmonised(NamedTuple):
    """A column in one spelling.

    Attributes
    ----------
    values
        Text or float64; NaN where missing or not understood.
    caveats
        What was lost or taken for something, a sentence each.
    """

    values: pd.Series
    caveats: list[str]


def harmonise(name: str, column: pd.Series, text: Collection[str], where: str) -> Harmonised:
    """Harmonise the values of a clinical column.

    Parameters
    ----------
    name
        Our name of the column: `sex` becomes female or male, `age` a number of years,
        ``TCGA-BRCA`` the `cancer_type` ``BRCA``; of a `sample` only an empty id is missing. Others
        become numbers where (nearly) all their known values are numbers, but for `TEXT_COLUMNS`.
    column
        Its values as text.
    text
        Further columns that stay text.
    where
        File and column, for messages.

    Raises
    ------
    InputError
        If the table has values, and none of them is understood; for ages that are neither years
        nor days.
    """
    if name == "sample":  # an id may look like a missing word
        return Harmonised(column.mask(column == ""), [])
    words = missing_words(column)
    if name == "cancer_type":
        return Harmonised(words.str.removeprefix("TCGA-"), [])
    if name == "sex":
        return _sexes(words, where)
    if name in {*TEXT_COLUMNS, *text}:
        return Harmonised(words, spellings(words, where))
    if name == "age":
        return _ages(words, where)
    numbers = as_numbers(words)
    share = numbers.notna().sum() / max(words.notna().sum(), 1)
    if share >= MOSTLY_NUMBERS and not has_codes(words):
        values, caveats = _understood(words, numbers, where, "numbers")
        return Harmonised(values, [*caveats, *far_codes(values, where)])
    if share > 0.5 and not has_codes(words):
        odd = words[words.notna() & numbers.isna()]
        return Harmonised(
            words,
            [
                f"{where}: it is taken for text, although {share:.0%} of its values are numbers, "
                f"as the others are not ({some(sorted(set(odd)))})."
            ],
        )
    return Harmonised(words, spellings(words, where))


def harmonise_or_tell(
    name: str, column: pd.Series, text: Collection[str], where: str
) -> Harmonised:
    """Harmonise a column as `harmonise`, but keep its words, and say why, where that refuses it."""
    try:
        return harmonise(name, column, text, where)
    except InputError as error:
        return Harmonised(missing_words(column), [f"{error}."])


def far_codes(numbers: pd.Series, where: str) -> list[str]:
    """Say that an extreme value may be a code for a missing one: -9, 999, far from all others."""
    lines = []
    for code in (numbers.min(), numbers.max()):
        others = numbers[numbers.notna() & (numbers != code)]
        if code in MISSING_CODES and len(others) > 1:
            distance = (others - code).abs().min()
            if distance > np.ptp(others):
                lines.append(
                    f"{where}: {(numbers == code).sum()} values are {code:g}, far from all others "
                    f"({others.min():g} to {others.max():g}): if that says that they are missing, "
                    "empty these cells."
                )
    return lines


def spellings(words: pd.Series, where: str) -> list[str]:
    """Say which values differ only in case, blanks or the form of their accents."""
    groups: dict[str, list[str]] = {}
    for word in sorted(set(words.dropna())):
        plain = unicodedata.normalize("NFKC", " ".join(word.split())).casefold()
        groups.setdefault(plain, []).append(word)
    unlike = [" and ".join(map(shown, group)) for group in groups.values() if len(group) > 1]
    if not unlike:
        return []
    return [
        f"{where}: values that differ only in case, blanks or accents count as different: "
        f"{'; '.join(unlike[:3])}{'; ...' if len(unlike) > 3 else ''}."
    ]


def missing_words(column: pd.Series) -> pd.Series:
    """Return texts without blanks at their ends, NaN where they say that nothing is known."""
    words = column.str.strip()
    return words.mask(words.str.strip("[]'\" ").str.lower().isin(_MISSING_WORDS))


def as_numbers(words: pd.Series) -> pd.Series:
    """Return finite numbers, to the last bit, and NaN for all other words: float64."""
    return words.map(_as_number, na_action="ignore").astype("float64")


def _as_number(word: str) -> float:
    number = float(word) if _NUMBER.fullmatch(word) else math.nan
    return number if math.isfinite(number) else math.nan


def has_codes(words: pd.Series) -> bool:
    """Tell columns of codes, which stay text: 007 among 010, or ids of more digits than a float."""
    known = words.dropna()
    digits = known[known.str.fullmatch(r"\d+")]
    with_zeros = digits.str.fullmatch(r"0\d+")
    return bool(with_zeros.any()) or bool((digits.map(int) > _LARGEST_WHOLE).any())


def numbers_if_all(words: pd.Series) -> pd.Series:
    """Return numbers if all known words are some, else the words."""
    numbers = as_numbers(words)
    all_are = numbers.notna().sum() == words.notna().sum() and not has_codes(words)
    return numbers if all_are else words


def _understood(words: pd.Series, known: pd.Series, where: str, expected: str) -> Harmonised:
    """Return `known`, and say which words it leaves out; InputError if it leaves out all."""
    unknown = words[words.notna() & known.isna()]
    if unknown.empty:
        return Harmonised(known, [])
    examples = some(sorted(set(unknown)))
    if known.isna().all():
        raise InputError(
            f"{where}: none of its {len(unknown)} values is understood ({examples}), expected "
            f"{expected}; translate them in the table, or leave the column out of clinical.columns"
        )
    return Harmonised(
        known,
        [
            f"{where}: {len(unknown)} values are not understood (expected {expected}) and count as "
            f"missing: {examples}."
        ],
    )


def _sexes(words: pd.Series, where: str) -> Harmonised:
    """Read sexes; InputError where words that are not understood leave only one of them."""
    known, expected = words.str.lower().map(_SEXES).astype(object), "female or male (f, m)"
    values, caveats = _understood(words, known, where, expected)
    if caveats and values.nunique() == 1:
        unknown = words[words.notna() & values.isna()]
        raise InputError(
            f"{where}: of {words.notna().sum()} values only those for {values.dropna().iloc[0]} "
            f"are understood, and {len(unknown)} are not ({some(sorted(set(unknown)))}): the words "
            f"may be of another language; expected {expected}"
        )
    return Harmonised(values, caveats)


def _ages(words: pd.Series, where: str) -> Harmonised:
    """Read ages: years, ranges of years (their middle), bounds, or days, which become years."""
    numbers = as_numbers(words)
    caveats = []
    for pattern, value, what in (
        (_RANGE, lambda found: (int(found[1]) + int(found[2])) / 2, "ranges, read as their middle"),
        (_BOUND, lambda found: float(found[1] or found[2]), "bounds, read as the number in them"),
    ):
        read = _matching(words, pattern, value)
        if read.notna().any():
            examples = some(sorted(set(words[read.notna()])))
            caveats.append(f"{where}: {read.notna().sum()} ages are {what} ({examples}).")
            numbers = numbers.fillna(read)
    is_days = _are_days(numbers, words, where)
    if is_days:
        years = numbers.abs() / DAYS_PER_YEAR
        caveats.append(
            f"{where}: its values ({some(sorted(set(words.dropna())), 3)}) are taken for days and "
            f"divided by {DAYS_PER_YEAR}."
        )
        numbers = years
    values, lost = _understood(words, numbers, where, "a number of years")
    return Harmonised(values, caveats + lost)


def _matching(
    words: pd.Series, pattern: re.Pattern, value: Callable[[re.Match], float]
) -> pd.Series:
    found = words.map(lambda word: pattern.fullmatch(word), na_action="ignore")
    return found.map(lambda match: value(match) if match else np.nan, na_action="ignore").astype(
        "float64"
    )


def _are_days(numbers: pd.Series, words: pd.Series, where: str) -> bool:
    """Tell whether ages are days: all beyond the oldest, and of people when they become years.

    Raises
    ------
    InputError
        For anything else beyond 0 to `OLDEST`: a mixture, months, years of birth, dates.
    """
    known = numbers.dropna()
    beyond = (known < 0) | (known > OLDEST)
    if not beyond.any():
        return False
    years = known.abs() / DAYS_PER_YEAR
    if (known.abs() > OLDEST).all() and YOUNGEST_OLDEST <= years.max() <= OLDEST:
        return True
    found = known.index[beyond]
    raise InputError(
        f"{where}: found {beyond.sum()} of {len(known)} ages outside of 0 to {OLDEST} years "
        f"({some(sorted(set(words[found])))}), which are no days in all rows either (as days the "
        f"oldest would be {years.max():.3g} years); write years, and leave unknown ones empty"
    )
