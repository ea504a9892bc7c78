"""A linear model that predicts its last block twice: with all, and from the first block alone.

A toy for the tests of named terms: several predictions of one block, one with a warm-up.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tybalt.plan import shared_hyperparameters as common
from tybalt.plan.hyperparameters import hyperparameter

if TYPE_CHECKING:
    from tybalt.training.rows import Inputs

VERBS = ("encode", "reconstruct", "weights", "translate")
OBJECTIVE = "reconstruction"
LEARNING = {"epochs": 150, "learning_rate": 0.01, "kappa": 0.5}


@dataclass(frozen=True, kw_only=True)
class HParams:
    """Hyperparameters of the toy."""

    latent_dim: int = common.latent_dim(5)
    cross: float = hyperparameter(0.5, "Weight of the second prediction.", low=0, source="ours")
    kappa: float = hyperparameter(1.0, "Its warm-up.", low=0, open_low=True, high=1, source="ours")
    learning_rate: float = common.learning_rate(0.001)
    batch_size: int = common.batch_size()
    epochs: int = common.epochs(10)


def refuse(hp: HParams, shape: tuple[int, int], limits: tuple[float, float]) -> str | None:
    """Say why a training matrix cannot be modelled."""
    return None


def build(inputs: "Inputs", hp: HParams) -> Any:
    """Return the compiled model."""
    import keras
    from keras import layers

    from tybalt.training.losses import Loss, Term, reconstruction_loss, squared_error

    (source, seen), (target, predicted) = (
        list(inputs.blocks.items())[0],
        list(inputs.blocks.items())[-1],
    )
    name = f"{target}_from_{source}"
    genes = keras.Input((inputs.size,), name="genes")
    code = layers.Dense(hp.latent_dim, name="latent")(genes)
    other = layers.Dense(hp.latent_dim, name="other")(genes[:, seen.start : seen.stop])
    outputs = {
        "reconstruction": layers.Dense(inputs.size, name="own")(code),
        name: layers.Dense(predicted.stop - predicted.start, name="second")(other),
    }
    model = keras.Model(genes, outputs, name="two_predictions")
    second = Term(
        "cross",
        squared_error,
        prediction=name,
        columns=predicted,
        final_weight=hp.cross,
        kappa=hp.kappa,
    )
    model.compile(
        optimizer=keras.optimizers.Adam(hp.learning_rate),
        loss=Loss(*reconstruction_loss("mse", inputs).terms, second),
    )
    return model
