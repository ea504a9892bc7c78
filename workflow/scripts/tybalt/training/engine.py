"""The training engine: one compiled function per epoch, on TensorFlow or JAX.

`keras.Model.fit` hands minibatches to a compiled step from outside, and on two cores that costs
two thirds of the time. Here the matrix lies on the device, and one XLA-compiled function shuffles
by index, gathers, differentiates and updates in a loop. The noise of an epoch is drawn before
the loop, where it costs half of what it costs inside.

All that is random in an epoch follows from (seed, epoch) alone: a run of 10 epochs is the
beginning of a run of 100, and a run resumed at epoch 7 goes on as if it had not stopped.

This file holds what both frameworks share; `engine_tensorflow` and `engine_jax` beside it hold the
compiled functions and nothing else, and `engine_of_keras` chooses between them.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np

from tybalt.training.layers import Noise, Penalty, Sampling, cross_entropy, squared_error

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
        self.model = model
        self.batch_size = batch_size
        self.seed = seed
        self.noises = [layer for layer in model.layers if isinstance(layer, Noise)]
        self.penalties = [layer for layer in model.layers if isinstance(layer, Penalty)]
        self._sampling = next((layer for layer in self.noises if isinstance(layer, Sampling)), None)
        self._probe = keras.Model(model.input, self._probed())
        model.optimizer.build(model.trainable_variables)

    def place(self, X: np.ndarray) -> Any:
        """Put samples x genes on the device, once."""
        raise NotImplementedError

    def train_epoch(self, X: Any, epoch: int) -> dict[str, float]:
        """Train one epoch on a placed matrix; the first epoch is 1.

        Returns
        -------
        dict
            Means over the training samples: `loss`, `reconstruction`, the unweighted term of each
            penalty; and `gradient_norm`, the global 2-norm at the last minibatch.
        """
        for penalty in self.penalties:
            penalty.weight.assign(penalty.weight_at(epoch))
        n_samples = int(X.shape[0])
        order, noise = self.order(n_samples, epoch), self.noise(n_samples, epoch)
        trained = self._train_minibatches(X, order, noise)
        names = ["loss", "reconstruction", *(p.name for p in self.penalties), "gradient_norm"]
        return {name: float(trained[name]) for name in names}

    def measure(self, X: Any) -> dict[str, np.ndarray]:
        """Measure the deterministic reconstruction of every sample of a placed matrix.

        Returns
        -------
        dict
            Per sample: `reconstruction` (as in the loss), `mse` and `bce` (means over genes), the
            unweighted term of each penalty, `sigma` where the model samples; and `code`,
            samples x features.
        """
        n_samples = int(X.shape[0])
        size = math.ceil(n_samples / math.ceil(n_samples / CHUNK))
        chunks = []
        for start in range(0, n_samples, size):
            rows = np.minimum(np.arange(start, start + size), n_samples - 1)  # one static shape
            measured = self._measure_rows(X, rows.astype(np.int32))
            valid = min(size, n_samples - start)
            chunks.append({name: np.asarray(values)[:valid] for name, values in measured.items()})
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def gradients(
        self, x: Any, quantity: Callable[[dict[str, Any]], Any], variables: Sequence[Any]
    ) -> tuple[float, list[np.ndarray | None]]:
        """Differentiate a quantity of one minibatch, without moving anything.

        Parameters
        ----------
        x
            Placed samples x genes.
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

    def _train_minibatches(self, X: Any, order: np.ndarray, noise: list[Any]) -> dict[str, Any]:
        """Train on every minibatch; the last, which may be smaller, behind the loop."""
        raise NotImplementedError

    def _measure_rows(self, X: Any, rows: np.ndarray) -> dict[str, Any]:
        """Measure some samples of a placed matrix."""
        raise NotImplementedError

    def _looped(self, n_samples: int) -> int:
        """Count the minibatches inside the loop: all but the last."""
        return math.ceil(n_samples / self.batch_size) - 1

    def _probed(self) -> dict[str, Any]:
        """Name the tensors of the model that are looked at."""
        looked_into = [*self.penalties, *([self._sampling] if self._sampling else [])]
        inputs = {layer.name: layer.input for layer in looked_into}
        return {
            "x_hat": self.model.output,
            "mean_code": self.model.get_layer("latent").output,
            **{f"{name}_input": tensors for name, tensors in inputs.items()},
        }

    @contextmanager
    def _given(self, noise: list[Any]) -> Any:
        """Let the noise layers use what was drawn."""
        with ExitStack() as stack:
            for layer, drawn in zip(self.noises, noise, strict=True):
                stack.enter_context(layer.given(drawn))
            yield

    def _terms(self, x: Any, seen: dict[str, Any], penalties: list[Any]) -> dict[str, Any]:
        """Name the loss of a minibatch and its unweighted terms."""
        mean = keras.ops.mean
        reconstruction = mean(self.model.loss(x, seen["x_hat"]))
        return {
            "loss": reconstruction + sum(penalties),
            "reconstruction": reconstruction,
            **{name: mean(term) for name, term in self._penalty_terms(seen).items()},
        }

    def _measures(self, x: Any, seen: dict[str, Any]) -> dict[str, Any]:
        """Name what is measured of every sample."""
        measured = {
            "reconstruction": self.model.loss(x, seen["x_hat"]),
            "mse": squared_error(x, seen["x_hat"]),
            "bce": cross_entropy(x, seen["x_hat"]),
            **self._penalty_terms(seen),
            "code": seen["mean_code"],
        }
        if self._sampling:
            measured["sigma"] = self._sampling.sigma(seen[f"{self._sampling.name}_input"])
        return measured

    def _penalty_terms(self, seen: dict[str, Any]) -> dict[str, Any]:
        return {p.name: p.term(seen[f"{p.name}_input"]) for p in self.penalties}
