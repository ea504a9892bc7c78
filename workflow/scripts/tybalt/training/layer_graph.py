"""Encoder and decoder of a trained model as layers that NumPy can compute.

`describe` walks from a tensor of a Keras model back to another and writes down what lies between;
`compute` repeats it with NumPy alone. A step is a plain record::

    name        of its result; "input" is what goes in
    inputs      names of the results that it takes
    operation   dense: activation(x @ kernel + bias); affine: x * scale + shift (a scale
                that is not named is 1); activation;
                columns: x[:, start:stop]; concatenate; add
    kernel, bias, scale, shift    names of arrays (files of the bundle); a `transposed` kernel is
                that of an earlier layer, the other way round; a `mask` says which weights of a
                kernel exist, as (row, column) pairs, and `shape` how large it is
    activation  linear, relu, sigmoid, tanh, softmax or softplus
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from tybalt.training.rows import RECONSTRUCTION

Step = dict[str, Any]

#: Where a description begins.
INPUT = "input"

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": expit,
    "tanh": np.tanh,
    "softmax": lambda x: softmax(x, axis=-1),
    "softplus": lambda x: np.logaddexp(x, 0),
}


# Writing down


def predictions_of(model: Any) -> dict[str, Any]:
    """Return the outputs of a Keras model by name; a single one is the reconstruction."""
    output = model.output
    return dict(output) if isinstance(output, Mapping) else {RECONSTRUCTION: output}


def describe(source: Any, target: Any) -> tuple[list[Step], dict[str, np.ndarray]]:
    """Write down what lies between two tensors of a Keras model, at inference.

    Parameters
    ----------
    source, target
        Symbolic tensors of one functional model.

    Returns
    -------
    list, dict
        The steps, each behind those that it takes; and arrays that are no weights of the model
        under their names (``scale``, ``shift`` of batch normalisation).

    Raises
    ------
    TypeError
        For a layer that has no description.
    """
    steps: dict[str, Step] = {}
    arrays: dict[str, np.ndarray] = {}

    def visit(tensor: Any) -> str:
        if tensor is source:
            return INPUT
        layer, node, position = tensor._keras_history
        taken = layer._inbound_nodes[node].input_tensors
        if not taken:
            raise TypeError(f"{layer.name}: {target.name} depends on an input beside {source.name}")
        passed = _passed(layer, position)
        if passed is not None:
            return visit(taken[passed])
        name = f"{layer.name}:{node}" if node else layer.name  # a layer may be called twice
        if name not in steps:
            inputs = [visit(each) for each in taken]
            step, own = _step(layer, layer._inbound_nodes[node].arguments)
            steps[name] = {"name": name, "inputs": inputs, **step}
            arrays.update(own)
        return name

    visit(target)
    return list(steps.values()), arrays


def _passed(layer: Any, position: int) -> int | None:
    """Tell which of its inputs a layer passes on unchanged at inference; None if it does not."""
    from tybalt.training.layers import Noise, Penalty

    if isinstance(layer, Penalty):
        return position
    return 0 if isinstance(layer, Noise) else None


def _step(layer: Any, arguments: Any) -> tuple[Step, dict[str, np.ndarray]]:
    import keras

    from tybalt.training.layers import Centre, LinkedDense, TiedDense

    kind = type(layer).__name__
    if isinstance(layer, keras.layers.Dense | TiedDense | LinkedDense):
        step = {"operation": "dense", "activation": layer.activation.__name__}
        if layer.bias is not None:
            step["bias"] = f"weights/{layer.bias.path}"
        if isinstance(layer, TiedDense):
            return {**step, "kernel": f"weights/{layer.source.kernel.path}", "transposed": True}, {}
        if isinstance(layer, LinkedDense):
            name = f"layers/{layer.name}/mask"
            shape = [layer.n_inputs, layer.n_units]
            step |= {"kernel": f"weights/{layer.link_weights.path}", "mask": name, "shape": shape}
            return step, {name: layer.links}
        return {**step, "kernel": f"weights/{layer.kernel.path}"}, {}
    if isinstance(layer, keras.layers.BatchNormalization):
        return _batch_normalisation(layer)
    if isinstance(layer, Centre):
        name = f"layers/{layer.name}/shift"
        return {"operation": "affine", "shift": name}, {name: -layer.offset.numpy()}
    if isinstance(layer, keras.layers.ReLU):
        return {"operation": "activation", "activation": "relu"}, {}
    if isinstance(layer, keras.layers.Activation):
        return {"operation": "activation", "activation": layer.activation.__name__}, {}
    if isinstance(layer, keras.layers.Concatenate):
        return {"operation": "concatenate"}, {}
    if isinstance(layer, keras.layers.Add):
        return {"operation": "add"}, {}
    if kind == "GetItem":
        rows, columns = arguments.args[1]
        if rows == slice(None) and isinstance(columns, slice):
            return {"operation": "columns", "start": columns.start, "stop": columns.stop}, {}
    raise TypeError(f"{layer.name}: a layer {kind} cannot be written for NumPy; add it here")


def _batch_normalisation(layer: Any) -> tuple[Step, dict[str, np.ndarray]]:
    """Fold the moving averages into one scale and shift of every column, in double precision."""
    mean, variance = (np.asarray(v, np.float64) for v in (layer.moving_mean, layer.moving_variance))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma)
    shift = -mean * scale
    if layer.center:
        shift = shift + np.asarray(layer.beta)
    names = {"scale": f"layers/{layer.name}/scale", "shift": f"layers/{layer.name}/shift"}
    arrays = {names["scale"]: scale.astype("f4"), names["shift"]: shift.astype("f4")}
    return {"operation": "affine", **names}, arrays


def chain(part: str, layers: Sequence[Mapping[str, Any]]) -> tuple[list[Step], dict[str, Any]]:
    """Write down dense layers that follow each other, given by their arrays."""
    steps: list[Step] = []
    arrays: dict[str, Any] = {}
    for number, layer in enumerate(layers, 1):
        named = {key: f"layers/{part}_{number}/{key}" for key in layer}
        arrays |= {named[key]: np.asarray(layer[key], dtype=np.float32) for key in layer}
        inputs = [steps[-1]["name"] if steps else INPUT]
        step = {"name": f"{part}_{number}", "inputs": inputs, "operation": "dense"}
        steps.append({**step, "activation": "linear", **named})
    return steps, arrays


# Computing


def compute(
    steps: Sequence[Step], arrays: Mapping[str, np.ndarray], values: np.ndarray
) -> np.ndarray:
    """Compute what steps describe, with NumPy.

    Parameters
    ----------
    steps
        As `describe` returns them.
    arrays
        Name -> array of everything that the steps name.
    values
        Rows x columns that go in; double precision stays so.
    """
    results = {INPUT: np.asarray(values)}
    for step in steps:
        taken = [results[name] for name in step["inputs"]]
        results[step["name"]] = _compute_step(step, arrays, taken)
    return results[steps[-1]["name"]] if steps else results[INPUT]


def _compute_step(
    step: Step, arrays: Mapping[str, np.ndarray], taken: list[np.ndarray]
) -> np.ndarray:
    x = taken[0]
    match step["operation"]:
        case "dense":
            before = x @ kernel_of(step, arrays)
            before = before + arrays[step["bias"]] if "bias" in step else before
            return ACTIVATIONS[step["activation"]](before)
        case "affine":
            scaled = x * arrays[step["scale"]] if "scale" in step else x
            return scaled + arrays[step["shift"]]
        case "activation":
            return ACTIVATIONS[step["activation"]](x)
        case "columns":
            return x[:, step["start"] : step["stop"]]
        case "concatenate":
            return np.concatenate(taken, axis=-1)
        case "add":
            return np.sum(taken, axis=0)
    raise ValueError(f"{step['name']}: unknown operation {step['operation']!r}")


def kernel_of(step: Step, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the kernel of a dense step, inputs x units."""
    kernel = arrays[step["kernel"]]
    if "mask" in step:
        dense = np.zeros(step["shape"], dtype=kernel.dtype)
        dense[tuple(arrays[step["mask"]].T)] = kernel
        return dense
    return kernel.T if step.get("transposed") else kernel
