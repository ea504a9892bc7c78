"""A contractive autoencoder: small changes of genes hardly move its code (PURE at module level).

Rifai 2011 (https://icml.cc/2011/papers/455_icmlpaper.pdf): the squared norm of the encoder's
Jacobian costs. With one layer it is a closed form, as cheap as the layer itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    from tybalt.training.rows import Inputs

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "reconstruction"

#: A setting with which it learns planted factors in a second or two; a test trains it.
LEARNING = {"epochs": 150, "learning_rate": 0.01}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the contractive autoencoder."""

    latent_dim: int = common.latent_dim()
    contraction: float = hyperparameter(
        1.0,
        "Weight of the squared Frobenius norm of the Jacobian (features x genes); the "
        "reconstruction beside it is the squared error summed over genes.",
        low=0,
        source="Rifai 2011; value: ours",
    )
    activation: str = hyperparameter(
        "sigmoid",
        "Activation of the code.",
        choices=("sigmoid", "tanh"),
        source="Rifai 2011",
    )
    tied: bool = hyperparameter(
        True,
        "The decoder's kernel is the transpose of the encoder's; if it is not, it can undo a "
        "contraction by larger weights.",
        source="Rifai 2011",
    )
    start: str = common.start()
    learning_rate: float = common.learning_rate(
        0.001, "Kingma and Ba 2015, https://arxiv.org/abs/1412.6980"
    )
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return f"each of its features lies within the bounds of its activation ({hp.activation})"


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    bent = "a tied kernel cannot undo the curve of an activation" if hp.tied else ""
    return common.refuse_outside_unit_range(limits) or common.refuse_components(hp, bent)


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes in 0..1 -> reconstruction in 0..1."""
    import keras
    from keras import layers

    from tybalt.training.layers import JacobianNorm, TiedDense, centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    seen = centred(genes, hp.start)
    encoder = layers.Dense(hp.latent_dim, activation=hp.activation, name="latent")
    code = JacobianNorm(encoder, hp.contraction, name="jacobian")(encoder(seen))
    if hp.tied:
        decoder = TiedDense(encoder, activation="sigmoid", name="reconstruction")
    else:
        decoder = layers.Dense(inputs.size, activation="sigmoid", name="reconstruction")

    model = keras.Model(genes, decoder(code), name="contractive_autoencoder")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate),
        loss=reconstruction_loss("mse", inputs, summed=True),
    )
    return model
