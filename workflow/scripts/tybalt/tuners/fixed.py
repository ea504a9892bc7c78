"""No search: one trial with the model's fixed values and defaults."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


def count(space: Mapping[str, Sequence[Any]], options: Options) -> int:
    """Count one trial."""
    return 1


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[dict[str, Any]]]:
    """Return one round with one setting that changes nothing; the space is not looked at."""
    return [[{}]]
