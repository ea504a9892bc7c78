"""Where a training begins: at the mean of the training rows, or at their principal components.

A network with random kernels, an output bias of 0 and inputs that are not centred has to learn the
mean of every column first, and an optimizer that moves a weight by at most its learning rate in a
step does not get far from there. Both starts are computed on training rows alone:

- ``mean``: inputs are centred, and the mean row is reconstructed as itself;
- ``principal_components``: the network begins as the projection on the principal components (Baldi
  and Hornik 1989, https://doi.org/10.1016/0893-6080(89)90014-2: the best that a linear one can be).

Layers with an activation pass the components through where it is nearly a line (`Passage`), and the
next layer undoes what it did to their scale. A narrow layer, or few rows, let the first components
through only; what a layer has beyond them begins at random, and the next one does not listen to it
at first. A sigmoid output is taken as a line of its slope at the mean.
"""

import dataclasses
import logging
import math
from typing import Any

import keras
import numpy as np

from tybalt.plan.shared_hyperparameters import COMPONENTS
from tybalt.training.layers import Centre, KLDivergence, TiedDense
from tybalt.training.losses import cross_entropy
from tybalt.training.principal_components import NEGLIGIBLE, principal_components
from tybalt.training.rows import Rows, observed_mean

#: Relative error at one standard deviation of a component, where an S-shaped activation is taken
#: for a line: the second term of its Taylor series.
CURVATURE = 0.02

#: How far a ReLU stays above its kink in every training row, in standard deviations of a component.
MARGIN = 1.0

#: Smallest variance with which a code is drawn at the start, that of the prior being 1: without a
#: KL divergence the best would be 0, whose logarithm is none.
LEAST_VARIANCE = 1e-4

log = logging.getLogger(__name__)


def begin(model: keras.Model, start: str, train: Rows) -> None:
    """Set the weights of a model to those of its start.

    Parameters
    ----------
    model
        As `tybalt.models` build it: a chain of layers with kernels, with `Centre` before the first.
    start
        ``mean`` or ``principal_components``.
    train
        Training rows. Means are over what was observed and by the weights of rows; components are
        those of the filled-in values, all rows alike.
    """
    mean = observed_mean(train)
    next(layer for layer in model.layers if isinstance(layer, Centre)).offset.assign(mean)
    if start == COMPONENTS:
        if train.weight is not None or train.observed is not None:
            log.info("the start: components of filled-in values, all rows weighed alike")
        begin_as_components(model, train.X, mean)
    centre_output(model, mean, len(train))


def centre_output(model: keras.Model, mean: np.ndarray, n_rows: int) -> None:
    """Set the bias of the last layer so that the mean row is reconstructed as itself."""
    last = dense_layers(model)[-1]
    before = keras.Model(model.input, last.input)
    value = before.predict(mean[None].astype(np.float32), verbose=0)[0].astype(float)
    link, _ = link_and_slope(last, mean, n_rows)
    last.bias.assign(link - value @ np.asarray(last.kernel, dtype=float))


def link_and_slope(last: Any, mean: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what the last layer's activation has to be given to return the mean, and its slope.

    A sigmoid never gives 0 or 1: a column that is 0 in all n rows is taken for 1/2 in n + 1, as in
    the empirical logistic transform (Cox 1970, The analysis of binary data, section 3.2).
    """
    if last.activation.__name__ == "linear":
        return mean, np.ones_like(mean)
    least = 0.5 / (n_rows + 1)
    mean = np.clip(mean, least, 1 - least)
    return np.log(mean / (1 - mean)), mean * (1 - mean)


@dataclasses.dataclass(frozen=True)
class Passage:
    """How components pass through an activation.

    A component a, of variance 1, goes in as ``scale x a + shift`` and comes out as, nearly,
    ``gain x a + value``.

    Parameters
    ----------
    scale, shift, gain, value
        Numbers, or one for each component.
    """

    scale: Any = 1.0
    shift: Any = 0.0
    gain: Any = 1.0
    value: Any = 0.0


def passage(activation: str, components: np.ndarray) -> Passage:
    """Return how components (rows x features, of variance 1) pass through an activation."""
    if activation == "linear":
        return Passage()
    if activation == "relu":
        shift = MARGIN - components.min(axis=0)
        return Passage(shift=shift, value=shift)
    # tanh(x) = x (1 - x^2 / 3 ...), sigmoid(x) = 1/2 + x / 4 (1 - x^2 / 12 ...)
    third, slope, value = {"tanh": (3, 1.0, 0.0), "sigmoid": (12, 0.25, 0.5)}[activation]
    scale = math.sqrt(third * CURVATURE)
    return Passage(scale=scale, gain=slope * scale, value=value)


def dense_layers(model: keras.Model) -> list[Any]:
    """List the layers with a kernel from the input to the reconstruction, in their order."""
    return [
        layer
        for layer in model.layers
        if hasattr(layer, "kernel") and not layer.name.startswith("log_variance")
    ]


def behind(layer: Any) -> tuple[Any, str]:
    """Return the batch normalisation behind a dense layer, or None, and the activation's name."""
    norm, activation = None, layer.activation.__name__
    after = layer._outbound_nodes[0].operation
    while not hasattr(after, "kernel"):
        if isinstance(after, keras.layers.BatchNormalization):
            norm = after
        elif isinstance(after, keras.layers.ReLU):
            activation = "relu"
        after = after._outbound_nodes[0].operation
    return norm, activation


def begin_as_components(model: keras.Model, X: np.ndarray, mean: np.ndarray) -> None:
    """Set the kernels so that the model reconstructs as principal components do, but for curves."""
    *hidden, last = dense_layers(model)
    _, slope = link_and_slope(last, mean, len(X))
    if isinstance(last, TiedDense):
        begin_tied(hidden[0], X, mean, slope)
        return
    width = min(len(X) - 1, *(size for layer in hidden for size in layer.kernel.shape))
    _, vectors, deviations = principal_components(X, width)
    vectors, deviations = vectors.astype(float), deviations.astype(float)
    varies = deviations > NEGLIGIBLE * deviations[0]
    vectors, deviations = vectors[varies], deviations[varies]
    width = len(vectors)
    encode = vectors.T / deviations
    decode = vectors * deviations[:, None] / slope
    components = (X - mean) @ encode
    before = Passage()
    for layer in hidden:
        norm, activation = behind(layer)
        through = passage(activation, components)
        n_inputs = layer.kernel.shape[0]
        taken = encode if layer is hidden[0] else np.eye(n_inputs, width) / before.gain
        given = 0.0 if layer is hidden[0] else -before.value / before.gain
        if norm is None:
            set_units(layer, taken * through.scale, given * through.scale + through.shift)
        else:
            set_units(layer, taken, given)
            set_normalisation(norm, through, width)
        before = through
    kernel = np.zeros(last.kernel.shape)
    kernel[:width] = decode / np.reshape(before.gain, (-1, 1))
    last.kernel.assign(kernel)
    draw_narrowly(model, decode, slope)


def begin_tied(encoder: Any, X: np.ndarray, mean: np.ndarray, slope: np.ndarray) -> None:
    """Set the kernel that encoder and decoder share.

    With the slope d of the output, a kernel W gives back, to first order, x D W W': a projection if
    W is that of the components of x / sqrt(d), divided by sqrt(d).
    """
    root = np.sqrt(slope)
    scaled = (X / root).astype(np.float32)
    width = encoder.kernel.shape[1]
    _, vectors, _ = principal_components(scaled, min(width, len(X) - 1, X.shape[1]))
    kernel = np.zeros(encoder.kernel.shape)
    kernel[:, : len(vectors)] = vectors.T.astype(float) / root[:, None]
    _, activation = behind(encoder)
    set_units(encoder, kernel, passage(activation, (X - mean) @ kernel).shift)


def set_units(layer: Any, kernel: np.ndarray, bias: Any) -> None:
    """Set the first units of a layer; the others stay as they are."""
    width = kernel.shape[1]
    kernels, biases = (keras.ops.convert_to_numpy(w).copy() for w in (layer.kernel, layer.bias))
    kernels[:, :width], biases[:width] = kernel, bias
    layer.kernel.assign(kernels)
    layer.bias.assign(biases)


def set_normalisation(norm: Any, through: Passage, width: int) -> None:
    """Let a batch normalisation expect components of variance 1, and scale and shift them."""
    for weight, value in (
        (norm.gamma, through.scale),
        (norm.beta, through.shift),
        (norm.moving_variance, 1 - norm.epsilon),
    ):
        values = keras.ops.convert_to_numpy(weight).copy()
        values[:width] = value
        weight.assign(values)


def draw_narrowly(model: keras.Model, decode: np.ndarray, slope: np.ndarray) -> None:
    """Set the variance with which a model draws its code, the same for all rows, where it draws.

    A variance s of a feature costs ``h s / 2`` of the error, h being its second derivative by the
    code, and ``beta (s - log s) / 2`` of the KL divergence (Kingma and Welling 2014, appendix B):
    the least is at ``s = beta / (beta + h)``, as for probabilistic principal components (Lucas
    2019, https://arxiv.org/abs/1911.02469).
    """
    kl = next((layer for layer in model.layers if isinstance(layer, KLDivergence)), None)
    if kl is None:
        return
    (error,) = {term.error for term in model.loss.terms}
    # Second derivatives by the output's input: cross-entropy p (1 - p), squared error 2 p'^2.
    curvature = slope if error is cross_entropy else 2 * slope**2
    head = model.get_layer("log_variance")
    h = np.zeros(head.kernel.shape[1])
    h[: len(decode)] = np.square(decode) @ curvature
    variance = np.maximum(kl.final_weight / (kl.final_weight + h), LEAST_VARIANCE)
    head.kernel.assign(np.zeros(head.kernel.shape))
    head.bias.assign(np.log(variance))
