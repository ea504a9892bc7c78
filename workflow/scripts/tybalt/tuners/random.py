"""A random sample of a space, without repetition."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.plan.errors import InputError
from tybalt.plan.hyperparameters import hyperparameter
from tybalt.plan.search import MOST, draw, size


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the random tuner."""

    trials: int = hyperparameter(
        10, "Configurations to draw, without repetition.", low=1, high=MOST
    )


def count(space: Mapping[str, Sequence[Any]], options: Options) -> int:
    """Count the trials."""
    return options.trials


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[dict[str, Any]]]:
    """Return one round with `trials` settings, drawn from the product of all lists.

    Raises
    ------
    InputError
        If more settings are asked for than the space has.
    """
    if options.trials > size(space):
        raise InputError(
            f"{where}.trials: found {options.trials}, but the space has {size(space)} "
            "configurations; ask for fewer or use the tuner grid"
        )
    return [draw(space, options.trials, seed)]
