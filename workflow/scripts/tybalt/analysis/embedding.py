"""Two-dimensional embeddings: t-SNE, and the principal components that stand beside it."""

import importlib.util
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tybalt.data.matrix import read_obs, read_values
from tybalt.jobs.files import read_table, write_table
from tybalt.plan.errors import InputError

log = logging.getLogger(__name__)

#: The lecture's setting; van der Maaten & Hinton 2008 advise 5 to 50.
PERPLEXITY = 20

#: Genes are reduced to this many principal components first (van der Maaten & Hinton 2008, section
#: 4.2, use 30; scanpy 50). Of full-size cohorts, embeddings of 200 keep more of the neighbours
#: among the genes than embeddings of 100, and 400 add nothing (benchmarks/README.md).
COMPONENTS_OF_GENES = 200

#: Iterations with exaggerated attraction and without. From a start at the principal components, 250
#: of the first kind end no better (benchmarks/README.md).
EXAGGERATED, NORMAL = 75, 300

#: Width of the squares in which forces are interpolated (openTSNE: 1). At full size, most of the
#: time goes into them; with 1.5 an iteration takes half of it, and the embedding is as good.
INTERVAL = 1.5

#: How far points are shaken along an axis on which all start alike, as a share of their spread.
FLAT = 1e-3

#: Up to this many samples, comparing all pairs is faster than an index of neighbours, and exact.
#: Its time grows with the square of the number: 1 s for 10,000 samples, 4 s for 20,000.
EXACT_NEIGHBOURS = 20_000


def embed_genes(
    matrix: str,
    kinds: Sequence[str],
    seed: int,
    gene_embedding: str,
    threads: int,
) -> None:
    """Embed the samples by their genes: the picture that a code has to live up to.

    Parameters
    ----------
    matrix
        matrix.h5ad.
    kinds, seed
        As in `map_table`.
    gene_embedding
        Output table: sample, then the columns of `map_table`.
    """
    X, samples = read_values(matrix), read_obs(matrix).index
    components = component_scores(X, min(COMPONENTS_OF_GENES, *X.shape), seed)
    table = map_table(samples, components, kinds, seed, threads)
    write_table(table, gene_embedding)


def embed_samples(
    encoding: str,
    kinds: Sequence[str],
    seed: int,
    embedding: str,
    threads: int,
) -> None:
    """Embed the samples by their codes.

    Parameters
    ----------
    encoding
        encoding.tsv.gz of one experiment.
    kinds, seed
        As in `map_table`.
    embedding
        Output table: sample, then the columns of `map_table`.
    """
    codes = read_table(encoding, index="sample")
    values = codes.to_numpy(dtype=np.float64)
    write_table(map_table(codes.index, values, kinds, seed, threads), embedding)


def map_table(
    samples: pd.Index,
    values: np.ndarray,
    kinds: Sequence[str],
    seed: int,
    threads: int,
) -> pd.DataFrame:
    """Embed every sample.

    Parameters
    ----------
    values
        Samples x features. If all samples have the same values (a collapsed code) there is no
        map, and all coordinates are missing.
    kinds
        ``tsne`` or ``umap``, or both.

    Returns
    -------
    pandas.DataFrame
        sample; tsne_1, tsne_2; umap_1, umap_2; pca_1, pca_2.
    """
    constant = np.ptp(values, axis=0).max() == 0
    if constant:
        log.warning("all %d samples have the same values: they have no embedding", len(values))
    missing = np.full((len(values), 2), np.nan)
    pca = missing if constant else plane(values, seed)
    draw = {"tsne": embed_by_tsne, "umap": embed_by_umap}
    planes = {
        kind: missing if constant else draw[kind](values, pca, seed, threads) for kind in kinds
    }
    columns = {
        f"{name}_{axis + 1}": positions[:, axis]
        for name, positions in {**planes, "pca": pca}.items()
        for axis in (0, 1)
    }
    return pd.DataFrame({"sample": samples, **columns})


def plane(values: np.ndarray, seed: int) -> np.ndarray:
    """First two principal components, shape (samples, 2); the second is 0 with one feature."""
    pca = component_scores(values, min(2, *values.shape), seed)
    return np.pad(pca, ((0, 0), (0, 2 - pca.shape[1])))


def embed_by_tsne(values: np.ndarray, start: np.ndarray, seed: int, threads: int) -> np.ndarray:
    """t-SNE in the lecture's setting: perplexity 20, start at the principal components.

    Computed by openTSNE (Policar et al. 2024, J. Stat. Softw. 109:3). Its learning rate `auto` is
    N / exaggeration in each phase (Belkina et al. 2019, Nat. Commun. 10:5415): N / 12, then N. The
    lecture's N / 12 throughout is scikit-learn's, whose gradient is four times as large.

    Fewer than 61 samples lower the perplexity to a third of them, as more neighbours do not
    exist. Barnes-Hut below 10,000 samples, where it is ten times faster than interpolation, which
    openTSNE takes above.

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
        early_exaggeration_iter=EXAGGERATED,
        n_iter=NORMAL,
        learning_rate="auto",
        neighbors="exact" if n_samples <= EXACT_NEIGHBOURS else "approx",
        negative_gradient_method="auto",
        ints_in_interval=INTERVAL,
        n_jobs=threads,
        random_state=seed,
    )
    log.info("t-SNE of %d samples x %d features, perplexity %g", *values.shape, perplexity)
    return np.asarray(tsne.fit(values))


def embed_by_umap(values: np.ndarray, start: np.ndarray, seed: int, threads: int) -> np.ndarray:
    """UMAP with its default setting (McInnes 2018, https://arxiv.org/abs/1802.03426).

    With a fixed seed it runs on one thread. The package `umap-learn` is not among the pinned ones.

    Parameters
    ----------
    values, start
        As in `embed_by_tsne`.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    if importlib.util.find_spec("umap") is None:
        raise InputError(
            "explain.embeddings: umap-learn is not installed in this environment; install it "
            "(pip install umap-learn) or leave umap out"
        )
    from umap import UMAP

    spread = 10 * with_width(start, seed) / np.abs(start).max()
    neighbours = min(15, len(values) - 1)
    return UMAP(n_neighbors=neighbours, init=spread, random_state=seed).fit_transform(values)


def with_width(start: np.ndarray, seed: int) -> np.ndarray:
    """Shake an axis on which all points start alike: UMAP divides by the width of each."""
    flat = np.ptp(start, axis=0) == 0
    noise = np.random.default_rng(seed).normal(0, FLAT * start.std(), start.shape)
    return np.where(flat, start + noise, start)


def component_scores(values: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Scores of the first principal components, where an embedding begins.

    Of large matrices scikit-learn approximates them, at random: good enough for neighbours, in a
    quarter of the time of `tybalt.training.principal_components`, but nothing to tell genes from.
    """
    from sklearn.decomposition import PCA

    return PCA(n_components=count, random_state=seed).fit_transform(values)
