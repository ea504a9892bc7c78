"""The training engine: one compiled function per epoch, on TensorFlow or JAX.

`keras.Model.fit` hands minibatches to a compiled step from outside, and on two cores that costs
two thirds of the time. Here the matrix lies on the device, and one XLA-compiled function shuffles
by index, gathers, differentiates and updates in a loop. The noise of an epoch is drawn before
the loop, where it costs half of what it costs inside.

What is trained is one shape: the named terms of the model's loss (`tybalt.training.losses`) and
the penalties of its layers, with a weight for each row and a mask of what was measured, where there
are such. A model that needs more (a second player) brings a loop of its own.

All that is random in an epoch follows from (seed, epoch) alone: a run of 10 epochs is the
beginning of a run of 100, and a run resumed at epoch 7 goes on as if it had not stopped.

This file holds what both frameworks share; `engine_tensorflow` and `engine_jax` beside it hold the
compiled functions and nothing else, and `engine_of_keras` chooses between them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np

from tybalt.training.layer_graph import predictions_of
from tybalt.training.layers import Noise, Penalty, Sampling
from tybalt.training.losses import ERRORS, Loss, Term
from tybalt.training.rows import RECONSTRUCTION, Rows

#: Samples that are measured, or for which noise is drawn, at a time, at most; bounds the memory.
CHUNK = 1024


class Engine:
    """Trains and measures one compiled Keras model.

    Parameters
    ----------
    model
        A compiled functional model of `tybalt.models`; its weights and its optimizer are moved.
    batch_size
        Samples of a minibatch.
    seed
        Whole number from which shuffling and noise follow.
    """

    def __init__(self, model: keras.Model, batch_size: int, seed: int):
        if not isinstance(model.loss, Loss):
            raise TypeError(f"{model.name}: compile it with a tybalt.training.losses.Loss")
        self.model = model
        self.batch_size = batch_size
        self.seed = seed
        self.terms = model.loss.terms
        self.noises = [layer for layer in model.layers if isinstance(layer, Noise)]
        self.penalties = [layer for layer in model.layers if isinstance(layer, Penalty)]
        #: The weights of terms that are not always 1, by name.
        self.weights = {
            term.name: keras.Variable(term.weight_at(1), trainable=False, name=term.name)
            for term in self.terms
            if term.is_weighted
        }
        self._sampling = next((layer for layer in self.noises if isinstance(layer, Sampling)), None)
        self._probe = keras.Model(model.input, self._probed())
        model.optimizer.build(model.trainable_variables)

    @property
    def weighted(self) -> list[tuple[Term | Penalty, keras.Variable]]:
        """All that has a weight: terms and penalties, each with its variable."""
        terms = [(term, self.weights[term.name]) for term in self.terms if term.is_weighted]
        return [*terms, *((penalty, penalty.weight) for penalty in self.penalties)]

    def place(self, rows: Rows) -> dict[str, Any]:
        """Put rows on the device, once: `x`, and `observed` and `weight` where there are such."""
        arrays = {"x": rows.X, "observed": rows.observed, "weight": rows.weight}
        return {name: self._place(array) for name, array in arrays.items() if array is not None}

    def train_epoch(self, placed: Mapping[str, Any], epoch: int) -> dict[str, float]:
        """Train one epoch on placed rows; the first epoch is 1.

        Returns
        -------
        dict
            Means over the training rows: `loss`, the unweighted terms and penalties by name; and
            `gradient_norm`, the global 2-norm at the last minibatch.
        """
        for term, weight in self.weighted:
            weight.assign(term.weight_at(epoch))
        n_rows = int(placed["x"].shape[0])
        order, noise = self.order(n_rows, epoch), self.noise(n_rows, epoch)
        trained = self._train_minibatches(placed, order, noise)
        return {name: float(trained[name]) for name in [*self._names, "gradient_norm"]}

    def measure(self, placed: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Measure the deterministic predictions of every placed row.

        Returns
        -------
        dict
            Per row: the unweighted terms and penalties by name; `mse` and `bce` of the
            reconstruction (means over the observed columns) and, with a mask, `n_observed`;
            `sigma` where the model samples; and `code`, rows x features.
        """
        n_rows = int(placed["x"].shape[0])
        size = math.ceil(n_rows / math.ceil(n_rows / CHUNK))
        chunks = []
        for start in range(0, n_rows, size):
            rows = np.minimum(np.arange(start, start + size), n_rows - 1)  # one static shape
            measured = self._measure_rows(placed, rows.astype(np.int32))
            valid = min(size, n_rows - start)
            chunks.append({name: np.asarray(values)[:valid] for name, values in measured.items()})
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def gradients(
        self,
        batch: Mapping[str, Any],
        quantity: Callable[[dict[str, Any]], Any],
        variables: Sequence[Any],
    ) -> tuple[float, list[np.ndarray | None]]:
        """Differentiate a quantity of one minibatch, without moving anything.

        Parameters
        ----------
        batch
            Placed rows.
        quantity
            Gets the minibatch's terms by name (see `train_epoch`), returns a scalar tensor.
        variables
            Keras variables, trainable or not.

        Returns
        -------
        float, list
            The value, and per variable its gradient or None if the value does not depend on it.
        """
        raise NotImplementedError

    def order(self, n_samples: int, epoch: int) -> np.ndarray:
        """Return the order in which an epoch sees the samples."""
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(n_samples)
        return shuffled.astype(np.int32)

    def noise(self, n_samples: int, epoch: int) -> list[Any]:
        """Draw an epoch's noise, one tensor per noise layer, in the order of `order`.

        Drawn a chunk of samples at a time: the random bits behind one truth value take 64 bits.
        """
        sizes = [min(CHUNK, n_samples - start) for start in range(0, n_samples, CHUNK)]
        count = len(self.noises) * len(sizes)
        seeds = iter(np.random.SeedSequence([self.seed, epoch]).generate_state(count))
        return [
            keras.ops.concatenate([layer.draw(size, int(next(seeds))) for size in sizes])
            for layer in self.noises
        ]

    def _place(self, array: np.ndarray) -> Any:
        """Put an array on the device: bool, or else float32."""
        raise NotImplementedError

    def _train_minibatches(
        self, placed: Mapping[str, Any], order: np.ndarray, noise: list[Any]
    ) -> dict[str, Any]:
        """Train on every minibatch; the last, which may be smaller, behind the loop."""
        raise NotImplementedError

    def _measure_rows(self, placed: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        """Measure some of the placed rows."""
        raise NotImplementedError

    @property
    def _names(self) -> list[str]:
        """What is averaged over an epoch."""
        return ["loss", *(each.name for each in (*self.terms, *self.penalties))]

    def _looped(self, n_samples: int) -> int:
        """Count the minibatches inside the loop: all but the last."""
        return math.ceil(n_samples / self.batch_size) - 1

    def _probed(self) -> dict[str, Any]:
        """Name the tensors of the model that are looked at."""
        looked_into = [*self.penalties, *([self._sampling] if self._sampling else [])]
        names = {layer.name for layer in self.model.layers}
        return {
            **{f"{name}_output": tensor for name, tensor in predictions_of(self.model).items()},
            **({"mean_code": self.model.get_layer("latent").output} if "latent" in names else {}),
            **{f"{layer.name}_input": layer.input for layer in looked_into},
        }

    @contextmanager
    def _given(self, noise: list[Any]) -> Any:
        """Let the noise layers use what was drawn."""
        with ExitStack() as stack:
            for layer, drawn in zip(self.noises, noise, strict=True):
                stack.enter_context(layer.given(drawn))
            yield

    def _terms(
        self,
        batch: Mapping[str, Any],
        seen: dict[str, Any],
        penalties: list[Any],
        weights: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Name the loss of a minibatch and its unweighted terms.

        Parameters
        ----------
        penalties
            What the layers have added to the loss; without the weights of rows, which no layer
            knows.
        weights
            Of the terms that have one, by name.
        """
        row_weight = batch.get("weight")

        def mean(values: Any) -> Any:
            return keras.ops.mean(values if row_weight is None else row_weight * values)

        terms = {name: mean(values) for name, values in self._term_values(batch, seen).items()}
        extra = {name: mean(values) for name, values in self._penalty_values(seen).items()}
        weighted = [weights[n] * term if n in weights else term for n, term in terms.items()]
        loss = sum(weighted[1:], weighted[0])
        if row_weight is None:
            loss = loss + sum(penalties)
        else:
            loss = loss + sum(layer.weight * extra[layer.name] for layer in self.penalties)
        return {"loss": loss, **terms, **extra}

    def _measures(self, batch: Mapping[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
        """Name what is measured of every row."""
        measured = self._term_values(batch, seen)
        if f"{RECONSTRUCTION}_output" in seen:
            measured |= self._errors(batch, seen[f"{RECONSTRUCTION}_output"])
        measured |= self._penalty_values(seen)
        if "mean_code" in seen:
            measured["code"] = seen["mean_code"]
        if self._sampling:
            measured["sigma"] = self._sampling.sigma(seen[f"{self._sampling.name}_input"])
        return measured

    def _errors(self, batch: Mapping[str, Any], x_hat: Any) -> dict[str, Any]:
        """Measure the reconstruction of every row, over its observed columns."""
        x, observed = batch["x"], batch.get("observed")
        errors = {name: error(x, x_hat, observed) for name, error in ERRORS.items()}
        if observed is None:
            return errors
        count = keras.ops.sum(keras.ops.cast(observed, "float32"), axis=-1)
        share = keras.ops.maximum(count, 1.0) / x.shape[-1]
        return {**{name: error / share for name, error in errors.items()}, "n_observed": count}

    def _term_values(self, batch: Mapping[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
        outputs = {name: seen[f"{name}_output"] for name in predictions_of(self.model)}
        x, observed = batch["x"], batch.get("observed")
        return {term.name: term.per_row(x, outputs, observed) for term in self.terms}

    def _penalty_values(self, seen: dict[str, Any]) -> dict[str, Any]:
        return {p.name: p.term(seen[f"{p.name}_input"]) for p in self.penalties}
