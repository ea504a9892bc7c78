"""The basic autoencoder, shallow and linear or deep (PURE at module level).

Without hidden layers it is linear and does what principal components do; with them it can follow
curves, such as the product of two genes (Hinton and Salakhutdinov 2006,
https://doi.org/10.1126/science.1127647). The code of the deep one is in -1..1.
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
    """Hyperparameters of the basic autoencoder."""

    latent_dim: int = common.latent_dim()
    depth: int = hyperparameter(
        1,
        "Hidden layers of the encoder, mirrored in the decoder; 0 = none, and all is linear.",
        low=0,
        high=common.DEEPEST,
        unit="layers",
        source="Hinton and Salakhutdinov 2006",
    )
    hidden_dim: int = hyperparameter(
        300,
        "Units of each hidden layer.",
        low=1,
        high=common.WIDEST,
        unit="units",
        source="https://github.com/greenelab/tybalt, two-layer models",
        matters=lambda hp: hp.depth > 0,
    )
    activation: str = hyperparameter(
        "tanh",
        "Activation of the hidden layers; the code's is tanh, the reconstruction's sigmoid.",
        choices=("tanh", "relu"),
        source="LeCun 1998, Efficient BackProp; relu: https://proceedings.mlr.press/v15/glorot11a",
        matters=lambda hp: hp.depth > 0,
    )
    start: str = common.start(common.COMPONENTS)
    optimizer: str = hyperparameter(
        "adam",
        "Optimizer. The first three (gradient descent; with momentum 0.9; in Nesterov's form) need "
        "much larger learning rates than adam and rmsprop, for the loss is a mean over genes.",
        choices=("sgd", "momentum", "nesterov", "adam", "rmsprop"),
        source="Kingma and Ba 2015, https://arxiv.org/abs/1412.6980",
    )
    learning_rate: float = common.learning_rate(0.001, "Kingma and Ba 2015")
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(100)


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    return "each of its features lies in -1..1 (tanh, as depth is not 0)" if hp.depth else None


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    return common.refuse_outside_unit_range(limits) if hp.depth else None


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes -> reconstruction (in 0..1 if there are hidden layers)."""
    import keras
    from keras import layers

    from tybalt.training.layers import centred
    from tybalt.training.losses import reconstruction_loss

    genes = keras.Input((inputs.size,), name="genes")
    hidden = centred(genes, hp.start)
    for i in range(1, hp.depth + 1):
        hidden = layers.Dense(hp.hidden_dim, hp.activation, name=f"encoder_{i}")(hidden)
    hidden = layers.Dense(hp.latent_dim, "tanh" if hp.depth else None, name="latent")(hidden)
    for i in range(1, hp.depth + 1):
        hidden = layers.Dense(hp.hidden_dim, hp.activation, name=f"decoder_{i}")(hidden)
    squash = "sigmoid" if hp.depth else None
    output = layers.Dense(inputs.size, squash, name="reconstruction")(hidden)

    model = keras.Model(genes, output, name="autoencoder")
    model.compile(
        optimizer=make_optimizer(hp.optimizer, hp.learning_rate),
        loss=reconstruction_loss("mse", inputs),
    )
    return model


def make_optimizer(name: str, learning_rate: float) -> Any:
    """Return the optimizer of this name."""
    from keras import optimizers

    settings = {"momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}
    kinds = {"adam": optimizers.Adam, "rmsprop": optimizers.RMSprop}
    return kinds.get(name, optimizers.SGD)(learning_rate, **settings.get(name, {}))
