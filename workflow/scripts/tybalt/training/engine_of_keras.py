"""Which training engine: that of the framework that Keras runs on."""

import keras

from tybalt.training.engine import Engine


def start_engine(model: keras.Model, batch_size: int, seed: int) -> Engine:
    """Make the engine of a compiled model; arguments as for `tybalt.training.engine.Engine`."""
    if keras.backend.backend() == "jax":
        from tybalt.training.engine_jax import JaxEngine as Chosen
    else:
        from tybalt.training.engine_tensorflow import TensorFlowEngine as Chosen
    return Chosen(model, batch_size, seed)
