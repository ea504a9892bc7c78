"""Where trainings begin, on one matrix: how near neural models come to exact principal components.

    .venv/bin/python benchmarks/starts.py table MATRIX [--positive UVM] [--only NAME ...] [--small]
    .venv/bin/python benchmarks/starts.py curve MATRIX [--rows 100 245 ...] [--small]

`table` trains models from each start, with several seeds; `curve` trains one on more and more of
the training rows, beside principal components of the same rows. The epoch is chosen by validation
samples, errors are those of test samples; `ratio` is the error over that of exact principal
components, whose reconstruction is clipped to 0..1. `sex` is the AUROC on test samples, within
cancer types, of the feature that is best on training samples, in the direction that it
has there; `type` that of one cancer type against the rest. `rotated`: after a varimax rotation
of the features (weights times standard deviation). The last line is one JSON object.
"""

import argparse
import itertools
import json
import logging
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np

from tybalt.analysis.contrasts import ask_contrast
from tybalt.analysis.stratified_tests import answering_strata, measure_effects
from tybalt.data.matrix import read_obs, read_parts, read_values, read_var
from tybalt.plan.shared_hyperparameters import COMPONENTS, MEAN, RANDOM
from tybalt.training.model import load_module, make_model
from tybalt.training.principal_components import principal_components
from tybalt.training.rows import Rows, make_inputs
from tybalt.training.train import fit_and_keep_best

STARTS = (RANDOM, MEAN, COMPONENTS)
ADAM = {"optimizer": "adam", "learning_rate": 0.001}
WEAK = {"beta": 0.05, "learning_rate": 0.0003, "epochs": 100}

#: Name -> module and hyperparameters beside latent_dim, batch_size and epochs.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "vae": ("vae", {"learning_rate": 0.001}),
    "vae, beta 0.05": ("vae", WEAK),
    "vae, depth 1": ("vae", {"learning_rate": 0.001, "depth": 1, "hidden_dim": 100}),
    "linear_autoencoder": ("linear_autoencoder", {}),
    "autoencoder": ("autoencoder", {"hidden_dim": 100}),
    "adage, adam": ("adage", ADAM),
    "contractive_autoencoder": ("contractive_autoencoder", {"tied": False}),
    "sparse_autoencoder": ("sparse_autoencoder", {}),
    "gene_set_autoencoder": ("gene_set_autoencoder", {}),
}

#: The neural model of the curve.
CLOSE = ("vae", {**WEAK, "start": COMPONENTS})


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["table", "curve"])
    parser.add_argument("matrix", help="matrix.h5ad of a dataset with a test part")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--latent-dim", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=100, help="where the model does not say")
    parser.add_argument("--positive", default="UVM", help="cancer type against the rest")
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=STARTS)
    parser.add_argument("--rows", type=int, nargs="+", help="training rows of the curve")
    parser.add_argument("--small", action="store_true", help="one seed, 3 epochs, 10 features")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.seeds, arguments.epochs, arguments.latent_dim = [1], 3, 10
        for _, values in [*MODELS.values(), CLOSE]:
            values.pop("epochs", None)
    logging.basicConfig(level=logging.ERROR)
    bench = Bench(arguments)
    print(json.dumps(bench.table() if arguments.what == "table" else bench.curve()))


class Bench:
    """A matrix, and what is asked of models of it."""

    def __init__(self, arguments: argparse.Namespace):
        self.arguments = arguments
        obs, genes = read_obs(arguments.matrix), list(read_var(arguments.matrix).index)
        inputs = make_inputs(genes)
        self.X, self.split = read_values(arguments.matrix), obs["split"].to_numpy()
        self.rows = {part: Rows(X, inputs) for part, X in read_parts(arguments.matrix).items()}
        self.groups = obs["patient"].to_numpy()
        self.asked = {
            name: ask_contrast(obs, name, contrast)
            for name, contrast in {
                "sex": {"covariate": "sex", "positive": ["male"], "within": "cancer_type"},
                "type": {"covariate": "cancer_type", "positive": [arguments.positive]},
            }.items()
        }
        print(f"{len(self.X)} samples x {len(genes)} genes, {len(self.rows['train'])} train")

    def table(self) -> dict[str, Any]:
        """Train every model from every start."""
        exact = self.components(self.rows["train"])
        show("exact components", exact)
        found: dict[str, list[dict[str, float]]] = {}
        for seed, name in itertools.product(self.arguments.seeds, self.arguments.only):
            module, values = MODELS[name]
            choices = load_module(module).HParams.__dataclass_fields__["start"].metadata["choices"]
            for start in choices:
                if start in self.arguments.starts:
                    key = f"{name} | {start}"
                    setting = {**values, "start": start}
                    record = self.train(module, setting, seed, self.rows["train"])
                    record["ratio"] = record["mse"] / exact["mse"]
                    found.setdefault(key, []).append(record)
                    show(f"{key} | seed {seed}", record)
        means = {key: average(records) for key, records in found.items()}
        print()
        for key, record in means.items():
            show(key, record)
        return {"exact": exact, **means}

    def curve(self) -> dict[str, Any]:
        """Train on more and more rows."""
        train = self.rows["train"]
        sizes = [n for n in self.arguments.rows or [len(train)] if n <= len(train)]
        module, values = CLOSE
        found = {}
        for size in sizes:
            records = []
            for seed in self.arguments.seeds:
                chosen = np.random.default_rng([seed, size]).permutation(len(train))[:size]
                rows = train.only(np.sort(chosen))
                exact = self.components(rows)["mse"]
                record = self.train(module, values, seed, rows)
                records.append({"pca": exact, **record, "ratio": record["mse"] / exact})
                show(f"{size} rows | seed {seed}", records[-1])
            found[size] = average(records)
        print()
        for size, record in found.items():
            show(f"{size} rows", record)
        return found

    def components(self, rows: Rows) -> dict[str, float]:
        """Measure exact principal components, clipped to 0..1."""
        k = self.arguments.latent_dim
        found = principal_components(rows.X.astype(float), k)

        def codes(X: np.ndarray) -> np.ndarray:
            return (X - found.mean) @ found.directions.T

        test = self.rows["test"].X
        given = np.clip(found.mean + codes(test) @ found.directions, 0, 1)
        errors = np.mean((given - test) ** 2)
        return {"mse": float(errors), **self.features(codes(self.X), found.directions.T)}

    def train(self, module: str, values: dict[str, Any], seed: int, rows: Rows) -> dict[str, float]:
        """Train one model with one seed and measure it."""
        arguments = self.arguments
        known = {"latent_dim": arguments.latent_dim, "batch_size": arguments.batch_size}
        began = time.perf_counter()
        model = make_model(
            module, rows.inputs, {**known, "epochs": arguments.epochs, **values}, seed
        )
        result = fit_and_keep_best(
            model, rows, self.rows["validation"], seed, "reconstruction", patience=0
        )
        test = self.rows["test"].X
        codes = model.encode(self.X).astype(float)
        weights = model.gene_weights(codes[self.split == "train"].mean(axis=0))
        return {
            "mse": float(np.mean((model.reconstruct(test) - test) ** 2)),
            "validation": min(result.history["validation_mse"]),
            "start": result.start["validation_mse"],
            "epoch": float(result.best_epoch or 0),
            **self.features(codes, weights.astype(float)),
            "seconds": time.perf_counter() - began,
        }

    def features(self, codes: np.ndarray, weights: np.ndarray) -> dict[str, float]:
        """Measure what the best single feature knows, before and after a rotation."""
        train = self.split == "train"
        deviations = codes[train].std(axis=0)
        active = deviations > 1e-6 * deviations.max()
        standard = (codes[:, active] - codes[train][:, active].mean(axis=0)) / deviations[active]
        rotation = varimax(weights[:, active] * deviations[active])
        plain, rotated = self.ask(codes), self.ask(standard @ rotation)
        return {**plain, **{f"{name}_rotated": value for name, value in rotated.items()}}

    def ask(self, codes: np.ndarray) -> dict[str, float]:
        """Return for each contrast the test AUROC of the feature that is best on training rows."""
        found = {}
        for name, contrast in self.asked.items():
            strata = [answering_strata(contrast, self.split == "train", self.groups)]
            train, test = (
                measure_effects(codes, [contrast], self.split == part, strata).effect[0]
                for part in ("train", "test")
            )
            best = int(np.nanargmax(np.abs(train - 0.5)))
            found[name] = float(test[best] if train[best] > 0.5 else 1 - test[best])
        return found


def varimax(loadings: np.ndarray, rounds: int = 500, tolerance: float = 1e-8) -> np.ndarray:
    """Return the rotation (features x features) of loadings (genes x features) that varimax finds.

    Kaiser 1958 (https://doi.org/10.1007/BF02289233), by singular values as in R's `varimax`.
    """
    n_genes, n_features = loadings.shape
    rotation, total = np.eye(n_features), 0.0
    for _ in range(rounds):
        rotated = loadings @ rotation
        centred = rotated**3 - rotated * np.mean(rotated**2, axis=0)
        left, values, right = np.linalg.svd(loadings.T @ centred)
        rotation, before, total = left @ right, total, values.sum()
        if total < before * (1 + tolerance):
            break
    return rotation


def average(records: list[dict[str, float]]) -> dict[str, float]:
    """Average over seeds; of the error its standard deviation, too."""
    means = {key: statistics.fmean(record[key] for record in records) for key in records[0]}
    spread = float(np.std([r["mse"] for r in records], ddof=min(1, len(records) - 1)))
    return {**means, "mse_sd": spread, "sex_rotated_min": min(r["sex_rotated"] for r in records)}


def show(name: str, record: dict[str, float]) -> None:
    """Print one row."""
    values = " ".join(f"{key} {value:.5g}" for key, value in record.items())
    print(f"{name}: {values}", flush=True)


if __name__ == "__main__":
    main()
