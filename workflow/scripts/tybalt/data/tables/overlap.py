"""The samples that two tables share, and a clear message when they share too few."""

from collections.abc import Collection

from tybalt.plan.errors import InputError


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
            "minimum_overlap"
        )
    return shared


def _examples(samples: Collection[str], others: Collection[str]) -> str:
    """Show samples that the other table lacks: they tell best what is wrong with the ids."""
    alone = sorted(set(samples) - set(others))[:3]
    return f"only there: {', '.join(alone)}" if alone else "all also in the other"
