"""Every model on one matrix: how well it reconstructs, what it knows, and how long it takes.

    .venv/bin/python benchmarks/models.py results/demo/matrix.h5ad \
        [--truth results/demo/raw/planted_factors.h5ad] [--small]

Each model is trained with several seeds in one process, the epoch chosen by the validation
samples, and judged on the test samples as the workflow judges (`tybalt.analysis.evaluation`,
`tybalt.analysis.planted_factors`). The table has means over the seeds and, for the error, their
standard deviation. The last line is one JSON object.
"""

import argparse
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
import pandas as pd

from tybalt.analysis.associations import answer
from tybalt.analysis.contrasts import ask_contrast
from tybalt.analysis.evaluation import label_accuracy
from tybalt.analysis.planted_factors import explain_factors, read_factors, summarize
from tybalt.data.matrix import read_obs, read_parts, read_values, read_var
from tybalt.data.samples import Samples
from tybalt.training.bundle import feature_names
from tybalt.training.model import load_module, make_model
from tybalt.training.rows import Rows, make_inputs
from tybalt.training.train import fit_and_keep_best

ADAM = {"optimizer": "adam", "learning_rate": 0.001}
VAE = {"learning_rate": 0.001}
RANDOM = {"start": "random"}

#: Name -> module and hyperparameters beside latent_dim, epochs and batch_size.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "pca": ("pca", {}),
    "nmf": ("nmf", {}),
    "circular": ("circular", {}),
    "linear_autoencoder": ("linear_autoencoder", {}),
    "autoencoder": ("autoencoder", {"depth": 1, "activation": "relu"}),
    "sparse_autoencoder": ("sparse_autoencoder", {}),
    "adage": ("adage", {}),
    "adage, adam": ("adage", ADAM),
    "contractive_autoencoder": ("contractive_autoencoder", {}),
    "vae": ("vae", VAE),
    "vae, random start": ("vae", VAE | RANDOM),
    "vae, depth 1": ("vae", {**VAE, "depth": 1, "hidden_dim": 300}),
    "vae, depth 1, random start": ("vae", {**VAE, "depth": 1, "hidden_dim": 300, **RANDOM}),
    "vae, beta 0.05": ("vae", {**VAE, "beta": 0.05}),
    "vae, beta 0.05, random start": ("vae", {**VAE, "beta": 0.05, **RANDOM}),
    "gene_set_autoencoder": ("gene_set_autoencoder", {}),
}

SEX = {"covariate": "sex", "positive": ["male"], "within": "cancer_type"}


def main() -> None:
    """Train and judge every model, print a row for each, then the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("matrix", help="matrix.h5ad of a dataset")
    parser.add_argument("--truth", help="planted_factors.h5ad of a simulated cohort")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--latent-dim", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--small", action="store_true", help="one seed, 5 epochs, 10 features")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.seeds, arguments.epochs, arguments.latent_dim = 1, 5, 10
    logging.basicConfig(level=logging.ERROR)

    obs = read_obs(arguments.matrix)
    label = "cancer_type" if "cancer_type" in obs else None
    samples = Samples(obs, {"group": "patient", "label": label})
    parts = read_parts(arguments.matrix)
    X = read_values(arguments.matrix)
    genes = list(read_var(arguments.matrix).index)
    factors = read_factors(arguments.truth).loc[obs.index] if arguments.truth else None
    results = {}
    for name in arguments.only:
        records = [
            judge(name, arguments, seed, parts, X, samples, genes, factors)
            for seed in range(1, arguments.seeds + 1)
        ]
        if not results:
            print(f"{len(X)} samples x {len(genes)} genes, {arguments.seeds} seeds")
            print(f"{'':26}" + "".join(f"{column:>20}" for column in [*records[0], "mse_sd"]))
        means = {key: statistics.fmean(r[key] for r in records) for key in records[0]}
        means["mse_sd"] = float(np.std([r["mse"] for r in records], ddof=min(1, len(records) - 1)))
        results[name] = means
        print(f"{name:26}" + "".join(f"{value:20.4g}" for value in means.values()), flush=True)
    print(json.dumps(results))


def judge(
    name: str,
    arguments: argparse.Namespace,
    seed: int,
    parts: dict[str, np.ndarray],
    X: np.ndarray,
    samples: Samples,
    genes: list[str],
    factors: pd.DataFrame | None,
) -> dict[str, float]:
    """Train one model with one seed and judge it."""
    module, hyperparameters = MODELS[name]
    values = {"latent_dim": arguments.latent_dim, **hyperparameters}
    if not hasattr(load_module(module), "fit"):
        values |= {"epochs": arguments.epochs, "batch_size": arguments.batch_size}
    started = time.perf_counter()
    inputs = make_inputs(genes)
    rows = {part: Rows(each, inputs) for part, each in parts.items()}
    model = make_model(module, inputs, values, seed)
    result = fit_and_keep_best(
        model, rows["train"], rows["validation"], seed, "reconstruction", patience=0
    )
    seconds = time.perf_counter() - started
    obs, part = samples.table, samples.held_out
    errors = np.mean(np.square(parts[part] - model.reconstruct(parts[part])), axis=1)
    codes = model.encode(X)
    table = pd.DataFrame(codes, obs.index, feature_names(codes.shape[1]))
    record = {
        "seconds": seconds,
        "best_epoch": float(result.best_epoch or 0),
        "mse": float(errors.mean(dtype=np.float64)),
    }
    if samples.label is not None:
        accuracy = label_accuracy(table, samples, seed)
        record |= {key: accuracy[key] for key in ("knn_accuracy", "logistic_accuracy")}
    if "sex" in obs:
        asked = [ask_contrast(samples.table, "sex", SEX)]
        answers, _ = answer(table, asked, samples.split, samples.group, seed)
        best = answers[answers["rank"] == 1].iloc[0]
        direction = 1 if best["effect_train"] >= 0.5 else -1
        record["sex"] = 0.5 + direction * (best["effect_test"] - 0.5)
    if factors is not None:
        train, judged = ((obs["split"] == which).to_numpy() for which in ("train", part))
        grades = summarize(explain_factors(table, factors, train, judged)).set_index("group")
        record |= {f"r2_{group}": grades["r2_linear"][group] for group in grades.index}
        record["r2_phase_neighbours"] = grades["r2_neighbours"]["phase"]
    return record


if __name__ == "__main__":
    main()
