"""Everything known of a dataset's samples in one AnnData file: `study.h5ad`.

::

    X                       the matrix, as in matrix.h5ad
    layers/observed         1 where a value was measured, 0 where it was filled in (if any was)
    obs                     clinical columns and `split`
    obsm/X_tsne, X_pca      embeddings of the samples by their genes; X_umap where there is one
    obsm/X_code_{experiment}      codes of an experiment, which is written {model}_{tuner}
    obsm/X_tsne_{experiment}, X_pca_{experiment}    embeddings of those codes
    var                     per-gene statistics, offset and scale, and the block of each
    varm/{experiment}             weight of each gene in each feature of the decoder
    uns/associations/{experiment}, uns/findings/{experiment}, uns/leaderboard    tables
    uns/new_samples/{name}  samples that were projected onto an experiment (`onto`): their places,
                            ranks and predictions, own clinical columns and code, a row for each
    uns/tybalt              how the matrix was made
    uns/{label}_colors      colours of the labels, in the order of the categories

The names are scanpy's, so ``scanpy.pl.tsne(study, color=...)`` draws the embedding by genes and
``scanpy.pl.embedding(study, "tsne_vae_grid")`` that of a model. cellxgene offers every two-column
array of `obsm` whose name begins with ``X_`` and refuses missing coordinates
(https://github.com/chanzuckerberg/cellxgene-documentation/blob/main/desktop/data-reqs.md).
A model that sees some blocks has no weight for the genes of others, and no code for samples that
have nothing of its own: these are missing (NaN), and its embeddings then have no ``X_`` before
their name, which scanpy does not mind.

New samples are no rows of the study, which has no matrix of theirs. As an AnnData of their own::

    new = study.uns["new_samples"]["clinic"]
    clinic = anndata.AnnData(obs=new, obsm={"X_tsne": new[["tsne_1", "tsne_2"]].to_numpy()})
    scanpy.pl.tsne(clinic, color="predicted_label")
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.projected import read_projection
from tybalt.data.matrix import read_notes, read_obs, read_observed, read_values, read_var
from tybalt.figures.palette import label_looks
from tybalt.jobs.files import read_by_sample, read_table
from tybalt.pages.parts_seen import read_seen, read_weights, samples_seen

log = logging.getLogger(__name__)

#: Maps of an embedding table, under the names of scanpy.
METHODS = ("tsne", "pca", "umap")


def assemble_study(
    matrix: str,
    gene_embedding: str,
    leaderboard: str,
    encodings: Sequence[str],
    embeddings: Sequence[str],
    gene_weights: Sequence[str],
    associations: Sequence[str],
    findings: Sequence[str],
    colours: str,
    projections: Sequence[str],
    dataset: Mapping[str, Any],
    study: str,
) -> None:
    """Put the matrix, the codes, the embeddings and what was found into one file.

    Parameters
    ----------
    matrix, gene_embedding, leaderboard
        Files of the dataset.
    encodings, embeddings, gene_weights, associations, findings
        Files of every experiment.
    colours
        Table of colours with columns acronym and color.
    projections
        Of every cohort of new samples two files, its table and its codes
        (`tybalt.analysis.projection.project_samples`).
    dataset
        ``experiments``, the (model, tuner) of every experiment, in the order of its files;
        ``projected``, the (name, model, tuner) of every cohort of new samples, likewise; ``label``,
        the column whose values are the labels, or None.
    study
        Output, compressed; the same bytes for the same input.
    """
    import anndata

    names = ["_".join(experiment) for experiment in dataset["experiments"]]
    obs, var = read_obs(matrix), read_var(matrix)
    observed = read_observed(matrix)
    layers = {} if observed is None else {"observed": observed.astype(np.uint8)}
    data = anndata.AnnData(X=read_values(matrix), obs=obs, var=var, layers=layers)
    add_maps(data, read_by_sample(gene_embedding, obs.index), "")
    for name, codes, positions, weights in zip(
        names, encodings, embeddings, gene_weights, strict=True
    ):
        known = read_weights(weights, var.index)
        seen = samples_seen(obs.index, var.index, observed, known)
        data.obsm[f"X_code_{name}"] = values_of(read_seen(codes, obs.index, seen))
        add_maps(data, read_seen(positions, obs.index, seen), f"_{name}")
        data.varm[name] = values_of(known.reindex(var.index))
    data.uns["tybalt"] = read_notes(matrix)
    data.uns["leaderboard"] = plain(read_table(leaderboard))
    for table, paths in (("associations", associations), ("findings", findings)):
        data.uns[table] = {
            name: plain(read_table(path)) for name, path in zip(names, paths, strict=True)
        }
    for (name, *onto), table, codes in zip(
        dataset["projected"], projections[::2], projections[1::2], strict=True
    ):
        data.uns.setdefault("new_samples", {})[name] = new_samples(table, codes, "_".join(onto))
    label = dataset["label"]
    if label is not None:
        labels = list(obs[label].cat.categories)
        looks = label_looks(labels, colours)
        data.uns[f"{label}_colors"] = [looks[name].colour for name in labels]
    data.write_h5ad(study, compression="gzip", compression_opts=1)
    log.info("%d samples x %d genes, %d codes", *data.shape, len(names))


def new_samples(table: str, codes: str, onto: str) -> pd.DataFrame:
    """Join what is known of new samples, by their ids; `onto` names the experiment as in `obsm`."""
    ours, own = read_projection(table)
    ours.insert(0, "onto", onto)
    of_codes = read_by_sample(codes, ours.index)
    return plain(pd.concat([ours, own, of_codes], axis=1).rename_axis("sample"))


def add_maps(data, table: pd.DataFrame, suffix: str) -> None:
    """Add the methods of an embedding table; a constant code has none, and that is logged.

    One that lacks samples has a name without ``X_``.
    """
    for name in METHODS:
        columns = [f"{name}_1", f"{name}_2"]
        if columns[0] not in table:
            continue
        missing = table[columns].isna()
        if missing.all(axis=None):
            log.warning("X_%s%s: no embedding, as the code is constant", name, suffix)
        else:
            first = "" if missing.any(axis=None) else "X_"
            data.obsm[f"{first}{name}{suffix}"] = values_of(table[columns])


def values_of(table: pd.DataFrame) -> np.ndarray:
    """Return a table's values, float32."""
    return table.to_numpy(dtype=np.float32)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that AnnData can write: a text index, text columns without missing values."""
    text = {name: table[name].fillna("").astype(str) for name in table if table[name].dtype == "O"}
    return table.assign(**text).set_axis(table.index.astype(str))
