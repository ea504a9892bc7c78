"""One interface for every kind of model: fit, encode, decode, weights.

A module of `tybalt.models` has one of three doors (see there): *gradient* models have `build` and
are trained by the engine, epoch by epoch; *closed-form* models have `fit` and are done at once;
those with `create` bring a training loop of their own (`tybalt.training.own_loop`). Nothing outside
this file knows which is which, or any model by its name.
"""

import dataclasses
import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from tybalt.plan.hyperparameters import coerce
from tybalt.plan.shared_hyperparameters import RANDOM
from tybalt.training.layer_graph import chain, describe, predictions_of
from tybalt.training.metrics import clipped_cross_entropy, mean_squared_error
from tybalt.training.rows import RECONSTRUCTION, Inputs, Rows

#: A feature is active if its mean code varies more than this over the validation samples
#: (Burda 2016, https://arxiv.org/abs/1509.00519, section 5.2).
ACTIVE_VARIANCE = 0.01

#: Samples that are encoded or decoded at a time.
CHUNK = 1024

#: Samples of the minibatch on which the loss is checked before the first epoch.
CHECKED = 64

log = logging.getLogger(__name__)


class Model(Protocol):
    """What training, encoding and reporting need of a model; verbs as far as it declares them."""

    hp: Any
    inputs: Inputs
    knowledge: Mapping[str, np.ndarray]

    def fit(
        self, train: Rows, validation: Rows, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train, and give one record per epoch: column of the history -> value.

        A model that is trained epoch by epoch, from the first on, gives a record of epoch 0 before
        it: what is measured on validation rows while nothing has been trained.
        """

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the mean codes: samples x features, float32."""

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: samples x genes, float32."""

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the deterministic reconstruction: samples x genes, float32."""

    def gene_weights(self, code: np.ndarray | None = None) -> np.ndarray:
        """Return the decoder's weights, at a code where they depend on it: genes x features."""

    def sample(self, n_samples: int, seed: int) -> np.ndarray:
        """Draw new samples: n_samples x genes, float32; the same seed, the same samples."""

    def translate(self, X: np.ndarray, source: str, target: str) -> np.ndarray:
        """Predict one block from another: samples x columns of `target`; `X` has all columns."""

    def n_parameters(self) -> int:
        """Return the number of trained numbers."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that has been learned, by name."""

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `arrays` gave."""

    def layers(self) -> dict[str, Any]:
        """Describe what NumPy can compute (`tybalt.training.layer_graph`).

        Returns
        -------
        dict
            ``encoder``, ``decoder``: steps, as far as there are such; and ``arrays``: those that
            the steps name and `arrays` lacks.
        """


def load_module(name: str) -> ModuleType:
    """Import a module of `tybalt.models`."""
    return importlib.import_module(f"tybalt.models.{name}")


def make_model(
    name: str,
    inputs: Inputs,
    hyperparameters: Mapping[str, Any],
    seed: int = 0,
    knowledge: Mapping[str, np.ndarray] | None = None,
) -> Model:
    """Make an untrained model.

    Parameters
    ----------
    name
        Module of `tybalt.models`.
    inputs
        The columns that it sees.
    hyperparameters
        Values of its HParams; the rest are defaults.
    seed
        The initial weights follow from it.
    knowledge
        What an earlier model has kept of what is known of the columns; then nothing is read anew.

    Raises
    ------
    InputError
        If a file that the hyperparameters name does not go together with the columns.
    """
    module = load_module(name)
    hp = coerce(module.HParams, hyperparameters, "hyperparameters")
    if hasattr(module, "fit"):
        return ClosedFormModel(module, inputs, hp)
    with without("matplotlib", "sklearn"):
        import keras

    keras.utils.set_random_seed(seed)
    if hasattr(module, "create"):
        return module.create(inputs, hp, seed)
    if knowledge is None:
        read = getattr(module, "read_knowledge", None)
        knowledge = read(hp, inputs.names) if read else {}
    return GradientModel(module, inputs, hp, knowledge)


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


class KerasWeights:
    """What models of Keras networks have in common: their weights, state and description."""

    def _weights(self) -> list[Any]:
        """List all weights."""
        raise NotImplementedError

    def _optimizer_variables(self) -> list[tuple[str, Any]]:
        """List the variables of all optimizers, by name."""
        raise NotImplementedError

    def n_parameters(self) -> int:
        """Return the number of trainable weights."""
        return sum(int(np.prod(weight.shape)) for weight in self._weights() if weight.trainable)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights by their paths."""
        return {weight.path: weight.numpy() for weight in self._weights()}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the weights."""
        for weight in self._weights():
            weight.assign(arrays[weight.path])

    def state(self) -> dict[str, np.ndarray]:
        """Return weights and optimizer: with the epoch, all that a resumed training needs."""
        return {**self.arrays(), **{key: v.numpy() for key, v in self._optimizer_variables()}}

    def resume(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state; then `fit` goes on at the `first_epoch` that it is told."""
        self.load(state)
        for key, variable in self._optimizer_variables():
            variable.assign(state[key])

    @staticmethod
    def describe(tensors: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
        """Describe what lies between pairs of tensors; see `Model.layers`."""
        found: dict[str, Any] = {"arrays": {}}
        for part, (source, target) in tensors.items():
            found[part], own = describe(source, target)
            found["arrays"] |= own
        return found


class GradientModel(KerasWeights):
    """A Keras model, trained by the engine."""

    def __init__(
        self, module: ModuleType, inputs: Inputs, hp: Any, knowledge: Mapping[str, np.ndarray]
    ):
        self.hp = hp
        self.inputs = inputs
        self.knowledge = knowledge
        self.model = module.build(inputs, hp, **knowledge)

    def fit(
        self, train: Rows, validation: Rows, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Train epoch by epoch; the loss is checked before the first.

        The first record, of epoch 0, is that of the model at its start.
        """
        from tybalt.training.engine_of_keras import start_engine
        from tybalt.training.integrity import check_loss, rows_to_check

        if first_epoch == 1 and getattr(self.hp, "start", RANDOM) != RANDOM:
            from tybalt.training.starts import begin

            begin(self.model, self.hp.start, train)
        engine = start_engine(self.model, self.hp.batch_size, seed)
        chosen = rows_to_check(train.observed, engine.terms, min(CHECKED, len(train)))
        for line in check_loss(engine, engine.place(train.only(chosen))):
            log.info("loss check: %s", line)
        placed, placed_validation = engine.place(train), engine.place(validation)
        if first_epoch == 1:
            yield at_the_start(engine.measure(placed_validation), validation.weight)
        for epoch in range(first_epoch, self.hp.epochs + 1):
            trained = engine.train_epoch(placed, epoch)
            gradient_norm = trained.pop("gradient_norm")
            weighted = [term for term, _ in engine.weighted]
            yield {
                "epoch": epoch,
                **trained,
                **{f"{term.name}_weight": term.weight_at(epoch) for term in weighted},
                "gradient_norm": gradient_norm,
                **summarize(engine.measure(placed_validation), validation.weight),
                "eligible": all(term.weight_at(epoch) == term.final_weight for term in weighted),
            }

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the mean codes: samples x features."""
        return self._encoder.predict(X, batch_size=CHUNK, verbose=0)

    def decode(self, Z: np.ndarray) -> np.ndarray:
        """Return the reconstruction of codes: samples x genes."""
        return self._decoder.predict(Z, batch_size=CHUNK, verbose=0)

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the deterministic reconstruction: samples x genes."""
        return self._reconstructor.predict(X, batch_size=CHUNK, verbose=0)

    def translate(self, X: np.ndarray, source: str, target: str) -> np.ndarray:
        """Predict one block from another, by the output ``{target}_from_{source}``."""
        import keras

        output = self._predictions[f"{target}_from_{source}"]
        return keras.Model(self.model.input, output).predict(X, batch_size=CHUNK, verbose=0)

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

    def resume(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state; then `fit` goes on at the `first_epoch` that it is told."""
        self.model.optimizer.build(self.model.trainable_variables)
        super().resume(state)

    def layers(self) -> dict[str, Any]:
        """Describe encoder and decoder; see `Model.layers`."""
        if "latent" not in {layer.name for layer in self.model.layers}:
            return self.describe({})
        parts = {"encoder": (self.model.input, self.model.get_layer("latent").output)}
        if RECONSTRUCTION in self._predictions:
            parts["decoder"] = (self._code, self._predictions[RECONSTRUCTION])
        return self.describe(parts)

    def _weights(self) -> list[Any]:
        return self.model.weights

    def _optimizer_variables(self) -> list[tuple[str, Any]]:
        return [(f"optimizer/{i}", v) for i, v in enumerate(self.model.optimizer.variables)]

    @property
    def _predictions(self) -> dict[str, Any]:
        return predictions_of(self.model)

    @property
    def _code(self) -> Any:
        """What the decoder begins with: where noise follows the mean, what is behind the noise."""
        names = {layer.name for layer in self.model.layers}
        return self.model.get_layer("code" if "code" in names else "latent").output

    @cached_property
    def _reconstructor(self) -> Any:
        import keras

        if not isinstance(self.model.output, Mapping):
            return self.model
        return keras.Model(self.model.input, self._predictions[RECONSTRUCTION])

    @cached_property
    def _encoder(self) -> Any:
        import keras

        return keras.Model(self.model.input, self.model.get_layer("latent").output)

    @cached_property
    def _decoder(self) -> Any:
        import keras

        return keras.Model(self._code, self._predictions[RECONSTRUCTION])


class ClosedFormModel:
    """A model without epochs: one fit, one record."""

    def __init__(self, module: ModuleType, inputs: Inputs, hp: Any):
        self.hp = hp
        self.inputs = inputs
        self.knowledge: Mapping[str, np.ndarray] = {}
        self.module = module
        self.fitted: Any = None

    def fit(
        self, train: Rows, validation: Rows, seed: int, first_epoch: int = 1
    ) -> Iterator[dict[str, float]]:
        """Fit once; the loss is the mean squared error."""
        if train.observed is not None:
            log.info("a closed form: values that were not measured count as their filled-in ones")
        if train.weight is not None:
            log.warning("a closed form: in the fit all samples weigh the same (roles.weight)")
        self.fitted = self.module.fit(train, self.hp, seed)
        mse = self._mean_error(train)
        measured = summarize(self._errors(validation), validation.weight)
        yield {
            "epoch": 1,
            "loss": mse,
            "reconstruction": mse,
            **measured,
            "validation_reconstruction": measured["validation_mse"],
            "eligible": True,
        }

    def _mean_error(self, rows: Rows) -> float:
        """Return the mean squared error of what was observed."""
        errors = self._errors(rows)
        if rows.observed is None:
            return float(np.mean(errors["mse"]))
        return summarize(errors)["validation_mse"]

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

    def layers(self) -> dict[str, Any]:
        """Describe what is layers of it; see `Model.layers`."""
        found: dict[str, Any] = {"arrays": {}}
        for part, layers in self.fitted.layers().items() if hasattr(self.fitted, "layers") else ():
            found[part], arrays = chain(part, layers)
            found["arrays"] |= arrays
        return found

    def _errors(self, rows: Rows) -> dict[str, np.ndarray]:
        """Measure the reconstruction of every sample, chunk by chunk."""
        starts = range(0, len(rows), CHUNK)
        chunks = [rows.X[start : start + CHUNK] for start in starts]
        codes = [self.encode(chunk) for chunk in chunks]
        pairs = [(x, self.decode(z)) for x, z in zip(chunks, codes, strict=True)]
        if rows.observed is None:
            found = {
                "mse": [np.mean((x - x_hat) ** 2, axis=1) for x, x_hat in pairs],
                "bce": [clipped_cross_entropy(x, x_hat) for x, x_hat in pairs],
            }
        else:
            masks = [rows.observed[start : start + CHUNK] for start in starts]
            seen = [(*pair, mask) for pair, mask in zip(pairs, masks, strict=True)]
            found = {
                "mse": [mean_squared_error(x, x_hat, 1, mask) for x, x_hat, mask in seen],
                "bce": [clipped_cross_entropy(x, x_hat, mask) for x, x_hat, mask in seen],
                "n_observed": [mask.sum(axis=1) for mask in masks],
            }
        return {name: np.concatenate(parts) for name, parts in {**found, "code": codes}.items()}


def _value_and_slope(activation: Any, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply an activation to each value; its slope by central differences, which suit float32."""
    step = 1e-2
    points = np.stack([values, values + step, values - step]).astype(np.float32)
    value, above, below = np.asarray(activation(points), dtype=np.float64)
    return value, (above - below) / (2 * step)


def at_the_start(measured: Mapping[str, np.ndarray], weight: np.ndarray | None) -> dict[str, float]:
    """Make the record of a model that nothing has trained yet; arguments as for `summarize`."""
    return {"epoch": 0, **summarize(measured, weight), "eligible": False}


def summarize(
    measured: Mapping[str, np.ndarray], weight: np.ndarray | None = None
) -> dict[str, float]:
    """Average what was measured on every validation row; count the active features.

    Parameters
    ----------
    measured
        As `tybalt.training.engine.Engine.measure` returns it. Errors of the reconstruction count
        every observed value alike, so rows by how much was observed of them.
    weight
        Of the rows; None if all weigh the same.
    """

    def mean(name: str, values: np.ndarray) -> float:
        weights = weight
        if "n_observed" in measured and name in ("mse", "bce"):
            weights = measured["n_observed"] * (1.0 if weight is None else weight)
        return float(
            np.mean(values, dtype=np.float64)
            if weights is None
            else np.average(values, weights=weights)
        )

    record = {}
    if "code" in measured:
        variance = np.var(measured["code"], axis=0, dtype=np.float64)
        record["active_units"] = int(np.sum(variance > ACTIVE_VARIANCE))
    if "sigma" in measured:
        record["mean_sigma"] = float(np.mean(measured["sigma"]))
    return record | {
        f"validation_{name}": mean(name, values)
        for name, values in measured.items()
        if name not in ("code", "sigma", "n_observed")
    }
