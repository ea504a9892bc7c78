"""The training engine: one compiled function per epoch (the only TensorFlow of the workflow).

`keras.Model.fit` hands minibatches to a compiled step from outside, and on two cores that costs
two thirds of the time. Here the matrix lies on the device, and one XLA-compiled function shuffles
by index, gathers, differentiates and updates in a loop. The noise of an epoch is drawn before
the loop, where it costs half of what it costs inside.

All that is random in an epoch follows from (seed, epoch) alone: a run of 10 epochs is the
beginning of a run of 100, and a run resumed at epoch 7 goes on as if it had not stopped.

A twin for another backend has to offer `Engine` with the same four methods.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tybalt.layers import Noise, Penalty, Sampling, cross_entropy, squared_error

#: Samples that are measured at a time, at most; bounds the memory of validation.
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
        tf.config.experimental.enable_op_determinism()
        self.model = model
        self.batch_size = batch_size
        self.seed = seed
        self.noises = [layer for layer in model.layers if isinstance(layer, Noise)]
        self.penalties = [layer for layer in model.layers if isinstance(layer, Penalty)]
        self._sampling = next((layer for layer in self.noises if isinstance(layer, Sampling)), None)
        self._probe = keras.Model(model.input, self._probed())
        model.optimizer.build(model.trainable_variables)
        self._epoch = tf.function(self._train_minibatches, jit_compile=True)
        self._chunk = tf.function(self._measure_samples, jit_compile=True)

    def place(self, X: np.ndarray) -> Any:
        """Put samples x genes on the device, once."""
        return tf.convert_to_tensor(X, dtype=tf.float32)

    def train_epoch(self, X: Any, epoch: int) -> dict[str, float]:
        """Train one epoch on a placed matrix; the first epoch is 1.

        Returns
        -------
        dict
            Means over the training samples: `loss`, `reconstruction` and the unweighted term of
            each penalty; and `gradient_norm`, the global 2-norm at the last minibatch (at every
            minibatch it would cost a fifth of the time).
        """
        for penalty in self.penalties:
            penalty.weight.assign(penalty.weight_at(epoch))
        n_samples = int(X.shape[0])
        means = self._epoch(X, self.order(n_samples, epoch), self.noise(n_samples, epoch))
        return {name: float(mean) for name, mean in means.items()}

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
        n_chunks = math.ceil(n_samples / CHUNK)
        size = math.ceil(n_samples / n_chunks)
        chunks = []
        for start in range(0, n_samples, size):
            rows = np.minimum(np.arange(start, start + size), n_samples - 1)  # one static shape
            measured = self._chunk(tf.gather(X, rows))
            valid = min(size, n_samples - start)
            chunks.append({name: values.numpy()[:valid] for name, values in measured.items()})
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
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        noise = self.noise(int(x.shape[0]), epoch=0)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            value = quantity(self._terms(x, noise))
        gradients = tape.gradient(value, [variable.value for variable in variables])
        for variable, values in zip(self.model.non_trainable_variables, before, strict=True):
            variable.assign(values)  # batch normalisation has moved its averages
        return float(value), [None if g is None else g.numpy() for g in gradients]

    def order(self, n_samples: int, epoch: int) -> np.ndarray:
        """Return the order in which an epoch sees the samples."""
        shuffled = np.random.default_rng([self.seed, epoch]).permutation(n_samples)
        return shuffled.astype(np.int32)

    def noise(self, n_samples: int, epoch: int) -> list[Any]:
        """Draw an epoch's noise, one tensor per noise layer, in the order of `order`."""
        seeds = np.random.SeedSequence([self.seed, epoch]).generate_state(len(self.noises))
        return [
            layer.draw(n_samples, int(seed)) for layer, seed in zip(self.noises, seeds, strict=True)
        ]

    def _probed(self) -> dict[str, Any]:
        """Name the tensors of the model that are looked at."""
        looked_into = [*self.penalties, *([self._sampling] if self._sampling else [])]
        inputs = {layer.name: layer.input for layer in looked_into}
        return {
            "x_hat": self.model.output,
            "mean_code": self.model.get_layer("latent").output,
            **{f"{name}_input": tensors for name, tensors in inputs.items()},
        }

    def _train_minibatches(self, X: Any, order: Any, noise: list[Any]) -> dict[str, Any]:
        """Train on every minibatch; the last, which may be smaller, behind the loop."""
        size, n_samples = self.batch_size, X.shape[0]
        n_looped = math.ceil(n_samples / size) - 1
        names = ["loss", "reconstruction", *(penalty.name for penalty in self.penalties)]
        totals = {name: tf.constant(0.0) for name in names}
        for step in tf.range(n_looped):
            rows = tf.slice(order, [step * size], [size])
            drawn = [tf.slice(draw, [step * size, 0], [size, draw.shape[1]]) for draw in noise]
            terms, _ = self._train_minibatch(tf.gather(X, rows), drawn)
            totals = {name: totals[name] + size * terms[name] for name in names}
        done = n_looped * size
        drawn = [draw[done:] for draw in noise]
        terms, gradients = self._train_minibatch(tf.gather(X, order[done:]), drawn)
        means = {
            name: (totals[name] + (n_samples - done) * terms[name]) / n_samples for name in names
        }
        return {**means, "gradient_norm": tf.linalg.global_norm(gradients)}

    def _train_minibatch(self, x: Any, noise: list[Any]) -> tuple[dict[str, Any], list[Any]]:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            terms = self._terms(x, noise)
        gradients = tape.gradient(terms["loss"], variables)
        self.model.optimizer.apply(gradients, variables)
        return terms, gradients

    def _terms(self, x: Any, noise: list[Any]) -> dict[str, Any]:
        """Run the model in training on one minibatch: the loss and its unweighted terms."""
        with ExitStack() as stack:
            for layer, drawn in zip(self.noises, noise, strict=True):
                stack.enter_context(layer.given(drawn))
            seen = self._probe(x, training=True)
        reconstruction = tf.reduce_mean(self.model.loss(x, seen["x_hat"]))
        return {
            "loss": reconstruction + sum(self._probe.losses),
            "reconstruction": reconstruction,
            **{name: tf.reduce_mean(term) for name, term in self._penalty_terms(seen).items()},
        }

    def _measure_samples(self, x: Any) -> dict[str, Any]:
        seen = self._probe(x, training=False)
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
