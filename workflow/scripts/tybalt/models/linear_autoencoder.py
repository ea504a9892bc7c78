"""A linear autoencoder: principal components by gradient descent (PURE at module level).

Baldi and Hornik 1989 (https://doi.org/10.1016/0893-6080(89)90014-2): its only minimum spans the
subspace of the first principal components, though its features are no principal components
themselves (they may be rotated and stretched). What it lacks beside `pca`, it lacks in training.
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
LEARNING = {"epochs": 100, "learning_rate": 0.01}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the linear autoencoder."""

    latent_dim: int = common.latent_dim()
    tied: bool = hyperparameter(
        False,
        "The decoder's kernel is the transpose of the encoder's: the features become orthonormal.",
        source="Baldi and Hornik 1989",
    )
    start: str = common.start(common.MEAN)
    learning_rate: float = common.learning_rate(
        0.001, "Kingma and Ba 2015, https://arxiv.org/abs/1412.6980"
    )
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    return None


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes -> reconstruction, both of any scale."""
    import keras
    from keras import layers

    from tybalt.training.layers import TiedDense, centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    seen = centred(genes, hp.start)
    encoder = layers.Dense(hp.latent_dim, name="latent")
    code = encoder(seen)
    if hp.tied:
        decoder = TiedDense(encoder, activation="linear", name="reconstruction")
    else:
        decoder = layers.Dense(inputs.size, name="reconstruction")

    model = keras.Model(genes, decoder(code), name="linear_autoencoder")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate), loss=reconstruction_loss("mse", inputs)
    )
    return model
