"""Proof, before any training, that every term of the loss trains something.

Five published codes of this family trained with a dead KL term, and nobody noticed. One
minibatch is enough to see it. Nothing is moved: not the weights, not the optimizer, no seed.
"""

from typing import Any

import numpy as np

#: Relative difference at which two float32 numbers of a loss are called different.
TOLERANCE = 1e-3


class DeadLossError(RuntimeError):
    """A term of the loss does not train the model."""


def check_loss(engine: Any, x: Any) -> list[str]:
    """Prove on one minibatch that every term of the loss trains the model.

    Each unweighted term must be finite and have a gradient that is not zero; the derivative of
    the loss by a penalty's weight must be that penalty's unweighted term.

    Parameters
    ----------
    engine
        `tybalt.training.engine.Engine`.
    x
        Placed minibatch, samples x genes, more than one sample.

    Returns
    -------
    list of str
        One line per term: ``kl: trains, weight 0 to 1`` or ``l1: off (its weight is 0)``.

    Raises
    ------
    DeadLossError
        Naming the term and what is wrong with it.
    """
    check_gradient(engine, x, "reconstruction")
    report = ["reconstruction: trains"]
    for penalty in engine.penalties:
        if penalty.final_weight == 0:
            report.append(f"{penalty.name}: off (its weight is 0)")
            continue
        check_gradient(engine, x, penalty.name)
        check_weight(engine, x, penalty)
        report.append(
            f"{penalty.name}: trains, weight {penalty.weight_at(1):g} to {penalty.final_weight:g}"
        )
    return report


def check_gradient(engine: Any, x: Any, name: str) -> None:
    """Check that an unweighted term is finite and moves at least one trainable weight."""
    variables = engine.model.trainable_variables
    value, gradients = engine.gradients(x, lambda terms: terms[name], variables)
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


def check_weight(engine: Any, x: Any, penalty: Any) -> None:
    """Check that the loss reads the penalty's weight now, and multiplies the penalty by it."""
    _, (slope,) = engine.gradients(x, lambda terms: terms["loss"], [penalty.weight])
    if slope is None or slope == 0:
        raise DeadLossError(
            f"loss term {penalty.name!r}: the loss does not depend on its weight, so a warm-up "
            "would move a variable that nothing reads; use the layer's weight in the loss itself"
        )
    term, _ = engine.gradients(x, lambda terms: terms[penalty.name], [])
    if not np.isclose(slope, term, rtol=TOLERANCE):
        raise DeadLossError(
            f"loss term {penalty.name!r}: d loss / d weight is {float(slope):g}, but the term "
            f"is {term:g}: the loss does not hold this term"
        )
