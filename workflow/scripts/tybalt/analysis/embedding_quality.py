"""The quality of an embedding: what it preserves of the samples' neighbours and labels."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from tybalt.analysis.classification import NEIGHBOURS, balanced_accuracy
from tybalt.analysis.embedding import COMPONENTS_OF_GENES, component_scores
from tybalt.analysis.numbers import decimal, percent
from tybalt.data.matrix import read_values
from tybalt.data.samples import Samples, read_codes, read_samples
from tybalt.jobs.files import read_by_sample, read_table, write_table
from tybalt.plan.names import experiment_name

log = logging.getLogger(__name__)

#: Neighbours that are looked for in the embedding: the next ones, and the wider surroundings.
FEW, MANY = 10, 50

#: How the methods are written.
METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}

#: Rows of the table of distances that are in memory at a time.
CHUNK = 512

QUALITY_COLUMNS = ["of", "method", "trustworthiness", f"kept_{FEW}", f"kept_{MANY}"]
QUALITY_COLUMNS += ["label_accuracy", "purity"]
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
    """Measure every embedding of a dataset against what it embeds.

    Parameters
    ----------
    matrix
        matrix.h5ad.
    samples, roles
        samples.tsv, and the parts that its columns play (`tybalt.data.samples`).
    gene_embedding
        Embedding of the samples by their genes. The principal components behind it stand
        for the genes.
    encodings, embeddings
        Codes and their embedding, one of each for each experiment.
    experiments
        (model, tuner) of each, in the same order.
    seed
        Of the principal components.
    embedding_quality
        Output table, one row per embedding: `of` (genes, or model/tuner), `method` (tsne, pca,
        umap), `trustworthiness` (see there), `kept_10` and `kept_50` (share of a sample's 10 or 50
        nearest neighbours that are still so near), `label_accuracy` (balanced accuracy of the label
        by a vote of the 5 nearest other samples in the embedding) and `purity` (share of the 10
        nearest that have the sample's label, mean over labels).
    embedding_purity
        Output table: that purity for each label.
    """
    known = read_samples(samples, roles)
    measured, purities = [], []
    for of, seen, values, path in sources(
        matrix, known, gene_embedding, encodings, embeddings, experiments, seed
    ):
        labels = None if seen.label is None else seen.label.to_numpy()
        positions = read_by_sample(path, seen.index)
        if positions.isna().all(axis=None):
            log.info("%s: the code is constant, there is no embedding", of)
            continue
        next_ones = nearest(values, MANY)
        for name, plane in planes(positions).items():
            row, purity = measure_embedding(values, next_ones, plane, labels)
            measured.append({"of": of, "method": name, **row})
            purities.append(purity.assign(of=of, method=name))
            log.info("%s, %s: %s", of, name, row)
    write_table(pd.DataFrame(measured, columns=QUALITY_COLUMNS), embedding_quality)
    table = pd.concat([pd.DataFrame(columns=PURITY_COLUMNS), *purities], ignore_index=True)
    write_table(table[PURITY_COLUMNS], embedding_purity)


def sources(
    matrix: str,
    known: Samples,
    gene_embedding: str,
    encodings: Sequence[str],
    embeddings: Sequence[str],
    experiments: Sequence[Sequence[str]],
    seed: int,
):
    """Yield (name, samples, their features, path of the embedding): genes, then every code."""
    X = read_values(matrix)
    count = min(COMPONENTS_OF_GENES, *X.shape)
    yield "genes", known, component_scores(X, count, seed), gene_embedding
    del X
    for (model, tuner), encoding, embedding in zip(experiments, encodings, embeddings, strict=True):
        seen, codes = read_codes(encoding, known)
        yield f"{model}/{tuner}", seen, codes.to_numpy(dtype=float), embedding


def planes(positions: pd.DataFrame) -> dict[str, np.ndarray]:
    """Find the embeddings of a table by its columns, tsne_1 ...: method -> samples x 2."""
    methods = [column.removesuffix("_1") for column in positions.columns[::2]]
    return {name: positions[[f"{name}_1", f"{name}_2"]].to_numpy() for name in methods}


def read_embedding_quality(embedding_quality: str) -> pd.DataFrame:
    """Read a table of `measure_embeddings`, with a column more: the `name` of each embedding."""
    table = read_table(embedding_quality)
    return table.assign(name=list(map(embedding_name, table["of"], table["method"])))


def embedding_name(of: str, method: str) -> str:
    """Name an embedding by its columns in the table: `t-SNE of codes of vae · grid`."""
    source = of if of == "genes" else f"codes of {experiment_name(*of.split('/'))}"
    return f"{METHODS[method]} of {source}"


def what_embeddings_keep(embedding_quality: str) -> dict[str, str]:
    """Say of every embedding of `embedding_quality.tsv`, by its name, what it keeps."""
    kept = {}
    for row in read_embedding_quality(embedding_quality).to_dict("records"):
        few, many = (percent(row[f"kept_{count}"]) for count in (FEW, MANY))
        kept[row["name"]] = (
            f"preserves {few} of a sample's {FEW} nearest neighbours, {many} of {MANY}; "
            f"trustworthiness {decimal(row['trustworthiness'])}"
        )
    return kept


def measure_embedding(
    values: np.ndarray, next_ones: np.ndarray, plane: np.ndarray, labels: np.ndarray | None
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure one embedding; see `measure_embeddings`.

    Parameters
    ----------
    values
        Samples x features: what was embedded.
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
    embedded = nearest(plane, MANY)
    row = {
        "trustworthiness": trustworthiness(values, embedded[:, :FEW]),
        f"kept_{FEW}": share_kept(next_ones, embedded, FEW),
        f"kept_{MANY}": share_kept(next_ones, embedded, MANY),
        "label_accuracy": np.nan,
        "purity": np.nan,
    }
    empty = pd.DataFrame(columns=["label", "n", "purity"])
    if labels is None:
        return row, empty
    known = pd.notna(labels) & (labels != "")
    codes, names = pd.factorize(np.where(known, labels, "").astype(str), sort=True)
    voted = _most_frequent(codes[embedded[:, :NEIGHBOURS]], len(names))
    row["label_accuracy"] = balanced_accuracy((voted == codes)[known], codes[known])
    same = (codes[embedded[:, :FEW]] == codes[:, None]).mean(axis=1)
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


def trustworthiness(values: np.ndarray, embedded: np.ndarray) -> float:
    """Say how far neighbours in the embedding are neighbours before it, as scikit-learn does.

    Venna and Kaski 2001 (https://doi.org/10.1007/3-540-44668-0_68): each neighbour in the embedding
    that is not among as many true neighbours costs by how far down the true ranking it is. 1 is
    perfect. Distances are taken chunk by chunk, so that no table of all pairs is needed.

    Parameters
    ----------
    values
        Samples x features.
    embedded
        Samples x k: the nearest neighbours in the embedding.

    Returns
    -------
    float
        NaN if k is half of the samples or more, for which it is not defined.
    """
    n, k = embedded.shape
    if 2 * k >= n:
        return np.nan
    cost = 0
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        distances = cdist(values[rows], values, "sqeuclidean")
        distances[np.arange(len(rows)), rows] = np.inf
        for neighbour in embedded[rows].T:
            own = distances[np.arange(len(rows)), neighbour]
            rank = (distances < own[:, None]).sum(axis=1) + 1
            cost += np.maximum(rank - k, 0).sum()
    return float(1 - cost * 2 / (n * k * (2 * n - 3 * k - 1)))


def share_kept(true: np.ndarray, embedded: np.ndarray, count: int) -> float:
    """Share of so many true neighbours that stay neighbours in the embedding, mean over samples.

    NaN if there are no more other samples than that: then all are neighbours.
    """
    if count >= len(true) - 1:
        return np.nan
    pairs = zip(true[:, :count], embedded[:, :count], strict=True)
    return float(np.mean([np.isin(a, b).mean() for a, b in pairs]))


def _most_frequent(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the label that each row has most often; of several, the first in the alphabet."""
    votes = np.zeros((len(labels), count), dtype=int)
    for column in labels.T:
        votes[np.arange(len(labels)), column] += 1
    return votes.argmax(axis=1)
