"""KerasTuner's oracles, told of a search and asked how it goes on.

An oracle is made anew for every round and told all that is known: there is no state file, no
server, and the same history gives the same proposals. Hyperparameters are positions in the lists
of the space, whatever the type of their values; an oracle sees no more of a list of choices.

A setting whose model the search already has is refused. KerasTuner compares settings, so it would
train a model twice whose settings differ only in what has no effect; and its Gaussian process, an
optimum of which is rounded to a setting, often proposes the setting that it knows best.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles
from keras_tuner.engine.trial import Trial, TrialStatus
from threadpoolctl import threadpool_limits

from tybalt.plan.search import configurations, draw

#: Configurations, at most, among which the best bound of a Gaussian process is looked for.
CANDIDATES = 10_000

log = logging.getLogger(__name__)

Setting = Mapping[str, Any]


class Refusing:
    """What both oracles share: the space, and that no model is proposed twice.

    Parameters
    ----------
    space
        Hyperparameter -> values.
    model_of
        Names the model that a setting trains; settings that train the same have one name.
    seed
        All random choices follow from it.
    options
        The oracle's own.
    """

    def __init__(
        self,
        space: Mapping[str, Sequence[Any]],
        model_of: Callable[[Setting], str],
        seed: int,
        **options: Any,
    ):
        self.space = space
        self.model_of = model_of
        self.models: set[str] = set()
        self.refused = 0
        positions = keras_tuner.HyperParameters()
        for name, values in space.items():
            positions.Choice(name, list(range(len(values))))
        super().__init__(
            objective=keras_tuner.Objective("score", "min"),
            hyperparameters=positions,
            seed=1 + seed % (2**31 - 1),  # KerasTuner takes 0 for "none given"
            **options,
        )
        self.verbose = 0
        self._max_collisions = math.inf  # `_random_values` knows when to stop
        self._folder = TemporaryDirectory()
        self._set_project_dir(self._folder.name, "search")

    def is_exhausted(self) -> bool:
        """Tell whether every model of the space is in the search."""
        return all(self.model_of(setting) in self.models for setting in configurations(self.space))

    def propose(self) -> Trial | None:
        """Ask for one more trial; None if the oracle has none."""
        with threadpool_limits(1):  # small matrices: more threads are slower, and add up otherwise
            trial = self.create_trial(f"slot {len(self.trials)}")
        return trial if trial.status == TrialStatus.RUNNING else None

    def tell(self, trial: Trial, score: float) -> None:
        """Say how a trial ended."""
        self.update_trial(trial.trial_id, {"score": score})
        trial.status = TrialStatus.COMPLETED
        self.end_trial(trial)

    def setting(self, values: Mapping[str, int]) -> dict[str, Any]:
        """Turn an oracle's positions into a setting."""
        return {name: self.space[name][values[name]] for name in self.space}

    def positions(self, setting: Setting) -> dict[str, int]:
        """Turn a setting into an oracle's positions."""
        return {name: list(self.space[name]).index(setting[name]) for name in self.space}

    def _duplicate(self, values: Mapping[str, int]) -> bool:
        """Tell whether the search has the model of these values (KerasTuner: these values)."""
        known = self.model_of(self.setting(values)) in self.models
        self.refused += known
        return known

    def _random_values(self) -> dict[str, int] | None:
        """Draw until a model is new; None if there is none (KerasTuner: after 20 draws)."""
        return None if self.is_exhausted() else super()._random_values()

    def _record_values(self, trial: Trial) -> None:
        super()._record_values(trial)
        self.models.add(self.model_of(self.setting(trial.hyperparameters.values)))


class HyperbandOracle(Refusing, oracles.HyperbandOracle):
    """KerasTuner's Hyperband."""


class BayesianOracle(Refusing, oracles.BayesianOptimizationOracle):
    """KerasTuner's Bayesian optimisation by a Gaussian process.

    Where its optimum is a setting whose model is known, the untried setting with the best bound
    (mean - beta x standard deviation) of the same Gaussian process is proposed instead.
    """

    def remember(self, setting: Setting, score: float) -> None:
        """Take over a trial of an earlier round."""
        self._remembered = self.positions(setting)
        self.tell(self.create_trial(f"slot {len(self.trials)}"), score)

    _remembered: dict[str, int] | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Answer with the positions of one more trial, or that there is none."""
        if self._remembered is not None:
            values, self._remembered = self._remembered, None
            return {"status": TrialStatus.RUNNING, "values": values}
        if self.is_exhausted():
            return {"status": TrialStatus.STOPPED}
        answer = super().populate_space(trial_id)
        if self._duplicate(answer["values"]):
            answer["values"] = self._best_untried()
        return answer

    def _best_untried(self) -> dict[str, int]:
        untried = [
            self.positions(setting)
            for setting in draw(self.space, CANDIDATES, self.seed)
            if self.model_of(setting) not in self.models
        ]
        choices = self.hyperparameters.space
        points = [[each.value_to_prob(values[each.name]) for each in choices] for values in untried]
        mean, sd = self.gpr.predict(np.array(points), return_std=True)
        return untried[int(np.argmin(mean - self.beta * sd))]


def without_outliers(scores: Sequence[float | None]) -> list[float]:
    """Tell bad scores as no further above the median than the best is below it.

    If half of the scores are the best, all others are told as the least bad of them.

    A learning rate too large makes scores that are worse by orders of magnitude. The Gaussian
    process then fits a length scale near 0: all good settings look alike to it, and nothing
    follows from a score for its neighbours. On the sweep published for ADAGE, KerasTuner's
    search chose the setting of rank 2.9 of 324, on average; with this bound, always the best
    (benchmarks/README.md).

    Parameters
    ----------
    scores
        Lower is better; None, of a training that diverged, is told as the worst.

    Returns
    -------
    list
        As many finite numbers.
    """
    known = [score for score in scores if score is not None]
    if not known:
        return [0.0] * len(scores)
    filled = np.array([max(known) if score is None else score for score in scores])
    best, median = filled.min(), np.median(filled)
    worse = filled[filled > best]
    bound = 2 * median - best if median > best or not len(worse) else worse.min()
    return np.minimum(filled, bound).tolist()
