"""The training engine on TensorFlow: a loop of `tf.range` inside one XLA-compiled function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tybalt.training.engine import Engine


class TensorFlowEngine(Engine):
    """See `tybalt.training.engine.Engine`."""

    def __init__(self, model: keras.Model, batch_size: int, seed: int):
        tf.config.experimental.enable_op_determinism()
        super().__init__(model, batch_size, seed)
        self._train_minibatches = tf.function(self._train_all, jit_compile=True)
        self._measure_samples = tf.function(self._measure, jit_compile=True)

    def gradients(
        self,
        batch: Mapping[str, Any],
        quantity: Callable[[dict[str, Any]], Any],
        variables: Sequence[Any],
    ) -> tuple[float, list[np.ndarray | None]]:
        """Differentiate a quantity of one minibatch; see `Engine.gradients`."""
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        noise = self.noise(int(batch["x"].shape[0]), epoch=0)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            value = quantity(self._run(batch, noise))
        gradients = tape.gradient(value, [variable.value for variable in variables])
        for variable, values in zip(self.model.non_trainable_variables, before, strict=True):
            variable.assign(values)  # batch normalisation has moved its averages
        return float(value), [None if g is None else g.numpy() for g in gradients]

    def _place(self, array: np.ndarray) -> Any:
        return tf.convert_to_tensor(array, dtype=tf.bool if array.dtype == bool else tf.float32)

    def _train_all(self, placed: Mapping[str, Any], order: Any, noise: list[Any]) -> dict[str, Any]:
        size, n_rows = self.batch_size, placed["x"].shape[0]
        n_looped = self._looped(n_rows)
        totals = {name: tf.constant(0.0) for name in self._names}
        for step in tf.range(n_looped):
            rows = tf.slice(order, [step * size], [size])
            drawn = [tf.slice(draw, [step * size, 0], [size, draw.shape[1]]) for draw in noise]
            terms, _ = self._train_minibatch(_take(placed, rows), drawn)
            totals = {name: totals[name] + size * terms[name] for name in self._names}
        done = n_looped * size
        drawn = [draw[done:] for draw in noise]
        terms, gradients = self._train_minibatch(_take(placed, order[done:]), drawn)
        means = {
            name: (totals[name] + (n_rows - done) * terms[name]) / n_rows for name in self._names
        }
        return {**means, "gradient_norm": tf.linalg.global_norm(gradients)}

    def _train_minibatch(
        self, batch: Mapping[str, Any], noise: list[Any]
    ) -> tuple[dict[str, Any], list[Any]]:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            terms = self._run(batch, noise)
        gradients = tape.gradient(terms["loss"], variables)
        self.model.optimizer.apply(gradients, variables)
        return terms, gradients

    def _run(self, batch: Mapping[str, Any], noise: list[Any]) -> dict[str, Any]:
        """Run the model in training on one minibatch: the loss and its unweighted terms."""
        with self._given(noise):
            seen = self._probe(batch["x"], training=True)
        weights = {name: weight.value for name, weight in self.weights.items()}
        return self._terms(batch, seen, self._probe.losses, weights)

    def _measure_rows(self, placed: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        return self._measure_samples(_take(placed, rows))

    def _measure(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        return self._measures(batch, self._probe(batch["x"], training=False))


def _take(placed: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    return {name: tf.gather(array, rows) for name, array in placed.items()}
