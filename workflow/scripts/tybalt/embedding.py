"""Two-dimensional maps: t-SNE, and the principal components that stand beside it."""

import logging

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_obs, read_values
from tybalt.files import read_table, write_table

log = logging.getLogger(__name__)

#: The lecture's setting; van der Maaten & Hinton 2008 advise 5 to 50.
PERPLEXITY = 20

#: Genes are reduced to this many principal components first; distances hardly change
#: (van der Maaten & Hinton 2008, section 4.2, use 30; scanpy uses 50).
COMPONENTS_OF_GENES = 50


def embed_genes(matrix: str, seed: int, gene_embedding: str, threads: int) -> None:
    """Map the samples by their genes: the picture that a code has to live up to.

    Parameters
    ----------
    matrix
        expression.h5ad.
    gene_embedding
        Output table: sample, tsne_1, tsne_2, pca_1, pca_2.
    """
    X, samples = read_values(matrix), read_obs(matrix).index
    components = principal_components(X, min(COMPONENTS_OF_GENES, *X.shape), seed)
    write_table(map_table(samples, components, seed, threads), gene_embedding)


def embed_samples(encoding: str, seed: int, embedding: str, threads: int) -> None:
    """Map the samples by their codes.

    Parameters
    ----------
    encoding
        encoding.tsv.gz of one cell.
    embedding
        Output table: sample, tsne_1, tsne_2, pca_1, pca_2.
    """
    codes = read_table(encoding, index="sample")
    values = codes.to_numpy(dtype=np.float64)
    write_table(map_table(codes.index, values, seed, threads), embedding)


def map_table(samples: pd.Index, values: np.ndarray, seed: int, threads: int) -> pd.DataFrame:
    """Place every sample by t-SNE and by the first two principal components.

    Parameters
    ----------
    values
        Samples x features. If all samples have the same values (a collapsed code) there is no
        map, and all coordinates are missing.
    """
    if np.ptp(values, axis=0).max() == 0:
        log.warning("all %d samples have the same values: there is no map of them", len(values))
        tsne = pca = np.full((len(values), 2), np.nan)
    else:
        pca = plane(values, seed)
        tsne = tsne_map(values, pca, seed, threads)
    return pd.DataFrame(
        {
            "sample": samples,
            "tsne_1": tsne[:, 0],
            "tsne_2": tsne[:, 1],
            "pca_1": pca[:, 0],
            "pca_2": pca[:, 1],
        }
    )


def plane(values: np.ndarray, seed: int) -> np.ndarray:
    """First two principal components, shape (samples, 2); the second is 0 with one feature."""
    pca = principal_components(values, min(2, *values.shape), seed)
    return np.pad(pca, ((0, 0), (0, 2 - pca.shape[1])))


def tsne_map(values: np.ndarray, start: np.ndarray, seed: int, threads: int) -> np.ndarray:
    """t-SNE in the lecture's setting: perplexity 20, PCA start, learning rate max(200, N / 12).

    Computed by openTSNE (Policar et al. 2024, J. Stat. Softw. 109:3); learning rate after
    Belkina et al. 2019, Nat. Commun. 10:5415. Fewer than 61 samples lower the perplexity to a
    third of them, as more neighbours do not exist. Barnes-Hut below 10,000 samples, where it is
    ten times faster than interpolation, which openTSNE takes above.

    Parameters
    ----------
    values
        Samples x features.
    start
        Samples x 2: where the points start, up to a scale.

    Returns
    -------
    array of shape (samples, 2)
    """
    from openTSNE import TSNE, initialization

    n_samples = len(values)
    perplexity = min(PERPLEXITY, (n_samples - 1) / 3)
    tsne = TSNE(
        perplexity=perplexity,
        initialization=initialization.rescale(initialization.jitter(start, random_state=seed)),
        learning_rate=max(200, n_samples / 12),
        negative_gradient_method="auto",
        n_jobs=threads,
        random_state=seed,
    )
    log.info("t-SNE of %d samples x %d features, perplexity %g", *values.shape, perplexity)
    return np.asarray(tsne.fit(values))


def principal_components(values: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Scores of the first principal components, signs fixed by scikit-learn's convention."""
    from sklearn.decomposition import PCA

    return PCA(n_components=count, random_state=seed).fit_transform(values)
