"""Does a map tell the truth? What it keeps of the samples' neighbours and labels."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from tybalt.analysis.classification import NEIGHBOURS, balanced_accuracy
from tybalt.analysis.embedding import COMPONENTS_OF_GENES, principal_components
from tybalt.analysis.numbers import decimal, percent
from tybalt.data.matrix import read_values
from tybalt.data.samples import read_samples
from tybalt.jobs.files import read_by_sample, read_table, write_table
from tybalt.plan.names import experiment_name

log = logging.getLogger(__name__)

#: Neighbours that are looked for on the map: the next ones, and the wider surroundings.
FEW, MANY = 10, 50

#: How the kinds of maps are written.
METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}

#: Rows of the table of distances that are in memory at a time.
CHUNK = 512

MAP_COLUMNS = ["of", "method", "trustworthiness", f"kept_{FEW}", f"kept_{MANY}"]
MAP_COLUMNS += ["label_accuracy", "purity"]
PURITY_COLUMNS = ["of", "method", "label", "n", "purity"]


def measure_embeddings(
    matrix: str,
    samples: str,
    gene_embedding: str,
    encodings: Sequence[str],
    embeddings: Sequence[str],
    experiments: Sequence[Sequence[str]],
    roles: Mapping[str, Any],
    seed: int,
    embedding_quality: str,
    embedding_purity: str,
) -> None:
    """Measure every map of a dataset against what it is a map of.

    Parameters
    ----------
    matrix
        matrix.h5ad.
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    gene_embedding
        Map of the samples by their genes. The principal components that it was made from stand
        for the genes.
    encodings, embeddings
        Codes and their map, one of each for each experiment.
    experiments
        (model, tuner) of each, in the same order.
    seed
        Of the principal components.
    embedding_quality
        Output table, one row per map: `of` (genes, or model/tuner), `method` (tsne, pca, umap),
        `trustworthiness` (see there), `kept_10` and `kept_50` (share of a
        sample's 10 or 50 nearest neighbours that are still so near on the map), `label_accuracy`
        (balanced accuracy of the label by a vote of the 5 nearest other samples on the map)
        and `purity` (share of the 10 nearest on the map that have the sample's type, mean over
        labels).
    embedding_purity
        Output table: that purity for each cancer type.
    """
    known = read_samples(samples, roles)
    labels = None if known.label is None else known.label.to_numpy()
    measured, purities = [], []
    for of, values, path in sources(
        matrix, known.index, gene_embedding, encodings, embeddings, experiments, seed
    ):
        positions = read_by_sample(path, known.index)
        if positions.isna().all(axis=None):
            log.info("%s: the code is constant, there is no map", of)
            continue
        next_ones = nearest(values, MANY)
        for name, plane in planes(positions).items():
            row, purity = measure_map(values, next_ones, plane, labels)
            measured.append({"of": of, "method": name, **row})
            purities.append(purity.assign(of=of, method=name))
            log.info("%s, %s: %s", of, name, row)
    write_table(pd.DataFrame(measured, columns=MAP_COLUMNS), embedding_quality)
    table = pd.concat([pd.DataFrame(columns=PURITY_COLUMNS), *purities], ignore_index=True)
    write_table(table[PURITY_COLUMNS], embedding_purity)


def sources(
    matrix: str,
    samples: pd.Index,
    gene_embedding: str,
    encodings: Sequence[str],
    embeddings: Sequence[str],
    experiments: Sequence[Sequence[str]],
    seed: int,
):
    """Yield (name, samples x features, path of its map): the genes, then every code."""
    X = read_values(matrix)
    count = min(COMPONENTS_OF_GENES, *X.shape)
    yield "genes", principal_components(X, count, seed), gene_embedding
    del X
    for (model, tuner), encoding, embedding in zip(experiments, encodings, embeddings, strict=True):
        codes = read_by_sample(encoding, samples)
        yield f"{model}/{tuner}", codes.to_numpy(dtype=float), embedding


def planes(positions: pd.DataFrame) -> dict[str, np.ndarray]:
    """Find the embeddings of a table by its columns, tsne_1 ...: method -> samples x 2."""
    methods = [column.removesuffix("_1") for column in positions.columns[::2]]
    return {name: positions[[f"{name}_1", f"{name}_2"]].to_numpy() for name in methods}


def read_maps(path: str) -> pd.DataFrame:
    """Read a table of `measure_embeddings`, with a column more: the `name` of each embedding."""
    table = read_table(path)
    return table.assign(name=list(map(embedding_name, table["of"], table["method"])))


def embedding_name(of: str, method: str) -> str:
    """Name an embedding by its columns in the table: `t-SNE of codes of vae · grid`."""
    source = of if of == "genes" else f"codes of {experiment_name(*of.split('/'))}"
    return f"{METHODS[method]} of {source}"


def what_maps_keep(maps: str) -> dict[str, str]:
    """Say of every map of `embedding_quality.tsv`, by its name, what it keeps."""
    kept = {}
    for row in read_maps(maps).to_dict("records"):
        few, many = (percent(row[f"kept_{count}"]) for count in (FEW, MANY))
        kept[row["name"]] = (
            f"keeps {few} of a sample's {FEW} nearest neighbours, {many} of {MANY}; "
            f"trustworthiness {decimal(row['trustworthiness'])}"
        )
    return kept


def measure_map(
    values: np.ndarray, next_ones: np.ndarray, plane: np.ndarray, labels: np.ndarray | None
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure one map; see `measure_embeddings`.

    Parameters
    ----------
    values
        Samples x features: what it is a map of.
    next_ones
        Samples x 50: their nearest neighbours there, the nearest first (fewer of few samples).
    plane
        Samples x 2.
    labels
        Labels, None or NaN where not known; None if the dataset has none.

    Returns
    -------
    row, purity
        Measures, and a table label, n, purity.
    """
    on_map = nearest(plane, MANY)
    row = {
        "trustworthiness": trustworthiness(values, on_map[:, :FEW]),
        f"kept_{FEW}": share_kept(next_ones, on_map, FEW),
        f"kept_{MANY}": share_kept(next_ones, on_map, MANY),
        "label_accuracy": np.nan,
        "purity": np.nan,
    }
    empty = pd.DataFrame(columns=["label", "n", "purity"])
    if labels is None:
        return row, empty
    known = pd.notna(labels) & (labels != "")
    codes, names = pd.factorize(np.where(known, labels, "").astype(str), sort=True)
    voted = _most_frequent(codes[on_map[:, :NEIGHBOURS]], len(names))
    row["label_accuracy"] = balanced_accuracy((voted == codes)[known], codes[known])
    same = (codes[on_map[:, :FEW]] == codes[:, None]).mean(axis=1)
    of_label = pd.Series(same[known]).groupby(names[codes[known]])
    purity = of_label.agg(["size", "mean"]).rename(columns={"size": "n", "mean": "purity"})
    row["purity"] = float(purity["purity"].mean())
    return row, purity.rename_axis("label").reset_index()


def nearest(values: np.ndarray, count: int) -> np.ndarray:
    """Find the nearest other samples of every sample, exactly.

    Returns
    -------
    numpy.ndarray
        Samples x min(count, samples - 1): numbers of the samples, the nearest first.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(values) - 1)
    algorithm = "kd_tree" if values.shape[1] <= 3 else "brute"
    index = NearestNeighbors(n_neighbors=count, algorithm=algorithm).fit(values)
    return index.kneighbors(return_distance=False)


def trustworthiness(values: np.ndarray, on_map: np.ndarray) -> float:
    """Say how far the neighbours on the map are neighbours in truth, as scikit-learn does.

    Venna and Kaski 2001 (https://doi.org/10.1007/3-540-44668-0_68): each neighbour on the map that
    is not among as many true neighbours costs by how far down the true ranking it is. 1 is perfect.
    Distances are taken chunk by chunk, so that no table of all pairs is needed.

    Parameters
    ----------
    values
        Samples x features.
    on_map
        Samples x k: the nearest neighbours on the map.

    Returns
    -------
    float
        NaN if k is half of the samples or more, for which it is not defined.
    """
    n, k = on_map.shape
    if 2 * k >= n:
        return np.nan
    cost = 0
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        distances = cdist(values[rows], values, "sqeuclidean")
        distances[np.arange(len(rows)), rows] = np.inf
        for neighbour in on_map[rows].T:
            own = distances[np.arange(len(rows)), neighbour]
            rank = (distances < own[:, None]).sum(axis=1) + 1
            cost += np.maximum(rank - k, 0).sum()
    return float(1 - cost * 2 / (n * k * (2 * n - 3 * k - 1)))


def share_kept(truth: np.ndarray, on_map: np.ndarray, count: int) -> float:
    """Share of so many true neighbours that are also neighbours on the map, mean over samples.

    NaN if there are no more other samples than that: then all are neighbours.
    """
    if count >= len(truth) - 1:
        return np.nan
    pairs = zip(truth[:, :count], on_map[:, :count], strict=True)
    return float(np.mean([np.isin(a, b).mean() for a, b in pairs]))


def _most_frequent(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the label that each row has most often; of several, the first in the alphabet."""
    votes = np.zeros((len(labels), count), dtype=int)
    for column in labels.T:
        votes[np.arange(len(labels)), column] += 1
    return votes.argmax(axis=1)
