"""The fast way equals the slow and obvious one."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tybalt.training.engine_of_keras import start_engine
from tybalt.training.layer_graph import predictions_of

from .planted import (
    GRADIENT_MODULES,
    fitted,
    rows,
    settings_of_optimizers,
    small,
    untrained,
)

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def plain_loop(model, engine, rows, epochs):
    """Train as one would write it on a blackboard."""
    n_samples, size = len(rows), engine.batch_size
    looked_into = {layer.name: layer.input for layer in engine.penalties}
    seen = keras.Model(model.input, (model.output, looked_into))
    weights = np.ones(n_samples, "f4") if rows.weight is None else rows.weight
    for epoch in range(1, epochs + 1):
        for term, weight in engine.weighted:
            weight.assign(term.weight_at(epoch))
        order, noise = engine.order(n_samples, epoch), engine.noise(n_samples, epoch)
        for start in range(0, n_samples, size):
            chosen = order[start : start + size]
            x, weight = tf.constant(rows.X[chosen]), weights[chosen]
            observed = None if rows.observed is None else tf.constant(rows.observed[chosen])
            for layer, drawn in zip(engine.noises, noise, strict=True):
                layer._given = drawn[start : start + size]
            with tf.GradientTape() as tape:
                predictions, looked = seen(x, training=True)
                if not isinstance(predictions, dict):
                    predictions = {"reconstruction": predictions}
                values = [
                    term.weight_at(epoch) * term.per_row(x, predictions, observed)
                    for term in model.loss.terms
                ]
                values += [
                    layer.weight_at(epoch) * layer.term(looked[layer.name])
                    for layer in engine.penalties
                ]
                loss = sum(tf.reduce_mean(weight * each) for each in values)
            gradients = tape.gradient(loss, model.trainable_variables)
            model.optimizer.apply(gradients, model.trainable_variables)
    for layer in engine.noises:
        layer._given = None


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [(name, {}) for name in GRADIENT_MODULES] + settings_of_optimizers(),
)
def test_two_epochs_equal_a_plain_loop(name, hyperparameters, planted):
    data = rows(planted.train[:70])
    values = small(name, batch_size=32, **hyperparameters)
    fast, slow = (untrained(name, values, seed=3) for _ in range(2))
    engine = start_engine(fast.model, 32, seed=3)
    placed = engine.place(data)
    for epoch in (1, 2):
        engine.train_epoch(placed, epoch)
    plain_loop(slow.model, start_engine(slow.model, 32, seed=3), data, epochs=2)
    for key, array in fast.arrays().items():
        np.testing.assert_allclose(array, slow.arrays()[key], rtol=1e-4, atol=1e-6, err_msg=key)
    assert int(fast.model.optimizer.iterations) == 2 * 3, "70 samples are minibatches 32, 32, 6"


@pytest.mark.parametrize("name", sorted({name for name, _ in settings_of_optimizers()}))
def test_every_optimizer_trains_in_a_way_of_its_own(name, planted):
    """The test of dead hyperparameters compares two values of a field; this one all of them."""
    mine = [values for module, values in settings_of_optimizers() if module == name]
    losses = [
        fitted(name, planted, small(name, optimizer=values["optimizer"]))[1].history["loss"][-1]
        for values in mine
    ]
    assert len(set(losses)) == len(mine) >= 3


@pytest.mark.parametrize("name", GRADIENT_MODULES)
def test_measured_terms_are_those_of_the_reconstruction(name, planted):
    autoencoder = untrained(name, small(name), seed=1)
    engine = start_engine(autoencoder.model, 32, seed=1)
    measured = engine.measure(engine.place(rows(planted.validation)))
    x_hat = autoencoder.reconstruct(planted.validation)
    np.testing.assert_allclose(
        measured["mse"], np.mean((planted.validation - x_hat) ** 2, axis=1), rtol=1e-4
    )
    np.testing.assert_allclose(
        measured["code"], autoencoder.encode(planted.validation), rtol=1e-4, atol=1e-5
    )


def test_measuring_in_chunks_changes_nothing(planted, monkeypatch):
    engine = start_engine(untrained("vae", small("vae"), seed=1).model, 32, seed=1)
    X = engine.place(rows(planted.validation))
    whole = engine.measure(X)
    monkeypatch.setattr("tybalt.training.engine.CHUNK", 13)
    for name, values in engine.measure(X).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-4, atol=1e-6)


def test_a_short_run_is_the_beginning_of_a_long_one(planted):
    _, short = fitted("vae", planted, small("vae", epochs=2, kappa=0.5))
    _, long = fitted("vae", planted, small("vae", epochs=4, kappa=0.5))
    assert {name: values[:2] for name, values in long.history.items()} == short.history


def test_a_resumed_run_ends_like_an_undisturbed_one(planted):
    values, data = small("vae", epochs=4), (rows(planted.train), rows(planted.validation))
    undisturbed = untrained("vae", values, seed=5)
    records = list(undisturbed.fit(*data, seed=5))

    stopped = untrained("vae", values, seed=5)
    running = stopped.fit(*data, seed=5)
    next(running), next(running), next(running)  # the start, and two epochs
    state = stopped.state()

    resumed = untrained("vae", values, seed=99)
    resumed.resume(state)
    rest = list(resumed.fit(*data, seed=5, first_epoch=3))
    assert rest == records[3:]
    for key, array in undisturbed.arrays().items():
        assert (array == resumed.arrays()[key]).all(), key


def test_warm_up_moves_the_weight_of_the_kl_term(planted):
    _, result = fitted("vae", planted, small("vae", epochs=4, kappa=0.5, beta=3.0))
    assert result.history["kl_weight"] == [0.0, 1.5, 3.0, 3.0]
    assert result.history["eligible"] == [False, False, True, True]
    assert result.best_epoch in (3, 4)


def test_models_without_noise_repeat_themselves_at_inference(planted):
    for name in GRADIENT_MODULES:
        model = untrained(name, small(name), seed=1).model
        model = keras.Model(model.input, predictions_of(model)["reconstruction"])
        first, second = (np.asarray(model(planted.validation, training=False)) for _ in range(2))
        assert (first == second).all()


def test_the_engine_on_jax_equals_an_obvious_loop_on_jax():
    script = Path(__file__).with_name("jax_against_plain_loop.py")
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
