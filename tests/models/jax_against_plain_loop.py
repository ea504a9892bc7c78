"""Train on JAX by the engine and by an obvious loop; exit 1 if they differ (see test_engine.py).

A process of its own, because Keras cannot change its framework once it is imported.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from tests.models.planted import GENES, GRADIENT_MODULES, settings_of_optimizers, small

from tybalt.training.engine_of_keras import start_engine
from tybalt.training.integrity import check_loss
from tybalt.training.model import make_model
from tybalt.training.rows import Rows, make_inputs

BATCH, SEED = 32, 3
BLOCKS = {"first": 30, "second": 10}
SETTINGS = [(name, {}) for name in GRADIENT_MODULES] + settings_of_optimizers()


def plain_loop(model, engine, rows, epochs):
    """Train minibatch by minibatch, nothing compiled, every row once an epoch."""
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    optimizer = [v.value for v in model.optimizer.variables]
    by_name = {layer.name: layer for layer in engine.penalties}
    looked_into = {name: layer.input for name, layer in by_name.items()}
    whole = keras.Model(model.input, (model.output, looked_into))
    where = {v.path: i for i, v in enumerate(model.non_trainable_variables)}
    weights = np.ones(len(rows), "f4") if rows.weight is None else rows.weight
    for epoch in range(1, epochs + 1):
        for penalty in engine.penalties:
            others[where[penalty.weight.path]] = np.float32(penalty.weight_at(epoch))
        order, noise = engine.order(len(rows), epoch), engine.noise(len(rows), epoch)
        for start in range(0, len(rows), BATCH):
            chosen = order[start : start + BATCH]
            observed = None if rows.observed is None else rows.observed[chosen]

            def loss(values, chosen=chosen, observed=observed, start=start, others=others):
                for layer, drawn in zip(engine.noises, noise, strict=True):  # noqa: B023
                    layer._given = drawn[start : start + BATCH]
                x = rows.X[chosen]
                (seen, looked), moved, penalties = whole.stateless_call(
                    values, others, x, training=True, return_losses=True
                )
                outputs = seen if isinstance(seen, dict) else {"reconstruction": seen}
                if rows.weight is not None:  # which no layer knows
                    penalties = [
                        layer.weight_at(epoch) * (weights[chosen] * layer.term(looked[name])).mean()  # noqa: B023
                        for name, layer in by_name.items()
                    ]
                terms = [
                    term.weight_at(epoch) * weights[chosen] * term.per_row(x, outputs, observed)  # noqa: B023
                    for term in model.loss.terms
                ]
                return sum(term.mean() for term in terms) + sum(penalties), moved

            gradients, others = jax.grad(loss, has_aux=True)(trained)
            trained, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trained)
    return trained


def differs(module: str, values: dict, rows: Rows) -> bool:
    """Compare the weights after two epochs, the last minibatch being smaller."""
    hp = small(module, **{**values, "batch_size": BATCH, "epochs": 2})
    fast, slow = (make_model(module, rows.inputs, hp, seed=1).model for _ in range(2))
    engine = start_engine(fast, BATCH, SEED)
    check_loss(engine, engine.place(rows.only(np.arange(BATCH))))
    placed = engine.place(rows)
    for epoch in (1, 2):
        engine.train_epoch(placed, epoch)
    expected = plain_loop(slow, start_engine(slow, BATCH, SEED), rows, epochs=2)
    # Kernels only: a bias in front of a batch normalisation has no effect and no gradient, and
    # Adam makes full steps of its rounding errors.
    pairs = zip(fast.trainable_variables, expected, strict=True)
    kernels = [(np.asarray(v.value), b) for v, b in pairs if b.ndim == 2]
    return not all(np.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in kernels)


rng = np.random.default_rng(0)
X = rng.random((109, len(GENES)), dtype=np.float32)
plain = Rows(X, make_inputs(GENES))
blocks = make_inputs(GENES, BLOCKS)
masked = Rows(X, blocks, rng.random(X.shape) > 0.2, weight=rng.random(109).astype("f4") + 0.5)
wrong = [(module, values) for module, values in SETTINGS if differs(module, values, plain)]
for module in ("two_predictions", "vae"):  # a weighted term, and a weighted penalty
    wrong += [f"{module}, masked"] * differs(module, {"kappa": 0.5}, masked)
sys.exit(f"the engine and the plain loop differ: {wrong}" if wrong else 0)
