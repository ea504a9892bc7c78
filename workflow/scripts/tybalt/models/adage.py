"""ADAGE: a denoising autoencoder of gene expression (PURE at module level).

Two published forms. greenelab/tybalt, 2017 (the defaults): ReLU, untied, mean squared error,
Adadelta; its encodings are the activities *before* the ReLU. Tan 2016
(https://doi.org/10.1128/mSystems.00025-15, code: https://github.com/greenelab/adage): sigmoid on
both sides, tied, cross-entropy, plain gradient descent; its encodings are the activities.
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
LEARNING = {"epochs": 150, "optimizer": "adam", "learning_rate": 0.01}

_GREENE = "https://github.com/greenelab/tybalt, ADAGE parameter sweep"


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the denoising autoencoder."""

    latent_dim: int = common.latent_dim()
    activation: str = hyperparameter(
        "relu",
        "Activation of the code. The encoding is the activity after a sigmoid, but before a ReLU "
        "(as published). The reconstruction is always a sigmoid.",
        choices=("relu", "sigmoid"),
        source="relu: greenelab/tybalt; sigmoid: Tan 2016",
    )
    noise: float = hyperparameter(
        0.05,
        "Share of the genes of a sample that are set to zero in training.",
        low=0,
        high=0.99,
        source=_GREENE,
    )
    sparsity: float = hyperparameter(
        0.0,
        "Weight of the L1 norm of the code after its activation, averaged over the minibatch.",
        low=0,
        source=_GREENE,
    )
    tied: bool = hyperparameter(
        False,
        "The decoder's kernel is the transpose of the encoder's.",
        source="untied: greenelab/tybalt; tied: Tan 2016",
    )
    reconstruction: str = hyperparameter(
        "mse",
        "Reconstruction loss: squared error, a mean over genes, or binary cross-entropy, a sum "
        "over genes, each as published (Adadelta and plain descent are not free of scale).",
        choices=("mse", "bce"),
        source="mse: greenelab/tybalt; bce: Tan 2016",
    )
    start: str = common.start()
    optimizer: str = hyperparameter(
        "adadelta",
        "Optimizer: Adadelta with rho 0.95, Adam, or plain gradient descent.",
        choices=("adadelta", "adam", "sgd"),
        source="adadelta: greenelab/tybalt; sgd: Tan 2016",
    )
    learning_rate: float = common.learning_rate(1.1, _GREENE)
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    if hp.activation == "sigmoid":
        return "each of its features lies in 0..1 (activation: sigmoid)"
    return "its sparsity makes each feature 0 in many samples" if hp.sparsity else None


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    bent = (
        "a tied kernel cannot undo the curve of a sigmoid"
        if hp.tied and hp.activation == "sigmoid"
        else ""
    )
    return common.refuse_outside_unit_range(limits) or common.refuse_components(hp, bent)


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes in 0..1 -> reconstruction in 0..1."""
    import keras
    from keras import layers

    from tybalt.training.layers import ActivityL1, Corruption, TiedDense, centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    seen = centred(genes, hp.start)
    corrupted = Corruption(hp.noise, name="corruption")(seen)
    squashed = hp.activation == "sigmoid"
    encoder = layers.Dense(hp.latent_dim, activation="sigmoid" if squashed else None, name="latent")
    active = encoder(corrupted)
    if not squashed:
        active = layers.ReLU(name="active")(active)
    active = ActivityL1(hp.sparsity, name="l1")(active)
    if hp.tied:
        decoder = TiedDense(encoder, activation="sigmoid", name="reconstruction")
    else:
        decoder = layers.Dense(inputs.size, activation="sigmoid", name="reconstruction")

    model = keras.Model(genes, decoder(active), name="adage")
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": hp.optimizer, "config": {"learning_rate": hp.learning_rate}}
        ),
        loss=reconstruction_loss(hp.reconstruction, inputs, summed=hp.reconstruction == "bce"),
    )
    return model
