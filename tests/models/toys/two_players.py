"""An adversarial autoencoder (Makhzani 2015, https://arxiv.org/abs/1511.05644): two players.

A critic tells codes from draws of N(0, 1); the encoder learns to deceive it. A toy for the tests of
the third door: models with a training loop of their own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    from tybalt.training.rows import Inputs

VERBS = ("encode", "reconstruct", "weights", "sample")
OBJECTIVE = "reconstruction"
LEARNING = {"epochs": 150, "learning_rate": 0.01, "adversarial": 0.1}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the toy."""

    latent_dim: int = common.latent_dim(5)
    adversarial: float = hyperparameter(
        0.01, "Weight of deceiving the critic.", low=0, source="Makhzani 2015"
    )
    learning_rate: float = common.learning_rate(0.001)
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(10)


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix cannot be modelled."""
    return None


def create(inputs: "Inputs", hp: HParams, seed: int) -> Any:
    """Return the untrained model."""
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import layers

    from tybalt.training.own_loop import OwnLoop

    def dense(n_in: int, *units: int, name: str) -> Any:
        first = hidden = keras.Input((n_in,))
        for number, width in enumerate(units, 1):
            last = number == len(units)
            hidden = layers.Dense(width, None if last else "relu", name=f"{name}_{number}")(hidden)
        return keras.Model(first, hidden, name=name)

    networks = {
        "encoder": dense(inputs.size, hp.latent_dim, name="encoder"),
        "decoder": dense(hp.latent_dim, inputs.size, name="decoder"),
        "critic": dense(hp.latent_dim, 8, 1, name="critic"),
    }
    players = [*networks["encoder"].trainable_weights, *networks["decoder"].trainable_weights]
    optimizers = {
        "players": (keras.optimizers.Adam(hp.learning_rate), players),
        "critic": (keras.optimizers.Adam(hp.learning_rate), networks["critic"].trainable_weights),
    }

    def log_loss(logits: Any, is_prior: float) -> Any:
        labels = tf.fill(tf.shape(logits), is_prior)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))

    @tf.function(reduce_retracing=True)
    def step(x: Any, prior: Any) -> tuple[Any, Any, Any]:
        with tf.GradientTape(persistent=True) as tape:
            code = networks["encoder"](x)
            reconstruction = tf.reduce_mean(tf.square(x - networks["decoder"](code)))
            seen = networks["critic"](code)
            adversarial = log_loss(seen, 1.0)
            critic = log_loss(seen, 0.0) + log_loss(networks["critic"](prior), 1.0)
            loss = reconstruction + hp.adversarial * adversarial
        for name, value in (("players", loss), ("critic", critic)):
            optimizer, variables = optimizers[name]
            optimizer.apply(tape.gradient(value, variables), variables)
        return reconstruction, adversarial, critic

    class TwoPlayers(OwnLoop):
        def train_epoch(self, rows: Any, seed: int, epoch: int) -> dict[str, float]:
            rng = np.random.default_rng([seed, epoch])
            order, totals = rng.permutation(len(rows)), np.zeros(3)
            for start in range(0, len(rows), hp.batch_size):
                x = rows.X[order[start : start + hp.batch_size]]
                prior = rng.normal(size=(len(x), hp.latent_dim)).astype("f4")
                totals += len(x) * np.array(step(tf.constant(x), tf.constant(prior)))
            reconstruction, adversarial, critic = (totals / len(rows)).tolist()
            return {
                "loss": reconstruction + hp.adversarial * adversarial,
                "reconstruction": reconstruction,
                "adversarial": adversarial,
                "critic": critic,
                "adversarial_weight": hp.adversarial,
            }

        def encode(self, X: Any) -> Any:
            return self.predict("encoder", X)

        def decode(self, Z: Any) -> Any:
            return self.predict("decoder", Z)

        def gene_weights(self, code: Any = None) -> Any:
            return networks["decoder"].get_layer("decoder_1").kernel.numpy().T

        def sample(self, n_samples: int, seed: int) -> Any:
            draws = np.random.default_rng(seed).normal(size=(n_samples, hp.latent_dim))
            return self.decode(draws.astype("f4"))

    return TwoPlayers(inputs, hp, networks, optimizers)
