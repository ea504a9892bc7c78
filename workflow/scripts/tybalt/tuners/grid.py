"""Every combination of a space."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.plan.search import configurations, size


@dataclasses.dataclass(frozen=True)
class Options:
    """There is nothing to choose."""


def count(space: Mapping[str, Sequence[Any]], options: Options) -> int:
    """Count the configurations of the space."""
    return size(space)


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[dict[str, Any]]]:
    """Return one round with the product of all lists, the last name varying fastest."""
    return [list(configurations(space))]
