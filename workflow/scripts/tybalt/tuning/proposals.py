"""Adaptive searches: what a tuner proposes for a round, in the light of all earlier rounds."""

import importlib
import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.jobs.files import group_by_trial, write_json
from tybalt.plan.hyperparameters import coerce, trial_id, without_effectless
from tybalt.plan.search import Proposal, Result, Slot, slot_name
from tybalt.training.model import load_module

log = logging.getLogger(__name__)


def propose_trials(
    earlier: Sequence[str],
    proposals: str,
    tuner: str,
    options: Mapping[str, Any],
    module: str,
    fixed: Mapping[str, Any],
    space: Mapping[str, Sequence[Any]],
    slots: Sequence[Mapping[str, Any]],
    seed: int,
) -> None:
    """Ask the tuner for the settings of one round, given the scores of all earlier rounds.

    Parameters
    ----------
    earlier
        Results ``.../{round}/{trial}/{execution}.json`` of all earlier rounds.
    proposals
        Output JSON: slot -> what it is to train, or null for a slot that stays empty.
    tuner, options
        Module of `tybalt.tuners` and what its `ask` needs of its options.
    module, fixed, space
        Model, the hyperparameters that are not searched, and the lists of those that are.
    slots
        The slots of this round, fields of `tybalt.plan.search.Slot`.
    seed
        All random choices of the tuner follow from it.
    """
    plugin = importlib.import_module(f"tybalt.tuners.{tuner}")
    HParams = load_module(module).HParams

    def model_of(setting: Mapping[str, Any]) -> str:
        hp = coerce(HParams, {**fixed, **setting}, "proposal")
        return f"{trial_id(module, hp)}/{getattr(hp, 'epochs', 1)}"

    records = group_by_trial(earlier)
    rounds: dict[str, list[Result | None]] = {}
    for name, executions in records.items():
        rounds.setdefault(name.split("/")[0], []).append(result_of(name, executions))
    history = [rounds[f"r{number}"] for number in range(len(rounds))]
    planned = [Slot(**slot) for slot in slots]
    proposed = plugin.ask(
        space, coerce(plugin.Options, options, "options"), seed, history, planned, model_of
    )
    trials = {
        slot_name(number): proposal and describe(proposal, slot, HParams, fixed, records)
        for number, (proposal, slot) in enumerate(zip(proposed, planned, strict=True))
    }
    left_empty = [name for name, proposal in trials.items() if proposal is None]
    if left_empty:
        log.info("left empty, as there is nothing new to try: %s", ", ".join(left_empty))
    write_json({"round": len(history), "trials": trials}, proposals)


def result_of(name: str, executions: Sequence[Mapping[str, Any]]) -> Result | None:
    """Summarise the executions of a trial for the tuner; None for an empty slot."""
    if executions[0]["status"] == "empty":
        return None
    scores = [record["score"] for record in executions]
    diverged = any(record["status"] != "ok" for record in executions)
    mean = None if diverged else math.fsum(scores) / len(scores)
    return Result(name, executions[0]["proposal"]["setting"], mean)


def describe(
    proposal: Proposal,
    slot: Slot,
    HParams: type,
    fixed: Mapping[str, Any],
    records: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    """Write down what a slot is to train; fields without effect have their defaults."""
    epochs = {} if slot.epochs is None else {"epochs": slot.epochs}
    hp = coerce(HParams, {**fixed, **proposal.setting, **epochs}, "proposal")
    began = records.get(proposal.continues, [])
    return {
        "setting": dict(proposal.setting),
        "hyperparameters": without_effectless(hp),
        "continues": proposal.continues,
        "epochs_before": slot.epochs_before,
        "seeds": {f"e{number}": record["seed"] for number, record in enumerate(began)},
    }
