"""What a search is made of: slots, proposals, results, and the positions of a space (PURE).

An *open* loop knows all its settings before the first training. A *closed* loop knows its slots:
how many trainings there are in each round and how many epochs they take. Its settings are
proposed round by round, by `ask` of its tuner, which is told the results of all earlier rounds.
"""

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Trials of one search: Snakemake plans so many jobs in some minutes and some gigabytes.
MOST = 100_000


@dataclass(frozen=True)
class Slot:
    """A place for one training of an adaptive search; its setting is proposed later.

    Parameters
    ----------
    epochs
        Epochs that the training has at its end; None: the model's or the setting's own.
    epochs_before
        How many of them a trial of the round before has trained this setting; 0: a new setting.
    """

    epochs: int | None = None
    epochs_before: int = 0


@dataclass(frozen=True)
class Proposal:
    """What a slot is to train.

    Parameters
    ----------
    setting
        Hyperparameter -> value, for every hyperparameter of the space.
    continues
        The trial (``r0/s03``) of the same setting and seed, trained for longer here; None if new.
    """

    setting: Mapping[str, Any]
    continues: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of a proposal.

    Parameters
    ----------
    name
        Of the trial: ``r0/s03``.
    setting
        As proposed.
    score
        Mean over the executions, lower is better; None if one of them diverged.
    """

    name: str
    setting: Mapping[str, Any]
    score: float | None


#: The rounds so far; a slot that was left empty is None.
History = Sequence[Sequence[Result | None]]


def slot_name(number: int) -> str:
    """Name the slots of a round: s00, s01, ..."""
    return f"s{number:02d}"


def size(space: Mapping[str, Sequence[Any]]) -> int:
    """Count the configurations of a space."""
    return math.prod(len(values) for values in space.values())


def configurations(space: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """List the configurations of a space one by one, the last name varying fastest."""
    for values in itertools.product(*space.values()):
        yield dict(zip(space, values, strict=True))


def nth_configuration(space: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """Return the configuration at a position of that list, without listing it."""
    setting = {}
    for name in reversed(space):
        number, position = divmod(number, len(space[name]))
        setting[name] = space[name][position]
    return {name: setting[name] for name in space}


def draw(space: Mapping[str, Sequence[Any]], most: int, seed: int) -> list[dict[str, Any]]:
    """Draw at most so many configurations, without repetition; all of them if there are fewer."""
    if size(space) <= most:
        return list(configurations(space))
    numbers = random.Random(seed).sample(range(size(space)), most)
    return [nth_configuration(space, number) for number in numbers]
