"""The traps that five published codes fell into, and the checks that catch them."""

import keras
import numpy as np
import pytest
from keras import ops

from tybalt.training.engine_of_keras import start_engine
from tybalt.training.integrity import DeadLossError, check_loss
from tybalt.training.layers import KLDivergence, Sampling
from tybalt.training.losses import Loss, Term, reconstruction_loss
from tybalt.training.rows import make_inputs

from .planted import GENES, GRADIENT_MODULES, N_GENES, rows, small, untrained

LOSS = reconstruction_loss("bce", make_inputs(GENES), summed=True)


class FrozenWeight(KLDivergence):
    """Reads the weight once, when the graph is built."""

    def call(self, inputs):
        self.add_loss(float(self.weight_at(1)) * ops.mean(self.term(inputs)))
        return inputs


class ConstantTerm(KLDivergence):
    """-0.5 x (1 + 1 - 1 - e): default arguments shadow the encoder's outputs."""

    def term(self, inputs):
        mean, log_variance = ops.ones_like(inputs[0]), ops.ones_like(inputs[1])
        return super().term([mean, log_variance])


class OtherTerm(KLDivergence):
    """Adds another quantity to the loss than the one it shows."""

    def call(self, inputs):
        self.add_loss(self.weight * ops.mean(self.term(inputs)) / N_GENES)
        return inputs


class InfiniteTerm(KLDivergence):
    def term(self, inputs):
        return super().term(inputs) / 0.0


def vae_with(penalty, loss=None):
    genes = keras.Input((N_GENES,))
    mean = keras.layers.Dense(3, name="latent")(genes)
    log_variance = keras.layers.Dense(3)(genes)
    code = Sampling(name="code")(penalty([mean, log_variance]))
    model = keras.Model(genes, keras.layers.Dense(N_GENES, activation="sigmoid")(code))
    model.compile(optimizer="adam", loss=loss or LOSS)
    return start_engine(model, 32, seed=1)


@pytest.mark.parametrize("name", GRADIENT_MODULES)
def test_every_model_passes_and_nothing_moves(name, planted):
    model = untrained(name, small(name), seed=1).model
    engine = start_engine(model, 32, seed=1)
    before = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    report = check_loss(engine, engine.place(rows(planted.train[:32])))
    after = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    assert len(report) == len(engine.terms) + len(engine.penalties)
    for old, new in zip(before, after, strict=True):
        assert (old == new).all()


def test_batch_normalisation_does_not_move(planted):
    model = untrained("vae", small("vae", heads="batchnorm_relu"), seed=1).model
    before = [weight.numpy() for weight in model.weights]
    engine = start_engine(model, 32, seed=1)
    check_loss(engine, engine.place(rows(planted.train[:32])))
    assert all((old == new.numpy()).all() for old, new in zip(before, model.weights, strict=True))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (FrozenWeight, "the loss does not depend on its weight"),
        (ConstantTerm, "has no gradient"),
        (OtherTerm, "the loss does not hold this term"),
        (InfiniteTerm, "its value is inf|its value is nan|gradient is not finite"),
    ],
)
def test_a_dead_term_is_caught(broken, message, planted):
    engine = vae_with(broken(1.0, kappa=0.1, name="kl"))
    with pytest.raises(DeadLossError, match=f"'kl'.*({message})"):
        check_loss(engine, engine.place(rows(planted.train[:32])))


def test_a_dead_reconstruction_is_caught(planted):
    def constant(x, x_hat, observed):
        return ops.mean(ops.square(x), axis=-1)

    engine = vae_with(KLDivergence(1.0, name="kl"), loss=Loss(Term("reconstruction", constant)))
    with pytest.raises(DeadLossError, match="'reconstruction'.*no gradient"):
        check_loss(engine, engine.place(rows(planted.train[:32])))


def test_a_weight_of_zero_is_reported_as_off(planted):
    engine = vae_with(KLDivergence(0.0, name="kl"))
    report = check_loss(engine, engine.place(rows(planted.train[:32])))
    assert report == ["reconstruction: trains", "kl: off (its weight is 0)"]


def test_kl_divergence_of_a_known_normal():
    """KL(N(1, 4) || N(0, 1)) = (4 + 1 - 1 - ln 4) / 2 per feature."""
    mean, log_variance = np.ones((2, 3)), np.full((2, 3), np.log(4.0))
    term = KLDivergence(1.0, name="kl").term([ops.array(mean), ops.array(log_variance)])
    np.testing.assert_allclose(np.asarray(term), 3 * (4 - np.log(4)) / 2, rtol=1e-5)
