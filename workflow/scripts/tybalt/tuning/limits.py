"""Where a search was cut short: trained too briefly, best at an edge, too few settings."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

#: Of n settings drawn at random, one is among the best 5 % of all with a chance of 1 - 0.95^n
#: (Bergstra and Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html, section 2.1).
AMONG_THE_BEST = 0.05

#: Searches that are more likely to miss those 5 % than to find one of them are called too small.
SUFFICIENT = 0.5

#: The chance that is advised.
ADVISED = 0.95


def find_limits(
    hyperparameters: Mapping[str, Any],
    best_epoch: int | None,
    space: Mapping[str, Sequence[Any]],
    n_settings: int,
    HParams: type,
    inert: Sequence[str] = (),
) -> list[str]:
    """Say where the winner of a search may not be the best that there is, and what to try next.

    Parameters
    ----------
    hyperparameters
        Of the winner; `epochs` among them if it is trained epoch by epoch.
    best_epoch
        The epoch of the winner that counts, from 1; None if it is not known.
    space
        Hyperparameters that were searched, and their values; empty without a search.
    n_settings
        How many different settings were tried.
    HParams
        Of the model; what it declares says how far a value may go.
    inert
        Hyperparameters that changed nothing, whose best value says nothing.

    Returns
    -------
    list of str
        Clauses without a full stop.
    """
    lines = []
    epochs = hyperparameters.get("epochs")
    longest = max([*space.get("epochs", []), epochs or 0])
    if epochs is not None and best_epoch == epochs == longest:
        lines.append(
            f"its best epoch is the last of {epochs}, so it may not have finished learning; try "
            f"epochs: {2 * epochs}"
        )
    for field in dataclasses.fields(HParams):
        values = space.get(field.name, [])
        if field.name not in (*inert, "epochs"):
            lines += at_the_edge(field, hyperparameters.get(field.name), values)
    if space and chance(n_settings) < SUFFICIENT:
        lines.append(
            f"{n_settings} settings are too few to tell: of as many random ones, one is among the "
            f"best {100 * AMONG_THE_BEST:.0f} % with a chance of {100 * chance(n_settings):.0f} %; "
            f"try more values, or a random search of {enough(ADVISED)} trials "
            f"({100 * ADVISED:.0f} %)"
        )
    return lines


def at_the_edge(field: dataclasses.Field, best: Any, values: Sequence[Any]) -> list[str]:
    """Say that a number lies at an edge of its values, if it could lie beyond."""
    numbers = sorted({value for value in values if _is_number(value)})
    if len(numbers) < 2 or best not in (numbers[0], numbers[-1]):
        return []
    is_largest = best == numbers[-1]
    following = beyond(numbers if is_largest else numbers[::-1], field.type in (int, "int"))
    low, high = field.metadata["low"], field.metadata["high"]
    outside = (high is not None and following > high) or (low is not None and following < low)
    if following == best or best in (low, high) or outside:
        return []
    return [
        f"its {field.name} {best:g} is the {'largest' if is_largest else 'smallest'} of the "
        f"{len(numbers)} that were tried; try {following:g} as well"
    ]


def beyond(numbers: Sequence[float], is_whole: bool) -> float:
    """Continue a row of numbers by its last step: as a factor where all are above 0."""
    before, last = numbers[-2:]
    following = last * last / before if min(before, last) > 0 else 2 * last - before
    return max(round(following), 0) if is_whole else float(f"{following:.3g}")


def chance(n_settings: int) -> float:
    """Return the chance that one of n random settings is among the best 5 % of all."""
    return 1 - (1 - AMONG_THE_BEST) ** n_settings


def enough(probability: float) -> int:
    """Return how many random settings have such a chance."""
    return next(n for n in range(1, 1000) if chance(n) >= probability)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
