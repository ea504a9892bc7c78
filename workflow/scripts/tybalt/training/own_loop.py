"""The third door: models that bring their own training loop, such as those with two players.

A model's `create` returns a subclass of `OwnLoop`, which names its networks and optimizers and
trains one epoch. Everything else (records, checkpoints, resuming, the bundle) is as it is for the
models that the engine trains.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tybalt.training.metrics import mean_squared_error
from tybalt.training.model import CHUNK, KerasWeights, at_the_start, summarize
from tybalt.training.rows import Inputs, Rows


class OwnLoop(KerasWeights, ABC):
    """A model of several networks with a training loop of its own.

    All that is random in an epoch has to follow from the seed and the number of the epoch, so that
    a resumed training ends with the bytes of an undisturbed one.

    Parameters
    ----------
    inputs, hp
        As `create` was given them.
    networks
        Name -> Keras model; all their weights are kept.
    optimizers
        Name -> optimizer and the weights that it moves; their state is kept while training lasts.
    """

    def __init__(
        self,
        inputs: Inputs,
        hp: Any,
        networks: Mapping[str, Any],
        optimizers: Mapping[str, tuple[Any, list[Any]]],
    ):
        self.inputs = inputs
        self.hp = hp
        self.knowledge: Mapping[str, np.ndarray] = {}
        self.networks = networks
        self._optimizers = optimizers
        for optimizer, variables in optimizers.values():
            optimizer.build(variables)

    @abstractmethod
    def train_epoch(self, rows: Rows, seed: int, epoch: int) -> dict[str, float]:
        """Train one epoch (the first is 1); return `loss` and the terms by name."""

    @abstractmethod
    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the codes: rows x features, float32."""

    @abstractmethod
    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: rows x columns, float32."""

    @abstractmethod
    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return the decoder's weights, at a code where they depend on it: columns x features."""

    def fit(
        self, train: Rows, validation: Rows, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train epoch by epoch; see `tybalt.training.model.Model.fit`."""
        if first_epoch == 1:
            yield at_the_start(self.measure(validation), validation.weight)
        for epoch in range(first_epoch, self.hp.epochs + 1):
            trained = self.train_epoch(train, seed, epoch)
            measured = summarize(self.measure(validation), validation.weight)
            yield {"epoch": epoch, **trained, **measured, "eligible": True}

    def measure(self, rows: Rows) -> dict[str, np.ndarray]:
        """Measure every row: `mse` of the reconstruction over what was observed, and `code`."""
        Z = self.encode(rows.X)
        measured = {"mse": mean_squared_error(rows.X, self.decode(Z), 1, rows.observed), "code": Z}
        if rows.observed is not None:
            measured["n_observed"] = rows.observed.sum(axis=1)
        return measured

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the deterministic reconstruction: rows x columns."""
        return self.decode(self.encode(X))

    def predict(self, network: str, values: np.ndarray) -> np.ndarray:
        """Run one of the networks, some rows at a time."""
        return self.networks[network].predict(values, batch_size=CHUNK, verbose=0)

    def layers(self) -> dict[str, Any]:
        """Say what lies between which tensors, for the bundle; see `Model.layers`."""
        found = {}
        for name in ("encoder", "decoder"):
            if name in self.networks:
                found[name] = (self.networks[name].input, self.networks[name].output)
        return self.describe(found)

    def _weights(self) -> list[Any]:
        return [weight for network in self.networks.values() for weight in network.weights]

    def _optimizer_variables(self) -> list[tuple[str, Any]]:
        return [
            (f"optimizer/{name}/{i}", variable)
            for name, (optimizer, _) in self._optimizers.items()
            for i, variable in enumerate(optimizer.variables)
        ]
