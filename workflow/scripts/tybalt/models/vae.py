"""Tybalt: a variational autoencoder of gene expression (PURE at module level).

Way and Greene 2018 (https://doi.org/10.1142/9789813235533_0008) with a KL term that trains.
The published model, whose KL weight stayed 0 by a mistake, is
``heads: batchnorm_relu, kl_term: none``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    from tybalt.training.rows import Inputs

VERBS = ("encode", "reconstruct", "weights")
OBJECTIVE = "elbo"

#: A setting with which it learns planted factors in a second or two; a test trains it.
LEARNING = {"epochs": 150, "learning_rate": 0.005}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the variational autoencoder."""

    latent_dim: int = common.latent_dim()
    depth: int = hyperparameter(
        0,
        "Hidden layers of the encoder, mirrored in the decoder; 0 = none.",
        low=0,
        high=common.DEEPEST,
        unit="layers",
        source="Way and Greene 2018",
    )
    hidden_dim: int = hyperparameter(
        100,
        "Units of each hidden layer.",
        low=1,
        high=common.WIDEST,
        unit="units",
        source="Way and Greene 2018",
        matters=lambda hp: hp.depth > 0,
    )
    heads: str = hyperparameter(
        "linear",
        "Layers that give the mean and the log-variance: plain, or followed by batch "
        "normalisation and ReLU as published (then mean >= 0 and sigma >= 1).",
        choices=("linear", "batchnorm_relu"),
        source="Kingma and Welling 2014; batchnorm_relu: Way and Greene 2018",
    )
    reconstruction: str = hyperparameter(
        "bce",
        "Reconstruction loss, summed over genes: binary cross-entropy or squared error.",
        choices=("bce", "mse"),
        source="Way and Greene 2018",
    )
    kl_term: str = hyperparameter(
        "standard",
        "KL divergence from N(0, 1) in the loss, or none: the only way to switch it off.",
        choices=("standard", "none"),
        source="Kingma and Welling 2014, https://arxiv.org/abs/1312.6114",
    )
    beta: float = hyperparameter(
        1.0,
        "Weight of the KL divergence after the warm-up.",
        low=0,
        open_low=True,
        source="Higgins 2017, https://openreview.net/forum?id=Sy2fzU9gl",
        matters=lambda hp: hp.kl_term == "standard",
    )
    kappa: float = hyperparameter(
        1.0,
        "Warm-up: the KL weight of epoch e is beta x min(1, kappa x (e - 1)).",
        low=0,
        open_low=True,
        high=1,
        unit="1 / epoch",
        source="Way and Greene 2018; Sonderby 2016, https://arxiv.org/abs/1602.02282",
        matters=lambda hp: hp.kl_term == "standard",
    )
    start: str = common.start(common.COMPONENTS)
    learning_rate: float = common.learning_rate(0.0005)
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(50)


def terms(hp: HParams) -> tuple[str, ...]:
    """Name the terms of the loss that objectives may need, besides the reconstruction."""
    return ("kl",) if hp.kl_term == "standard" else ()


def fixed_axes(hp: HParams) -> str | None:
    """Say why each feature means something by itself, so that the code is not rotated."""
    published = hp.heads == "batchnorm_relu"
    return "none of its features is negative (heads: batchnorm_relu)" if published else None


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix (shape, smallest and largest value) cannot be modelled."""
    bent = "heads batchnorm_relu cut codes off at 0" if hp.heads == "batchnorm_relu" else ""
    return common.refuse_outside_unit_range(limits) or common.refuse_components(hp, bent)


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model: genes in 0..1 -> reconstruction in 0..1."""
    import keras
    from keras import layers

    from tybalt.training.layers import KLDivergence, Sampling, centred
    from tybalt.training.losses import reconstruction_loss

    def head(hidden: Any, name: str) -> Any:
        plain = hp.heads == "linear"
        out = layers.Dense(hp.latent_dim, name=name if plain else f"{name}_dense")(hidden)
        if plain:
            return out
        out = layers.BatchNormalization(name=f"{name}_norm")(out)
        return layers.ReLU(name=name)(out)

    genes = keras.Input((inputs.size,), name="genes")
    hidden = centred(genes, hp.start)
    for i in range(1, hp.depth + 1):
        hidden = layers.Dense(hp.hidden_dim, name=f"encoder_{i}")(hidden)
        hidden = layers.BatchNormalization(name=f"encoder_{i}_norm")(hidden)
        hidden = layers.ReLU(name=f"encoder_{i}_relu")(hidden)

    mean, log_variance = head(hidden, "latent"), head(hidden, "log_variance")
    weight = hp.beta if hp.kl_term == "standard" else 0.0
    mean, log_variance = KLDivergence(weight, hp.kappa, name="kl")([mean, log_variance])
    hidden = Sampling(name="code")([mean, log_variance])

    for i in range(1, hp.depth + 1):
        hidden = layers.Dense(hp.hidden_dim, activation="relu", name=f"decoder_{i}")(hidden)
    output = layers.Dense(inputs.size, activation="sigmoid", name="reconstruction")(hidden)

    model = keras.Model(genes, output, name="vae")
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate),
        loss=reconstruction_loss(hp.reconstruction, inputs, summed=True),
    )
    return model
