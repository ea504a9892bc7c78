"""The only Keras subclasses of the workflow: layers that draw noise, and layers that cost.

Keras 3 without a backend of its own (`keras.ops`, `keras.random`), so every model made of these
layers also runs in plain `keras.Model.fit`. The training engine adds two liberties, both
declared in the base classes: a `Noise` layer accepts numbers drawn elsewhere (an epoch's noise
is drawn at once, which is twice as fast as drawing it step by step), and a `Penalty` layer shows
its unweighted term (which the history and the integrity check read).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from tybalt.plan.shared_hyperparameters import RANDOM
from tybalt.training.losses import weight_at

register = keras.saving.register_keras_serializable(package="tybalt")


class Noise(keras.layers.Layer):
    """A layer that is random in training and deterministic at inference.

    A subclass says what is drawn for one sample (`draw`) and what is done with it (`disturb`).
    On its own it draws from its seed generator, as Keras's layers do. Inside `given`, it uses
    the numbers it is handed, so that a caller decides when they are drawn.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator()
        self._given = None

    def draw(self, n_samples: Any, seed: Any) -> Any:
        """Draw the noise of `n_samples` samples: a tensor of shape (n_samples, ...).

        `seed` is a whole number (the same number, the same noise) or a SeedGenerator.
        """
        raise NotImplementedError

    def disturb(self, inputs: Any, noise: Any) -> Any:
        """Apply the noise."""
        raise NotImplementedError

    def rest(self, inputs: Any) -> Any:
        """Return what the layer gives at inference."""
        return inputs

    @contextmanager
    def given(self, noise: Any) -> Iterator[None]:
        """Use `noise` instead of drawing, within the `with` block."""
        self._given = noise
        try:
            yield
        finally:
            self._given = None

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Disturb the inputs in training, pass them on otherwise."""
        if not training:
            return self.rest(inputs)
        noise = self._given
        if noise is None:
            n_samples = ops.shape(inputs[0] if isinstance(inputs, list | tuple) else inputs)[0]
            noise = self.draw(n_samples, self.seed_generator)
        return self.disturb(inputs, noise)


@register
class Sampling(Noise):
    """Draw a code from the normal distribution that an encoder describes.

    Inputs are the mean and the log-variance, both of shape (samples, features); the output is
    mean + sigma x N(0, 1) in training and the mean at inference (Kingma and Welling 2014,
    https://arxiv.org/abs/1312.6114, section 2.4).
    """

    def build(self, input_shape: Any) -> None:
        """Remember the number of features."""
        self.n_features = input_shape[0][-1]

    def draw(self, n_samples: Any, seed: Any) -> Any:
        """Draw from N(0, 1), shape (n_samples, features)."""
        return keras.random.normal((n_samples, self.n_features), seed=seed)

    def disturb(self, inputs: Any, noise: Any) -> Any:
        """Return mean + sigma x noise."""
        mean, log_variance = inputs
        return mean + ops.exp(log_variance / 2) * noise

    def rest(self, inputs: Any) -> Any:
        """Return the mean."""
        return inputs[0]

    def sigma(self, inputs: Any) -> Any:
        """Return the standard deviation, averaged over the features: shape (samples,)."""
        return ops.mean(ops.exp(inputs[1] / 2), axis=-1)


@register
class Corruption(Noise):
    """Set a random share of the genes of every sample to zero, and scale up the others.

    The masking noise of denoising autoencoders (Vincent 2008), scaled by 1 / (1 - rate) as
    Keras's Dropout, which the published ADAGE of greenelab/tybalt used.

    Parameters
    ----------
    rate
        Share of the genes set to zero, 0 <= rate < 1.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate

    def build(self, input_shape: Any) -> None:
        """Remember the number of genes."""
        self.n_features = input_shape[-1]

    def draw(self, n_samples: Any, seed: Any) -> Any:
        """Draw which values are kept: bool, shape (n_samples, genes)."""
        return keras.random.uniform((n_samples, self.n_features), seed=seed) >= self.rate

    def disturb(self, inputs: Any, noise: Any) -> Any:
        """Return the kept values, scaled up."""
        return ops.where(noise, inputs / (1 - self.rate), ops.zeros_like(inputs))

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}


class Penalty(keras.layers.Layer):
    """A layer that passes its inputs on and adds `weight` x `term` to the loss.

    The weight is a non-trainable weight of the layer, read anew by every step, because a weight
    that is read once, when the graph is built, is no weight at all: the warm-up of the published
    Tybalt moved a variable that its loss had stopped reading, and its KL term never trained
    anything. `tybalt.training.integrity` proves before every training that this one is read.

    Parameters
    ----------
    final_weight
        Weight after the warm-up.
    kappa
        Warm-up: the weight of epoch e (the first is 1) is
        ``final_weight x min(1, kappa x (e - 1))``; None for no warm-up.
    """

    def __init__(self, final_weight: float, kappa: float | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.final_weight = final_weight
        self.kappa = kappa
        self.weight = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(self.weight_at(1)),
            trainable=False,
            name="weight",
        )

    def weight_at(self, epoch: int) -> float:
        """Return the weight of an epoch; the first epoch is 1."""
        return weight_at(self.final_weight, self.kappa, epoch)

    def term(self, inputs: Any) -> Any:
        """Return the unweighted penalty of every sample: shape (samples,)."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Any:
        """Add the penalty, averaged over the minibatch, and pass the inputs on."""
        self.add_loss(self.weight * ops.mean(self.term(inputs)))
        return inputs

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "final_weight": self.final_weight,
            "kappa": self.kappa,
        }


@register
class KLDivergence(Penalty):
    """KL divergence of the code's distribution from N(0, 1), summed over the latent features.

    Inputs are the mean and the log-variance (Kingma and Welling 2014, appendix B).
    """

    def term(self, inputs: Any) -> Any:
        """Return -1/2 sum(1 + log sigma^2 - mu^2 - sigma^2) of every sample."""
        mean, log_variance = inputs
        return -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1)


@register
class ActivityL1(Penalty):
    """Sum of the absolute activities of a sample's features, averaged over the minibatch.

    This is Keras's L1 *activity* regulariser as it is today. Before Keras 2.2 (so in the
    published ADAGE) it was summed over the minibatch: a published sparsity s at batch size b
    corresponds to s x b here.
    """

    def term(self, inputs: Any) -> Any:
        """Return the sum over features of every sample."""
        return ops.sum(ops.abs(inputs), axis=-1)


class TiedDense(keras.layers.Layer):
    """A dense layer whose kernel is the transpose of an earlier layer's; its bias is its own.

    It holds a reference to that layer, which a Keras file cannot say; models are saved as
    weights (`tybalt.training.bundle`) and built anew.

    Parameters
    ----------
    source
        The built Dense layer whose kernel is used.
    activation
        As in Keras's Dense.
    """

    def __init__(self, source: keras.layers.Dense, activation: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.source = source
        self.activation = keras.activations.get(activation)
        self.bias = self.add_weight(
            shape=(source.kernel.shape[0],), initializer="zeros", name="bias"
        )

    @property
    def kernel(self) -> Any:
        """The transposed kernel of the source, shape (features, genes)."""
        return ops.transpose(self.source.kernel)

    def call(self, inputs: Any) -> Any:
        """Return activation(inputs @ kernel + bias)."""
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias)


class JacobianNorm(Penalty):
    """Squared Frobenius norm of the Jacobian of a one-layer encoder, in closed form.

    With the code ``h = s(x W + b)`` the Jacobian of feature j by gene i is ``s'(a_j) W_ij``, and
    the slope s' follows from h itself, so the norm is ``sum_j s'(a_j)^2 sum_i W_ij^2``: no second
    differentiation (Rifai 2011, https://icml.cc/2011/papers/455_icmlpaper.pdf).

    It holds a reference to the encoder, which a Keras file cannot say; models are saved as
    weights (`tybalt.training.bundle`) and built anew.

    Parameters
    ----------
    encoder
        The Dense layer, built, with sigmoid or tanh, whose output is the input of this layer.
    final_weight, kappa
        As in `Penalty`.
    """

    def __init__(
        self,
        encoder: keras.layers.Dense,
        final_weight: float,
        kappa: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(final_weight, kappa, **kwargs)
        self.encoder = encoder
        slopes = {
            "sigmoid": lambda code: code * (1 - code),
            "tanh": lambda code: 1 - ops.square(code),
        }
        self._slope = slopes[encoder.activation.__name__]

    def term(self, inputs: Any) -> Any:
        """Return the squared norm of every sample's Jacobian."""
        squared_norms = ops.sum(ops.square(self.encoder.kernel), axis=0)
        return ops.sum(ops.square(self._slope(inputs)) * squared_norms, axis=-1)


@register
class Centre(keras.layers.Layer):
    """Subtract an offset from every column; `tybalt.training.starts` sets it.

    The offset is a weight that is not trained, so it stands in model files and checkpoints.
    """

    def build(self, input_shape: Any) -> None:
        """Make the offset, 0 at first: shape (columns,)."""
        self.offset = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", trainable=False, name="offset"
        )

    def call(self, inputs: Any) -> Any:
        """Return inputs - offset."""
        return inputs - self.offset


def centred(inputs: Any, start: str) -> Any:
    """Centre the input of a model, unless it has a random start."""
    return inputs if start == RANDOM else Centre(name="centred")(inputs)


class LinkedDense(keras.layers.Layer):
    """A dense layer in which each unit sees only the inputs that it is linked to.

    There is one weight per link, and no other: what is not linked cannot learn, and the number of
    parameters says so. A unit's weights are drawn from -limit..limit with limit^2 = 3 / its number
    of links, so that units of few and of many links start alike (LeCun 1998).

    Parameters
    ----------
    links
        Pairs (number of the input, number of the unit), each once; shape (links, 2), whole numbers.
    n_inputs, n_units
        Shape of the kernel that the links are part of.
    activation
        As in Keras's Dense.
    """

    def __init__(
        self, links: np.ndarray, n_inputs: int, n_units: int, activation: str, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.links = np.asarray(links, dtype=np.int32)
        self.n_inputs = n_inputs
        self.n_units = n_units
        self.activation = keras.activations.get(activation)
        limits = np.sqrt(3 / np.bincount(self.links[:, 1], minlength=n_units))[self.links[:, 1]]
        self.link_weights = self.add_weight(
            shape=(len(self.links),),
            initializer=keras.initializers.RandomUniform(-1, 1),
            name="link_weights",
        )
        self.link_weights.assign(self.link_weights * limits.astype(np.float32))
        self.bias = self.add_weight(shape=(n_units,), initializer="zeros", name="bias")

    @property
    def kernel(self) -> Any:
        """The weights at their places, 0 elsewhere: shape (inputs, units)."""
        return ops.scatter(self.links, self.link_weights, (self.n_inputs, self.n_units))

    def call(self, inputs: Any) -> Any:
        """Return activation(inputs @ kernel + bias)."""
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias)
