"""Train on JAX by the engine and by an obvious loop; exit 1 if they differ (see test_engine.py).

A process of its own, because Keras cannot change its framework once it is imported.
"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np

from tybalt.training.engine_of_keras import start_engine
from tybalt.training.integrity import check_loss
from tybalt.training.model import make_model
from tybalt.training.rows import Rows, make_inputs

BATCH, SEED, GENES = 32, 3, 40
INPUTS = make_inputs([f"g{i}" for i in range(GENES)])
VAE = {"latent_dim": 4, "depth": 1, "hidden_dim": 8, "heads": "batchnorm_relu", "kappa": 0.5}
DEEP = {"latent_dim": 4, "depth": 1, "hidden_dim": 8}
SETTINGS = [
    ("vae", VAE),
    ("adage", {"latent_dim": 4, "noise": 0.2, "sparsity": 0.01}),
    ("autoencoder", {**DEEP, "optimizer": "sgd", "learning_rate": 1.0}),
    ("autoencoder", {**DEEP, "optimizer": "momentum", "learning_rate": 1.0}),
    ("autoencoder", {**DEEP, "optimizer": "nesterov", "learning_rate": 1.0}),
    ("autoencoder", {**DEEP, "optimizer": "rmsprop"}),
]


def plain_loop(model, engine, X, epochs):
    """Train minibatch by minibatch, nothing compiled, every sample once an epoch."""
    trained = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    optimizer = [v.value for v in model.optimizer.variables]
    where = {v.path: i for i, v in enumerate(model.non_trainable_variables)}
    for epoch in range(1, epochs + 1):
        for penalty in engine.penalties:
            others[where[penalty.weight.path]] = np.float32(penalty.weight_at(epoch))
        order, noise = engine.order(len(X), epoch), engine.noise(len(X), epoch)
        for start in range(0, len(X), BATCH):
            x = X[order[start : start + BATCH]]

            def loss(values, x=x, start=start, others=others, noise=noise):
                for layer, drawn in zip(engine.noises, noise, strict=True):
                    layer._given = drawn[start : start + BATCH]
                x_hat, moved, penalties = model.stateless_call(
                    values, others, x, training=True, return_losses=True
                )
                return model.loss(x, x_hat).mean() + sum(penalties), moved

            gradients, others = jax.grad(loss, has_aux=True)(trained)
            trained, optimizer = model.optimizer.stateless_apply(optimizer, gradients, trained)
    return trained


def differs(module: str, values: dict, X: np.ndarray) -> bool:
    """Compare the weights after two epochs, the last minibatch being smaller."""
    hp = {**values, "batch_size": BATCH, "epochs": 2}
    fast, slow = (make_model(module, INPUTS, hp, seed=1).model for _ in range(2))
    engine = start_engine(fast, BATCH, SEED)
    check_loss(engine, engine.place(Rows(X[:BATCH], INPUTS)))
    placed = engine.place(Rows(X, INPUTS))
    for epoch in (1, 2):
        engine.train_epoch(placed, epoch)
    expected = plain_loop(slow, start_engine(slow, BATCH, SEED), X, epochs=2)
    # Kernels only: a bias in front of a batch normalisation has no effect and no gradient, and
    # Adam makes full steps of its rounding errors.
    pairs = zip(fast.trainable_variables, expected, strict=True)
    kernels = [(np.asarray(v.value), b) for v, b in pairs if b.ndim == 2]
    return not all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in kernels)


X = np.random.default_rng(0).random((109, GENES), dtype=np.float32)
wrong = [(module, values) for module, values in SETTINGS if differs(module, values, X)]
sys.exit(f"the engine and the plain loop differ: {wrong}" if wrong else 0)
