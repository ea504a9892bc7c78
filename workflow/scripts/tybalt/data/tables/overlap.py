"""The samples that two tables share, and clear words when they share too few."""

import re
from collections.abc import Callable, Collection

from tybalt.plan.errors import InputError, some


def shared_samples(
    first: Collection[str], second: Collection[str], files: tuple[str, str], minimum_overlap: float
) -> list[str]:
    """Return the samples that both tables have, sorted.

    Parameters
    ----------
    first
        Samples of the table that is to be completed by the second one, each once.
    files
        Where the two tables come from, for the message.
    minimum_overlap
        Least allowed share (0..1) of the first table's samples that the second one has.

    Raises
    ------
    InputError
        If fewer are shared: as a rule the tables use different ids.
    """
    shared = sorted(set(first) & set(second))
    if not shared or len(shared) < minimum_overlap * len(first):
        raise InputError(
            f"{files[0]} has {len(first):,} samples ({_examples(first, second)}), {files[1]} has "
            f"{len(second):,} ({_examples(second, first)}): found {len(shared):,} "
            f"({len(shared) / max(len(first), 1):.1%}) of the first also in the second, expected "
            f"at least {minimum_overlap:.0%}; give tables with the same ids, or lower "
            f"minimum_overlap{explain_ids(set(first) - set(second), set(second) - set(first))}"
        )
    return shared


def _examples(samples: Collection[str], others: Collection[str]) -> str:
    """Show samples that the other table lacks: they tell best what is wrong with the ids."""
    alone = sorted(set(samples) - set(others))
    return f"only there: {some(alone, 3)}" if alone else "all also in the other"


def _from_latin_1(name: str) -> str:
    """Undo the reading of UTF-8 as Latin-1: ``Ã¼`` becomes ``ü``."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeError:
        return name


#: Ways in which programs change ids: what happened, and a function that undoes it on both sides.
_CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("an X before a digit, as R writes names (check.names=FALSE keeps them)",
     lambda name: re.sub(r"^X(?=[0-9.])", "", name)),
    ("upper and lower case", str.casefold),
    ("dots in the place of dashes or blanks, as R writes names (check.names=FALSE keeps them)",
     lambda name: re.sub(r"[^A-Za-z0-9]", ".", re.sub(r"^X(?=[0-9])", "", name))),
    ("zeros at the start, as spreadsheets drop them", lambda name: name.lstrip("0")),
    ("a .0 at the end, as ids that were read as numbers have",
     lambda name: name.removesuffix(".0")),
    ("the encoding (Latin-1 against UTF-8)", _from_latin_1),
    ("blanks or invisible characters",
     lambda name: re.sub(r"[\s\u200b-\u200d\u2060\ufeff]", "", name)),
    ("what follows a point, as suffixes of versions or of doubled columns",
     lambda name: name.partition(".")[0]),
)  # fmt: skip


def explain_ids(alone: Collection[str], others: Collection[str]) -> str:
    """Say how ids without a partner differ from those of the other table, where that is known.

    Returns
    -------
    str
        A clause that begins with ``;``, or nothing if no known change makes half of them meet.
    """
    for what, undo in _CHANGES:
        partner = {undo(name): name for name in others}
        pairs = [(name, partner[undo(name)]) for name in sorted(alone) if undo(name) in partner]
        if pairs and 2 * len(pairs) >= len(alone):
            shown = some([f"{here} for {there}" for here, there in pairs], 3)
            return f"; {len(pairs)} of the ids differ only in {what}: {shown}"
    return ""
