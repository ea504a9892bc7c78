"""Time the t-SNE maps against the lecture's way, and see which of the two tells more of the truth.

    python benchmarks/embedding.py            10,459 samples: 5,000 genes, and 100 features
    python benchmarks/embedding.py --small    a minute

The lecture's way is scikit-learn: start from principal components, perplexity 20, learning rate
max(200, N / 12), 400 iterations, random state 0. Imports are left out of the times. Every embedding
is compared with one exact table of neighbours of the space that it embeds: `kl` is the
Kullback-Leibler divergence of the embedding from the affinities in that space (perplexity 20, exact
neighbours, exact normalisation), nn10 and nn50 the share of the nearest neighbours that are kept.
The last line is JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from tybalt.analysis import embedding
from tybalt.analysis import embedding_quality as quality
from tybalt.data.matrix import read_values
from tybalt.jobs.adapter import limit_threads

#: Samples, genes, features.
FULL, SMALL = (10_459, 5_000, 100), (1_500, 1_000, 50)
SEED = 0


def main() -> None:
    """Map both spaces both ways; print the table and the line of JSON."""
    options = parse_options()
    limit_threads(options.threads)
    size = SMALL if options.small else FULL
    X = read_values(options.matrix) if options.matrix else generate(*size[:2])
    codes = embedding.component_scores(X, size[2], SEED).astype(np.float64)
    results = {}
    print(f"{len(X):,} samples, {options.threads} threads")
    print(f"{'':22}" + "".join(f"{name:>10}" for name in ("seconds", "kl", "nn10", "nn50")))
    for space, values in (("genes", X), ("codes", codes)):
        truth = quality.nearest(values, quality.MANY)
        affinities = common_affinities(values, truth)
        ways = {"reference": the_lectures_way, "ours": our_way}
        for way, draw in ways.items():
            seconds, plane = timed(draw, values, space, options.threads)
            on_map = quality.nearest(plane, quality.MANY)
            row = {
                "seconds": round(seconds, 2),
                "kl": round(divergence(plane, *affinities), 4),
                "nn10": round(quality.share_kept(truth, on_map, quality.FEW), 4),
                "nn50": round(quality.share_kept(truth, on_map, quality.MANY), 4),
            }
            results[f"{space}_{way}"] = row
            print(f"{space + ', ' + way:22}" + "".join(f"{v:10}" for v in row.values()), flush=True)
    print(json.dumps(results))


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="1,500 samples x 1,000 genes")
    parser.add_argument("--matrix", help="an matrix.h5ad to use instead of a generated matrix")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    return parser.parse_args()


def generate(n_samples: int, n_genes: int) -> np.ndarray:
    """Make a matrix with 33 groups of uneven sizes, 30 gradients and noise, in 0..1."""
    rng = np.random.default_rng(SEED)
    shares = rng.dirichlet(np.full(33, 1.5))
    group = rng.choice(33, n_samples, p=shares)
    centres = rng.normal(size=(33, n_genes)).astype(np.float32)
    gradients = rng.normal(size=(30, n_genes)).astype(np.float32)
    places = (rng.normal(size=(n_samples, 30)) * np.arange(1, 31) ** -0.5).astype(np.float32)
    X = centres[group] + places @ gradients
    X += 1.5 * rng.standard_normal(X.shape, dtype=np.float32)
    X -= X.min(axis=0)
    return X / X.max(axis=0)


def the_lectures_way(values: np.ndarray, space: str, threads: int) -> np.ndarray:
    """Map with scikit-learn."""
    from sklearn.manifold import TSNE

    return TSNE(
        n_components=2,
        init="pca",
        perplexity=embedding.PERPLEXITY,
        learning_rate=max(200, len(values) / 12),
        max_iter=400,
        random_state=0,
        n_jobs=threads,
    ).fit_transform(values)


def our_way(values: np.ndarray, space: str, threads: int) -> np.ndarray:
    """Map as the rules `embed_genes` and `embed_samples` do."""
    if space == "genes":
        count = min(embedding.COMPONENTS_OF_GENES, *values.shape)
        values = embedding.component_scores(values, count, SEED)
    return embedding.embed_by_tsne(values, embedding.plane(values, SEED), SEED, threads)


def timed(draw: Callable, *arguments: object) -> tuple[float, np.ndarray]:
    """Draw a map; a small one first, so that imports and compilation are not counted."""
    draw(np.random.default_rng(1).normal(size=(200, 60)), *arguments[1:])
    started = time.perf_counter()
    plane = draw(*arguments)
    return time.perf_counter() - started, np.asarray(plane, dtype=np.float64)


def common_affinities(
    values: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Affinities of a space: rows, columns and values of the symmetric table, which sums to 1.

    Each sample's bandwidth gives its 50 nearest neighbours the perplexity 20
    (van der Maaten and Hinton 2008), found by bisection.
    """
    n, k = truth.shape
    distances = np.empty((n, k))
    for start in range(0, n, quality.CHUNK):
        rows = slice(start, start + quality.CHUNK)
        difference = values[truth[rows]] - values[rows, None, :]
        distances[rows] = np.einsum("ijk,ijk->ij", difference, difference, dtype=np.float64)
    distances -= distances.min(axis=1, keepdims=True)
    low, high = np.full(n, -40.0), np.full(n, 40.0)  # log of the precision
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(-distances * np.exp(middle)[:, None])
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -np.sum(weights * np.log(np.maximum(weights, 1e-300)), axis=1)
        wide = entropy > np.log(embedding.PERPLEXITY)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    from scipy.sparse import csr_matrix

    rows = np.repeat(np.arange(n), k)
    table = csr_matrix((weights.ravel(), (rows, truth.ravel())), shape=(n, n))
    table = ((table + table.T) / (2 * n)).tocoo()
    return table.row, table.col, table.data


def divergence(
    plane: np.ndarray, rows: np.ndarray, columns: np.ndarray, affinities: np.ndarray
) -> float:
    """Kullback-Leibler divergence of a map from affinities, with the exact sum over all pairs."""
    from scipy.spatial.distance import cdist

    total = -float(len(plane))  # a sample is no neighbour of itself
    for start in range(0, len(plane), quality.CHUNK):
        squared = cdist(plane[start : start + quality.CHUNK], plane, "sqeuclidean")
        total += (1 / (1 + squared)).sum()
    squared = np.sum((plane[rows] - plane[columns]) ** 2, axis=1)
    near = 1 / (1 + squared) / total
    return float(np.sum(affinities * np.log(affinities / near)))


if __name__ == "__main__":
    main()
