"""One interface for every kind of model: fit, encode, decode, gene weights.

A module of `tybalt.models` is of one of two kinds. *Gradient* models have ``build(n_genes, hp)``
and are trained by the engine, epoch by epoch; *closed-form* models have ``fit(X, hp, seed)`` and
are done at once. Nothing outside this file knows which is which, or any model by its name.

A gradient model may also have ``read_knowledge(hp, genes)``: what is known of the genes before
any training, as arrays by name. `build` then takes them too, and the model's file keeps them.
"""

import dataclasses
import importlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from tybalt.plan.hyperparameters import coerce
from tybalt.training.metrics import clipped_cross_entropy

#: A feature is active if its mean code varies more than this over the validation samples
#: (Burda 2016, https://arxiv.org/abs/1509.00519, section 5.2).
ACTIVE_VARIANCE = 0.01

#: Samples that are encoded or decoded at a time.
CHUNK = 1024

#: Samples of the minibatch on which the loss is checked before the first epoch.
CHECKED = 64

log = logging.getLogger(__name__)


class Autoencoder(Protocol):
    """What training, encoding and reporting need of a model."""

    hp: Any
    n_genes: int
    knowledge: Mapping[str, np.ndarray]

    def fit(
        self, train: np.ndarray, validation: np.ndarray, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train, and give one record per epoch: column of the history -> value."""

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the mean codes: samples x features, float32."""

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: samples x genes, float32."""

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the deterministic reconstruction: samples x genes, float32."""

    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return the decoder's weights, at a code where they depend on it: genes x features."""

    def n_parameters(self) -> int:
        """Return the number of trained numbers."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that has been learned, by name."""

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `arrays` gave."""


def load_module(name: str) -> ModuleType:
    """Import a module of `tybalt.models`."""
    return importlib.import_module(f"tybalt.models.{name}")


def create(
    name: str,
    n_genes: int,
    hyperparameters: Mapping[str, Any],
    seed: int = 0,
    genes: Sequence[str] | None = None,
    knowledge: Mapping[str, np.ndarray] | None = None,
) -> Autoencoder:
    """Make an untrained model.

    Parameters
    ----------
    name
        Module of `tybalt.models`.
    hyperparameters
        Values of its HParams; the rest are defaults.
    seed
        The initial weights follow from it.
    genes
        Names of the genes, for the models that use what is known of them.
    knowledge
        What an earlier model has kept of it; then nothing is read anew.

    Raises
    ------
    InputError
        If a file that the hyperparameters name does not go together with the genes.
    """
    module = load_module(name)
    hp = coerce(module.HParams, hyperparameters, "hyperparameters")
    if not hasattr(module, "build"):
        return ClosedFormModel(module, n_genes, hp)
    if knowledge is None:
        knowledge = read_knowledge(module, hp, genes)
    return GradientModel(module, n_genes, hp, seed, knowledge)


def read_knowledge(
    module: ModuleType, hp: Any, genes: Sequence[str] | None
) -> Mapping[str, np.ndarray]:
    """Read what a model has to know of the genes before it can be built; most need nothing."""
    if not hasattr(module, "read_knowledge"):
        return {}
    if genes is None:
        raise TypeError(f"{module.__name__} is built from the names of the genes: give `genes`")
    return module.read_knowledge(hp, genes)


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let imports not find some packages.

    Keras loads matplotlib and scikit-learn if they are installed, for figures and wrappers that
    nothing here uses: a third of its import, which every trial would pay.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


class GradientModel:
    """A Keras model, trained by the engine."""

    def __init__(
        self,
        module: ModuleType,
        n_genes: int,
        hp: Any,
        seed: int,
        knowledge: Mapping[str, np.ndarray],
    ):
        with without("matplotlib", "sklearn"):
            import keras

        keras.utils.set_random_seed(seed)
        self.hp = hp
        self.n_genes = n_genes
        self.knowledge = knowledge
        self.model = module.build(n_genes, hp, **knowledge)

    def fit(
        self, train: np.ndarray, validation: np.ndarray, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train epoch by epoch; the loss is checked before the first."""
        from tybalt.training.engine_of_keras import start_engine
        from tybalt.training.integrity import check_loss

        engine = start_engine(self.model, self.hp.batch_size, seed)
        X, X_validation = engine.place(train), engine.place(validation)
        for line in check_loss(engine, X[:CHECKED]):
            log.info("loss check: %s", line)
        for epoch in range(first_epoch, self.hp.epochs + 1):
            trained = engine.train_epoch(X, epoch)
            gradient_norm = trained.pop("gradient_norm")
            weights = {f"{p.name}_weight": p.weight_at(epoch) for p in engine.penalties}
            yield {
                "epoch": epoch,
                **trained,
                **weights,
                "gradient_norm": gradient_norm,
                **summarize(engine.measure(X_validation)),
                "eligible": all(p.weight_at(epoch) == p.final_weight for p in engine.penalties),
            }

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the mean codes: samples x features."""
        return self._encoder.predict(X, batch_size=CHUNK, verbose=0)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: samples x genes."""
        return self._decoder.predict(Z, batch_size=CHUNK, verbose=0)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the deterministic reconstruction: samples x genes."""
        return self.model.predict(X, batch_size=CHUNK, verbose=0)

    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return the decoder's weights: genes x features.

        The kernel of its last layer; with hidden layers the derivative of that layer's input to
        its activation by the features, at a code. Of linear hidden layers that is the product of
        all kernels (Way and Greene 2018 multiply them whatever lies between).

        Parameters
        ----------
        code
            Shape (features,): where to take the derivative; 0 if not given.
        """
        *hidden, last = [layer for layer in self._decoder.layers if hasattr(layer, "kernel")]
        width = self._decoder.input_shape[-1]
        point = np.zeros(width) if code is None else np.asarray(code, dtype=np.float64)
        weights = np.eye(width)
        for layer in hidden:
            kernel = np.asarray(layer.kernel, dtype=np.float64)
            before = point @ kernel + np.asarray(layer.bias)
            point, slope = _value_and_slope(layer.activation, before)
            weights = weights @ kernel * slope
        return (weights @ np.asarray(last.kernel)).T.astype(np.float32)

    def n_parameters(self) -> int:
        """Return the number of trainable weights."""
        return sum(int(np.prod(weight.shape)) for weight in self.model.trainable_weights)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights by their paths."""
        return {weight.path: weight.numpy() for weight in self.model.weights}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the weights."""
        for weight in self.model.weights:
            weight.assign(arrays[weight.path])

    def state(self) -> dict[str, np.ndarray]:
        """Return weights and optimizer: with the epoch, all that a resumed training needs."""
        return {**self.arrays(), **{key: v.numpy() for key, v in self._optimizer_variables()}}

    def resume(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state; then `fit` goes on at the `first_epoch` that it is told."""
        self.load(state)
        self.model.optimizer.build(self.model.trainable_variables)
        for key, variable in self._optimizer_variables():
            variable.assign(state[key])

    def _optimizer_variables(self) -> list[tuple[str, Any]]:
        return [(f"optimizer/{i}", v) for i, v in enumerate(self.model.optimizer.variables)]

    @cached_property
    def _encoder(self) -> Any:
        import keras

        return keras.Model(self.model.input, self.model.get_layer("latent").output)

    @cached_property
    def _decoder(self) -> Any:
        """The part behind the code: where noise follows the mean, behind the noise."""
        import keras

        names = {layer.name for layer in self.model.layers}
        code = self.model.get_layer("code" if "code" in names else "latent").output
        return keras.Model(code, self.model.output)


class ClosedFormModel:
    """A model without epochs: one fit, one record."""

    def __init__(self, module: ModuleType, n_genes: int, hp: Any):
        self.hp = hp
        self.n_genes = n_genes
        self.knowledge: Mapping[str, np.ndarray] = {}
        self.module = module
        self.fitted: Any = None

    def fit(
        self, train: np.ndarray, validation: np.ndarray, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Fit once; the loss is the mean squared error."""
        self.fitted = self.module.fit(train, self.hp, seed)
        mse = float(np.mean(self._errors(train)["mse"]))
        measured = self._errors(validation)
        yield {
            "epoch": 1,
            "loss": mse,
            "reconstruction": mse,
            **summarize({**measured, "reconstruction": measured["mse"]}),
            "eligible": True,
        }

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the codes: samples x features."""
        return self.fitted.encode(X).astype(np.float32)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: samples x genes."""
        return self.fitted.decode(Z).astype(np.float32)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the reconstruction: samples x genes."""
        return self.decode(self.encode(X))

    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return the decoder's weights, the same at every code: genes x features."""
        return self.fitted.gene_weights()

    def n_parameters(self) -> int:
        """Return the number of fitted numbers; single ones are settings."""
        return sum(array.size for array in self.arrays().values() if array.ndim)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fields of the fitted model."""
        fields = dataclasses.fields(self.fitted)
        return {field.name: np.asarray(getattr(self.fitted, field.name)) for field in fields}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Make the fitted model of its fields."""
        self.fitted = self.module.Fitted(**arrays)

    def _errors(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Measure the reconstruction of every sample, chunk by chunk."""
        chunks = [X[start : start + CHUNK] for start in range(0, len(X), CHUNK)]
        codes = [self.encode(chunk) for chunk in chunks]
        pairs = [(x, self.decode(z)) for x, z in zip(chunks, codes, strict=True)]
        return {
            "mse": np.concatenate([np.mean((x - x_hat) ** 2, axis=1) for x, x_hat in pairs]),
            "bce": np.concatenate([clipped_cross_entropy(x, x_hat) for x, x_hat in pairs]),
            "code": np.concatenate(codes),
        }


def _value_and_slope(activation: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply an activation to each value; its slope by central differences, which suit float32."""
    step = 1e-2
    points = np.stack([values, values + step, values - step]).astype(np.float32)
    value, above, below = np.asarray(activation(points), dtype=np.float64)
    return value, (above - below) / (2 * step)


def summarize(measured: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Average what was measured on every validation sample; count the active features."""
    code = measured["code"]
    means = {
        f"validation_{name}": float(np.mean(values, dtype=np.float64))
        for name, values in measured.items()
        if name not in ("code", "sigma")
    }
    record = {"active_units": int(np.sum(np.var(code, axis=0, dtype=np.float64) > ACTIVE_VARIANCE))}
    if "sigma" in measured:
        record["mean_sigma"] = float(np.mean(measured["sigma"]))
    return {**record, **means}
