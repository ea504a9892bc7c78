"""What a training is scored by, and which of its epochs counts."""

from collections.abc import Mapping, Sequence

from tybalt.plan.errors import InputError
from tybalt.training.model import load_module


def check_objective(objective: str, module: str) -> None:
    """Refuse to score a model by a KL divergence that it does not have; raise InputError."""
    if objective == "elbo" and load_module(module).OBJECTIVE != "elbo":
        raise InputError(
            f"objective: found 'elbo', but {module} has no KL divergence; use reconstruction"
        )


def score(record: Mapping[str, float], objective: str, n_genes: int) -> float:
    """Score an epoch on the validation samples; lower is better.

    Everything is taken at the deterministic reconstruction (code = mean), without noise and
    without penalties, whatever the weights in the training loss.

    Parameters
    ----------
    record
        One epoch of the history.
    objective
        ``reconstruction``: mean squared error per gene. ``elbo``: `n_genes` x binary
        cross-entropy + 1 x KL divergence, per sample (the negative evidence lower bound, with the
        reconstruction of the mean code in place of the expectation).
    """
    if objective == "reconstruction":
        return record["validation_mse"]
    return n_genes * record["validation_bce"] + record["validation_kl"]


def best_eligible(scores: Sequence[float], eligible: Sequence[bool]) -> int | None:
    """Return the epoch that counts: the first of the lowest score among the eligible ones.

    Parameters
    ----------
    scores, eligible
        One value per epoch; an epoch is eligible once the warm-up of every penalty has ended.

    Returns
    -------
    int or None
        Counted from 1; None if no epoch is eligible (then the last one counts).
    """
    numbers = [number for number, counts in enumerate(eligible, 1) if counts]
    return min(numbers, key=lambda number: scores[number - 1], default=None)
