"""Seconds per epoch of the training engine, beside `model.fit` and the bare matrix products.

    .venv/bin/python benchmarks/training.py [--small]

All three are measured in turns in one process, on one simulated matrix, with validation, and the
medians are compared: machines are noisy, and only ratios hold. Compilation is left out; the peak
of memory is that of imports, data and engine, before `fit` is touched. Each configuration has a
process of its own. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

CONFIGURATIONS = {
    "vae_depth0_batch50": ("vae", {"batch_size": 50}),
    "vae_depth1_hidden300_batch50": ("vae", {"batch_size": 50, "depth": 1, "hidden_dim": 300}),
    "adage_batch50": ("adage", {"batch_size": 50}),
    "vae_depth0_batch200": ("vae", {"batch_size": 200}),
}

#: Full size: the samples and genes of the TCGA pan-cancer study, a tenth of it for validation.
FULL = {"n_train": 9413, "n_validation": 1046, "n_genes": 5000, "rounds": 5}
SMALL = {"n_train": 1000, "n_validation": 100, "n_genes": 500, "rounds": 3}


def main() -> None:
    """Measure every configuration, print a table, then the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a small matrix, for a quick look")
    parser.add_argument("--only", choices=CONFIGURATIONS, help="one configuration")
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    names = [arguments.only] if arguments.only else list(CONFIGURATIONS)

    columns = ["matmul_s", "fit_s", "engine_s", "ratio_to_fit", "ratio_to_matmul", "peak_gib"]
    print(f"{size['n_train']} + {size['n_validation']} samples x {size['n_genes']} genes")
    print(f"{'':30}" + "".join(f"{column:>16}" for column in columns))
    results = {}
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in names:
            results[name] = pool.apply(measure, (*CONFIGURATIONS[name], size))
            row = "".join(f"{results[name][column]:16.3f}" for column in columns)
            print(f"{name:30}{row}", flush=True)
    print(json.dumps(results))


def measure(module: str, hyperparameters: dict[str, Any], size: dict[str, int]) -> dict:
    """Measure one configuration; see the module's docstring."""
    import numpy as np

    from tybalt.training.engine_of_keras import start_engine
    from tybalt.training.model import make_model
    from tybalt.training.rows import Rows, make_inputs

    n_genes, batch_size = size["n_genes"], hyperparameters["batch_size"]
    rng = np.random.default_rng(1)
    X = rng.random((size["n_train"], n_genes), dtype=np.float32)
    X_validation = rng.random((size["n_validation"], n_genes), dtype=np.float32)

    inputs = make_inputs([f"g{i}" for i in range(n_genes)])
    model = make_model(module, inputs, hyperparameters, seed=1).model
    engine = start_engine(model, batch_size, seed=1)
    placed, placed_validation = (engine.place(Rows(each, inputs)) for each in (X, X_validation))
    epochs = iter(range(1, 1000))

    def run_engine() -> None:
        engine.train_epoch(placed, next(epochs))
        engine.measure(placed_validation)

    kernels = [tuple(layer.kernel.shape) for layer in engine.model.layers if has_kernel(layer)]

    def run_products() -> None:
        multiply(X, X_validation, kernels, batch_size)

    run_engine()
    run_products()
    first = take_turns([run_products, run_engine], size["rounds"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    fitted = make_model(module, inputs, hyperparameters, seed=1).model

    def run_fit() -> None:
        fitted.fit(X, X, batch_size, validation_data=(X_validation, X_validation), verbose=0)

    run_fit()
    second = take_turns([run_fit, run_engine], size["rounds"])
    return {
        "matmul_s": first[0],
        "fit_s": second[0],
        "engine_s": first[1],
        "ratio_to_fit": second[0] / second[1],
        "ratio_to_matmul": first[1] / first[0],
        "peak_gib": peak,
    }


def has_kernel(layer: Any) -> bool:
    """Tell whether a layer multiplies by a matrix."""
    return hasattr(layer, "kernel")


def multiply(X: Any, X_validation: Any, kernels: list[tuple[int, int]], batch_size: int) -> None:
    """Do the matrix products of an epoch and nothing else, in numpy.

    Per layer and minibatch: forwards, the gradient of the kernel, and the gradient of the inputs
    where these are not the data; forwards alone for the validation samples.
    """
    import numpy as np

    n_genes = X.shape[1]
    weights = [np.ones(shape, np.float32) for shape in kernels]

    def pass_through(x: Any, backwards: bool) -> None:
        for kernel in weights:
            n_in, n_out = kernel.shape
            inputs = x if n_in == n_genes else x[:, :n_in]
            inputs @ kernel
            if backwards:
                gradient = x if n_out == n_genes else x[:, :n_out]
                inputs.T @ gradient
                if n_in != n_genes:
                    gradient @ kernel.T

    for start in range(0, len(X), batch_size):
        pass_through(X[start : start + batch_size], backwards=True)
    pass_through(X_validation, backwards=False)


def take_turns(functions: list[Callable[[], None]], rounds: int) -> list[float]:
    """Time the functions in turns; return the median seconds of each."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, times in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            function()
            times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in seconds]


if __name__ == "__main__":
    main()
