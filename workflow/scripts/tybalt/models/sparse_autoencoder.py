"""A sparse autoencoder: few features of its code are not zero in a sample (PURE at module level).

One layer to a code behind a ReLU, whose L1 norm costs. The decoder can make up for smaller codes
by larger weights, so the number to look at is the share of zeros, not the size of the code.
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
LEARNING = {"epochs": 150, "learning_rate": 0.01, "latent_dim": 10}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the sparse autoencoder."""

    latent_dim: int = common.latent_dim()
    sparsity: float = hyperparameter(
        1e-6,
        "Weight of the L1 norm of the code, averaged over the minibatch; the reconstruction beside "
        "it is a mean over genes.",
        low=0,
        source="Goodfellow 2016, https://www.deeplearningbook.org, section 14.2.1; value: ADAGE of "
        "greenelab/tybalt",
    )
    start: str = common.start(components=False)
    learning_rate: float = common.learning_rate(
        0.001, "Kingma and Ba 2015, https://arxiv.org/abs/1412.6980"
    )
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return "each of its features is 0 in most samples"


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    return common.refuse_outside_unit_range(limits)


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes in 0..1 -> reconstruction in 0..1."""
    import keras
    from keras import layers

    from tybalt.training.layers import ActivityL1, centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    seen = centred(genes, hp.start)
    code = layers.Dense(hp.latent_dim, activation="relu", name="latent")(seen)
    code = ActivityL1(hp.sparsity, name="l1")(code)
    output = layers.Dense(inputs.size, activation="sigmoid", name="reconstruction")(code)

    model = keras.Model(genes, output, name="sparse_autoencoder")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate), loss=reconstruction_loss("mse", inputs)
    )
    return model
