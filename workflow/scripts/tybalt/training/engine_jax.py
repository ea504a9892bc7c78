"""The training engine on JAX: `lax.scan` over Keras's stateless calls inside one `jax.jit`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax import lax

from tybalt.training.engine import Engine


class JaxEngine(Engine):
    """See `tybalt.training.engine.Engine`.

    The state of a training is four lists of arrays: trained weights, other weights (averages of
    batch normalisation, weights of penalties), the optimizer's, and the weights of terms.
    """

    def __init__(self, model: keras.Model, batch_size: int, seed: int):
        super().__init__(model, batch_size, seed)
        self._variables = (
            self._probe.trainable_variables,
            self._probe.non_trainable_variables,
            model.optimizer.variables,
            list(self.weights.values()),
        )
        paths = [variable.path for variable in self._variables[0]]
        if paths != [variable.path for variable in model.trainable_variables]:
            raise RuntimeError("the optimizer and the probe list the weights in different orders")
        self._train_all = jax.jit(self._train, donate_argnums=0)
        self._measure_samples = jax.jit(self._measure)

    def gradients(
        self,
        batch: Mapping[str, Any],
        quantity: Callable[[dict[str, Any]], Any],
        variables: Sequence[Any],
    ) -> tuple[float, list[np.ndarray | None]]:
        """Differentiate a quantity of one minibatch; see `Engine.gradients`."""
        noise = self.noise(int(batch["x"].shape[0]), epoch=0)
        trained, others, _, weights = self._variables
        groups = (trained, others, weights)
        known = {variable.path: variable.value for group in groups for variable in group}

        def value_of(values: list[Any]) -> Any:
            replaced = known | dict(zip([v.path for v in variables], values, strict=True))
            now = [[replaced[v.path] for v in group] for group in groups]
            return quantity(self._run(*now, batch, noise)[0])

        value, gradients = jax.value_and_grad(value_of)([v.value for v in variables])
        return float(value), [np.asarray(gradient) for gradient in gradients]

    def _place(self, array: np.ndarray) -> Any:
        return jnp.asarray(array, dtype=None if array.dtype == bool else jnp.float32)

    def _train_minibatches(
        self, placed: Mapping[str, Any], order: np.ndarray, noise: list[Any]
    ) -> dict[str, Any]:
        state = [[variable.value for variable in group] for group in self._variables]
        state, means = self._train_all(state, placed, order, noise)
        for group, values in zip(self._variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return means

    def _train(
        self, state: list[Any], placed: Mapping[str, Any], order: Any, noise: list[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        size, n_rows = self.batch_size, placed["x"].shape[0]
        n_looped = self._looped(n_rows)

        def step(state: list[Any], number: Any) -> tuple[list[Any], dict[str, Any]]:
            rows = lax.dynamic_slice_in_dim(order, number * size, size)
            drawn = [lax.dynamic_slice_in_dim(draw, number * size, size) for draw in noise]
            state, terms, _ = self._train_minibatch(state, _take(placed, rows), drawn)
            return state, terms

        state, looped = lax.scan(step, state, jnp.arange(n_looped))
        done = n_looped * size
        drawn = [draw[done:] for draw in noise]
        state, last, gradients = self._train_minibatch(state, _take(placed, order[done:]), drawn)
        means = {
            name: (size * looped[name].sum() + (n_rows - done) * last[name]) / n_rows
            for name in last
        }
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(gradient)) for gradient in gradients))
        return state, {**means, "gradient_norm": norm}

    def _train_minibatch(
        self, state: list[Any], batch: Mapping[str, Any], noise: list[Any]
    ) -> tuple[Any, Any, Any]:
        trained, others, optimizer, weights = state

        def loss(trained: list[Any]) -> tuple[Any, Any]:
            terms, moved = self._run(trained, others, weights, batch, noise)
            return terms["loss"], (terms, moved)

        gradients, (terms, others) = jax.grad(loss, has_aux=True)(trained)
        trained, optimizer = self.model.optimizer.stateless_apply(optimizer, gradients, trained)
        return [trained, others, optimizer, weights], terms, gradients

    def _run(
        self,
        trained: list[Any],
        others: list[Any],
        weights: list[Any],
        batch: Mapping[str, Any],
        noise: list[Any],
    ) -> tuple[dict[str, Any], list[Any]]:
        """Run the model in training on one minibatch: its terms, and the other weights after it."""
        with self._given(noise):
            seen, moved, penalties = self._probe.stateless_call(
                trained, others, batch["x"], training=True, return_losses=True
            )
        named = dict(zip(self.weights, weights, strict=True))
        with self._valued(trained, others):
            return self._terms(batch, seen, penalties, named), moved

    def _valued(self, trained: list[Any], others: list[Any]) -> keras.StatelessScope:
        """Let the variables that penalties and their terms read have these values."""
        groups = zip(self._variables[:2], (trained, others), strict=True)
        pairs = [pair for group, values in groups for pair in zip(group, values, strict=True)]
        return keras.StatelessScope(state_mapping=pairs)

    def _measure_rows(self, placed: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        state = [[variable.value for variable in group] for group in self._variables[:2]]
        return self._measure_samples(*state, placed, rows)

    def _measure(
        self, trained: list[Any], others: list[Any], placed: Mapping[str, Any], rows: Any
    ) -> dict[str, Any]:
        batch = _take(placed, rows)
        seen, _ = self._probe.stateless_call(trained, others, batch["x"], training=False)
        with self._valued(trained, others):
            return self._measures(batch, seen)


def _take(placed: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    return {name: array[rows] for name, array in placed.items()}
