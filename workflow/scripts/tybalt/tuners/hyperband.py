"""Hyperband: many settings for a few epochs, the best of them for longer.

Li 2018 (https://jmlr.org/papers/v18/16-558.html), by KerasTuner's oracle. A *bracket* begins with
random settings; a share of 1 / factor goes on to its next *rung*, for factor times the epochs.
Round r of the search holds rung r of every bracket. A setting that goes on is not trained anew:
its training continues, and its score is that of its best epoch, on whichever rung.
"""

import dataclasses
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tybalt.plan.hyperparameters import hyperparameter
from tybalt.plan.search import MOST, History, Proposal, Slot
from tybalt.plan.shared_hyperparameters import LONGEST

PLAN_ONLY = ()

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of Hyperband, named as in KerasTuner."""

    max_epochs: int = hyperparameter(
        27,
        "Epochs of a setting that passes every rung; takes the place of the model's `epochs`.",
        low=2,
        high=LONGEST,
        unit="epochs",
    )
    factor: int = hyperparameter(
        3,
        "From rung to rung there are so many times fewer settings, with so many times the epochs.",
        low=2,
        high=LONGEST,
    )
    hyperband_iterations: int = hyperparameter(
        1, "How often all brackets are run.", low=1, high=MOST
    )


def count(space: Mapping[str, Sequence[Any]], options: Options) -> int:
    """Count the trials on all rungs of all brackets."""
    planned = brackets(options.max_epochs, options.factor)
    return options.hyperband_iterations * sum(
        settings for rungs in planned for settings, _ in rungs
    )


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[Slot]]:
    """Return one round for each rung, the brackets in KerasTuner's order, the deepest first."""
    planned = list(brackets(options.max_epochs, options.factor)) * options.hyperband_iterations
    rungs = max(len(bracket) for bracket in planned)
    return [
        [
            Slot(
                epochs=bracket[rung][1],
                epochs_before=bracket[rung - 1][1] if rung else 0,
            )
            for bracket in planned
            if rung < len(bracket)
            for _ in range(bracket[rung][0])
        ]
        for rung in range(rungs)
    ]


def brackets(max_epochs: int, factor: int) -> Iterator[list[tuple[int, int]]]:
    """List the brackets as KerasTuner sizes them: per rung (settings, epochs at its end).

    There are as many brackets as `max_epochs` can be divided by `factor` down to 1 epoch.
    """
    last = math.ceil(1 + math.log(max_epochs, factor))
    deepest, epochs = -1, float(max_epochs)
    while epochs >= 1:
        deepest, epochs = deepest + 1, epochs / factor
    for depth in range(deepest, -1, -1):
        yield [
            (
                math.ceil(last / (depth + 1) * factor ** (depth - rung)),
                math.ceil(max_epochs / factor ** (depth - rung)),
            )
            for rung in range(depth + 1)
        ]


def ask(
    space: Mapping[str, Sequence[Any]],
    options: Options,
    seed: int,
    history: History,
    slots: Sequence[Slot],
    model_of: Callable[[Mapping[str, Any]], str],
) -> list[Proposal | None]:
    """Propose the settings of the next round; see `tybalt.tuners`.

    A training that diverged is told as infinitely bad: left out, as KerasTuner leaves it out,
    its rung would never be complete. Should it go on all the same, its slot stays empty.
    """
    from tybalt.tuning.kerastuner import HyperbandOracle

    oracle = HyperbandOracle(space, model_of, seed, **dataclasses.asdict(options))
    known = {}
    for results in history:
        trials = [oracle.propose() for _ in results]
        for trial, result in zip(trials, results, strict=True):
            known[trial.trial_id] = result
            oracle.tell(trial, math.inf if not result or result.score is None else result.score)
    proposals = [to_proposal(oracle, oracle.propose(), known) for _ in slots]
    log.info("%d proposals refused: their models are in the search already", oracle.refused)
    return proposals


def to_proposal(oracle: Any, trial: Any, known: Mapping[str, Any]) -> Proposal | None:
    """Turn a trial of KerasTuner's into a proposal; None if what it goes on from diverged."""
    values = trial.hyperparameters.values
    if "tuner/trial_id" not in values:
        return Proposal(oracle.setting(values))
    parent = known[values["tuner/trial_id"]]
    if parent is None or parent.score is None:
        return None
    return Proposal(parent.setting, continues=parent.name)
