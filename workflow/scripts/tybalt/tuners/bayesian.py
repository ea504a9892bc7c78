"""Bayesian optimisation: rounds of trials, each proposed in the light of all earlier rounds.

KerasTuner's Gaussian process (https://keras.io/keras_tuner/api/oracles/bayesian/) proposes; the
trials of a round are proposed together and run at the same time.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tybalt.plan.hyperparameters import hyperparameter
from tybalt.plan.search import MOST, History, Proposal, Slot

#: More rounds, or other sizes of later rounds, leave what was proposed before as it is.
PLAN_ONLY = ("rounds", "trials_per_round")

_KERAS_TUNER = "KerasTuner, BayesianOptimizationOracle"

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of Bayesian optimisation; the last three have the names they have in KerasTuner."""

    rounds: int = hyperparameter(10, "Rounds, one after another.", low=1, high=MOST)
    trials_per_round: int = hyperparameter(
        5,
        "Trials of a round, which run at the same time; rounds x trials_per_round is KerasTuner's "
        "max_trials.",
        low=1,
        high=MOST,
    )
    num_initial_points: int = hyperparameter(
        0,
        "While fewer trials than this are done, rounds are random; 0: three times the number of "
        "hyperparameters of the space.",
        low=0,
        source=_KERAS_TUNER,
    )
    alpha: float = hyperparameter(
        1e-4,
        "Expected noise of a score, as a share of the variance of all scores (as they are told).",
        low=0,
        open_low=True,
        source=_KERAS_TUNER,
    )
    beta: float = hyperparameter(
        2.6,
        "How curious it is: it looks for the smallest mean - beta x standard deviation.",
        low=0,
        source=_KERAS_TUNER,
    )


def count(space: Mapping[str, Sequence[Any]], options: Options) -> int:
    """Count the trials."""
    return options.rounds * options.trials_per_round


def plan(
    space: Mapping[str, Sequence[Any]], options: Options, seed: int, where: str
) -> list[list[Slot]]:
    """Return the rounds, all of one size."""
    return [[Slot()] * options.trials_per_round] * options.rounds


def ask(
    space: Mapping[str, Sequence[Any]],
    options: Options,
    seed: int,
    history: History,
    slots: Sequence[Slot],
    model_of: Callable[[Mapping[str, Any]], str],
) -> list[Proposal | None]:
    """Propose the settings of the next round; see `tybalt.tuners`.

    The oracle is told bad scores as less bad than they are: see `without_outliers`. A training that
    diverged is told as the worst of the search: left out, as KerasTuner leaves it out, its
    neighbourhood would stay unknown and so be tried again and again.
    """
    from tybalt.tuning.kerastuner import BayesianOracle, without_outliers

    oracle = BayesianOracle(
        space,
        model_of,
        seed + len(history),
        num_initial_points=options.num_initial_points or None,
        alpha=options.alpha,
        beta=options.beta,
        max_trials=None,
    )
    known = [result for results in history for result in results if result is not None]
    for result, score in zip(known, without_outliers([each.score for each in known]), strict=True):
        oracle.remember(result.setting, score)
    trials = [oracle.propose() for _ in slots]
    log.info("%d proposals refused: their models are in the search already", oracle.refused)
    return [trial and Proposal(oracle.setting(trial.hyperparameters.values)) for trial in trials]
