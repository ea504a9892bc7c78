"""A random sample of a space, without repetition."""

import dataclasses
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.errors import InputError
from tybalt.hyperparameters import hyperparameter


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of the random tuner."""

    trials: int = hyperparameter(10, "Configurations to draw, without repetition.", low=1)


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[dict[str, Any]]]:
    """Return one round with `trials` settings, drawn from the product of all lists.

    Raises
    ------
    InputError
        If more settings are asked for than the space has.
    """
    size = math.prod(len(values) for values in space.values())
    if options.trials > size:
        raise InputError(
            f"{where}.trials: found {options.trials}, but the space has {size} configurations; "
            "ask for fewer or use the tuner grid"
        )
    numbers = random.Random(seed).sample(range(size), options.trials)
    return [[nth_setting(space, number) for number in numbers]]


def nth_setting(space: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """Return the setting at a position of the grid, without listing the grid."""
    setting = {}
    for name in reversed(space):
        number, position = divmod(number, len(space[name]))
        setting[name] = space[name][position]
    return {name: setting[name] for name in space}
