"""A loss of named terms: what each predicts, how wrong it is, and what it weighs.

A model file compiles its model with a `Loss`. Keras itself sees one function (`keras.Model.fit`
works); the engines see the terms: they write each into the history, show its masks and row weights,
and check before training that it trains something (`tybalt.training.integrity`).
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from tybalt.training.metrics import CLIP
from tybalt.training.rows import RECONSTRUCTION, Inputs

#: (x, x_hat, observed or None) -> one value per row; what was not observed costs nothing.
Error = Callable[[Any, Any, Any], Any]


def squared_error(x: Any, x_hat: Any, observed: Any = None) -> Any:
    """Squared error over the columns, a mean: shape (rows,)."""
    return ops.mean(_seen(ops.square(x - x_hat), observed), axis=-1)


def cross_entropy(x: Any, x_hat: Any, observed: Any = None) -> Any:
    """Binary cross-entropy, a mean over the columns: shape (rows,).

    `x` in 0..1 (not only 0 or 1), `x_hat` clipped to [1e-7, 1 - 1e-7]. Continuous values have an
    entropy floor: even a perfect reconstruction costs more than 0.
    """
    x_hat = ops.clip(x_hat, CLIP, 1 - CLIP)
    return -ops.mean(_seen(x * ops.log(x_hat) + (1 - x) * ops.log(1 - x_hat), observed), axis=-1)


def _seen(values: Any, observed: Any) -> Any:
    """Let what was not observed count as 0; the mean stays one over all columns."""
    return values if observed is None else values * ops.cast(observed, values.dtype)


ERRORS: dict[str, Error] = {"mse": squared_error, "bce": cross_entropy}


def weight_at(final_weight: float, kappa: float | None, epoch: int) -> float:
    """Return the weight of an epoch (the first is 1): final x min(1, kappa x (epoch - 1))."""
    warmth = 1.0 if kappa is None else min(1.0, kappa * (epoch - 1))
    return final_weight * warmth


@dataclasses.dataclass(frozen=True)
class Term:
    """One named term of a loss: a prediction beside the columns that it predicts.

    A term of which not all columns were observed counts those that were: its value is a sum over
    them, divided by the number of all columns, as in the likelihood of what is known.

    Parameters
    ----------
    name
        Its column in the history.
    error
        See `Error`.
    scale
        Factor of the error; the number of columns makes it a sum over them, against which a KL
        divergence, a sum over the latent features, can be weighed.
    prediction
        Output of the model by name.
    columns
        What is predicted, a slice of the input; None for all of it. Of a prediction that is as wide
        as the input, only these columns count.
    final_weight, kappa
        Weight after the warm-up, and its warm-up (see `weight_at`); a weight that is always 1 is
        not multiplied with.
    """

    name: str
    error: Error
    scale: float = 1.0
    prediction: str = RECONSTRUCTION
    columns: slice | None = None
    final_weight: float = 1.0
    kappa: float | None = None

    @property
    def is_weighted(self) -> bool:
        """Whether it has a weight other than a constant 1."""
        return self.final_weight != 1.0 or self.kappa is not None

    def weight_at(self, epoch: int) -> float:
        """Return the weight of an epoch; the first epoch is 1."""
        return weight_at(self.final_weight, self.kappa, epoch)

    def per_row(self, x: Any, predictions: Mapping[str, Any], observed: Any = None) -> Any:
        """Return the unweighted term of every row: shape (rows,).

        Parameters
        ----------
        x
            Rows x columns of the input.
        predictions
            Output name -> rows x columns predicted.
        observed
            Which values of `x` were measured; None if all were.
        """
        x_hat = predictions[self.prediction]
        if self.columns is not None:
            if x_hat.shape[-1] == x.shape[-1]:
                x_hat = x_hat[:, self.columns]
            x = x[:, self.columns]
            observed = None if observed is None else observed[:, self.columns]
        return self.scale * self.error(x, x_hat, observed)


class Loss:
    """The named terms of a model; `keras.Model.compile` takes it as any loss."""

    def __init__(self, *terms: Term):
        repeated = {term.name for term in terms if [t.name for t in terms].count(term.name) > 1}
        if repeated:
            raise ValueError(f"two terms of a loss are called {sorted(repeated)[0]!r}")
        self.terms = terms

    def __call__(self, x: Any, x_hat: Any) -> Any:
        """Return the loss of every row after the warm-up: shape (rows,)."""
        predictions = x_hat if isinstance(x_hat, Mapping) else {RECONSTRUCTION: x_hat}
        values = [term.final_weight * term.per_row(x, predictions) for term in self.terms]
        return sum(values[1:], values[0])


def reconstruction_loss(kind: str, inputs: Inputs, summed: bool = False) -> Loss:
    """Make the loss of a model that reconstructs its input, a term for each block.

    Parameters
    ----------
    kind
        ``bce`` or ``mse``.
    inputs
        The blocks; with one, its term is called ``reconstruction``, with several
        ``reconstruction_{block}``.
    summed
        Whether errors are added up over the columns; else the terms add up to their mean.
    """
    one = len(inputs.blocks) == 1
    return Loss(
        *(
            Term(
                name=RECONSTRUCTION if one else f"{RECONSTRUCTION}_{block}",
                error=ERRORS[kind],
                scale=width if summed else width / inputs.size,
                columns=None if one else columns,
            )
            for block, columns in inputs.blocks.items()
            for width in [columns.stop - columns.start]
        )
    )
