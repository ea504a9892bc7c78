"""Small planted data, and the models that are found in tybalt/models."""

import dataclasses
from pathlib import Path

import numpy as np

import tybalt.models
from tybalt.plan import models_and_tuners as study
from tybalt.training.model import load_module, make_model
from tybalt.training.rows import Rows, make_inputs
from tybalt.training.train import fit_and_keep_best

#: Models that stand here to show what a model may be; all tests of models find them too.
TOYS = Path(__file__).with_name("toys")
tybalt.models.__path__.append(str(TOYS))

MODULES = (*study.available("models"), *sorted(file.stem for file in TOYS.glob("*.py")))
GRADIENT_MODULES = tuple(name for name in MODULES if hasattr(load_module(name), "build"))

#: Small values for fields that a model may have.
SMALL = {
    "latent_dim": 4,
    "hidden_dim": 8,
    "batch_size": 32,
    "epochs": 3,
    "max_iter": 5,
    "components_before": 0,
    "harmonics": 1,
    "gene_sets": str(Path(__file__).with_name("planted.gmt")),
}

#: Optimizers that need a large step, as losses are means.
PLAIN_DESCENT = ("sgd", "momentum", "nesterov")

N_GENES = 40
GENES = [f"g{i}" for i in range(N_GENES)]


@dataclasses.dataclass(frozen=True)
class Planted:
    """Expression that three factors explain but for a little noise."""

    train: np.ndarray
    validation: np.ndarray


def plant(n_samples: int, seed: int) -> np.ndarray:
    loadings = np.random.default_rng(0).normal(size=(3, N_GENES))
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(n_samples, 3)) @ loadings
    noisy = signal + 0.1 * rng.normal(size=signal.shape)
    return (1 / (1 + np.exp(-noisy))).astype(np.float32)


def small(name: str, **values) -> dict:
    """Return hyperparameters that keep a test short."""
    fields = [field.name for field in dataclasses.fields(load_module(name).HParams)]
    return {**{key: SMALL[key] for key in fields if key in SMALL}, **values}


def settings_of_optimizers() -> list[tuple[str, dict]]:
    """List the optimizers that models offer: (module, values), with steps that suit each."""
    found = []
    for name in GRADIENT_MODULES:
        field = load_module(name).HParams.__dataclass_fields__.get("optimizer")
        for choice in field.metadata["choices"] if field else ():
            step = 0.1 if choice in PLAIN_DESCENT else 0.001
            found.append((name, {"optimizer": choice, "learning_rate": step}))
    return found


def untrained(name: str, hyperparameters: dict, seed: int = 0):
    """Make a model of the planted genes."""
    return make_model(name, make_inputs(GENES), hyperparameters, seed)


def rows(X: np.ndarray) -> Rows:
    """Make rows of values that were all measured."""
    return Rows(X, make_inputs([f"g{i}" for i in range(X.shape[1])]))


def fitted(name: str, data: Planted, hyperparameters: dict, seed: int = 5):
    """Train a model; return it with its training record."""
    autoencoder = untrained(name, hyperparameters, seed)
    objective = load_module(name).OBJECTIVE
    return autoencoder, fit_and_keep_best(
        autoencoder,
        rows(data.train),
        rows(data.validation),
        seed,
        objective=objective,
        patience=0,
    )
