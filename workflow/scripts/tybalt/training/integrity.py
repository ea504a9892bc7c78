"""Proof, before any training, that every term of the loss trains something.

Five published codes of this family trained with a dead KL term, and nobody noticed. One
minibatch is enough to see it. Nothing is moved: not the weights, not the optimizer, no seed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Relative difference at which two float32 numbers of a loss are called different.
TOLERANCE = 1e-3


class DeadLossError(RuntimeError):
    """A term of the loss does not train the model."""


def check_loss(engine: Any, batch: Mapping[str, Any]) -> list[str]:
    """Prove on one minibatch that every term of the loss trains the model.

    Each unweighted term must be finite, see something of its columns and have a gradient that is
    not zero; the derivative of the loss by a weight must be the unweighted term that it weighs.

    Parameters
    ----------
    engine
        `tybalt.training.engine.Engine`.
    batch
        Placed rows, more than one; see `rows_to_check`.

    Returns
    -------
    list of str
        One line per term: ``kl: trains, weight 0 to 1`` or ``l1: off (its weight is 0)``.

    Raises
    ------
    DeadLossError
        Naming the term and what is wrong with it.
    """
    weights = {term.name: weight for term, weight in engine.weighted}
    report = []
    for term in (*engine.terms, *engine.penalties):
        if term.name in weights and term.final_weight == 0:
            report.append(f"{term.name}: off (its weight is 0)")
            continue
        check_mask(term, batch)
        check_gradient(engine, batch, term.name)
        line = f"{term.name}: trains"
        if term.name in weights:
            check_weight(engine, batch, term.name, weights[term.name])
            line += f", weight {term.weight_at(1):g} to {term.final_weight:g}"
        report.append(line)
    return report


def rows_to_check(observed: np.ndarray | None, terms: Sequence[Any], count: int) -> np.ndarray:
    """Choose rows that show every term something: the first ones, of each term that has a mask.

    Parameters
    ----------
    observed
        bool, rows x columns; None if all was measured.
    terms
        Of the loss (`tybalt.training.losses.Term`).
    count
        How many rows, for each term.
    """
    if observed is None:
        return np.arange(count)
    chosen = [
        np.flatnonzero(observed[:, term.columns or slice(None)].any(axis=1))[:count]
        for term in terms
    ]
    return np.unique(np.concatenate(chosen))


def check_mask(term: Any, batch: Mapping[str, Any]) -> None:
    """Check that the mask of a term does not hide all that it predicts."""
    if "observed" not in batch or not hasattr(term, "columns"):
        return
    if not np.asarray(batch["observed"])[:, term.columns or slice(None)].any():
        raise DeadLossError(
            f"loss term {term.name!r}: the mask hides every value that it predicts, so it trains "
            "nothing; bring rows in which they were measured, or leave the block out"
        )


def check_gradient(engine: Any, batch: Mapping[str, Any], name: str) -> None:
    """Check that an unweighted term is finite and moves at least one trainable weight."""
    variables = engine.model.trainable_variables
    value, gradients = engine.gradients(batch, lambda terms: terms[name], variables)
    if not np.isfinite(value):
        raise DeadLossError(f"loss term {name!r}: its value is {value}, expected a finite number")
    gradients = [gradient for gradient in gradients if gradient is not None]
    if not all(np.isfinite(gradient).all() for gradient in gradients):
        raise DeadLossError(f"loss term {name!r}: its gradient is not finite")
    if not any(np.any(gradient) for gradient in gradients):
        raise DeadLossError(
            f"loss term {name!r}: it has no gradient (value {value:g}), so it trains nothing; "
            "is it computed from the model's own tensors?"
        )


def check_weight(engine: Any, batch: Mapping[str, Any], name: str, weight: Any) -> None:
    """Check that the loss reads the weight now, and multiplies the term of this name by it."""
    _, (slope,) = engine.gradients(batch, lambda terms: terms["loss"], [weight])
    if slope is None or slope == 0:
        raise DeadLossError(
            f"loss term {name!r}: the loss does not depend on its weight, so a warm-up "
            "would move a variable that nothing reads; use the layer's weight in the loss itself"
        )
    term, _ = engine.gradients(batch, lambda terms: terms[name], [])
    if not np.isclose(slope, term, rtol=TOLERANCE):
        raise DeadLossError(
            f"loss term {name!r}: d loss / d weight is {float(slope):g}, but the term "
            f"is {term:g}: the loss does not hold this term"
        )
