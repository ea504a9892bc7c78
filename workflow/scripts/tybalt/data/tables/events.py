"""Tables of events, sample x gene, 0 or 1, nearly all 0: AnnData files with a sparse X."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse

from tybalt.jobs.own_files import own_file


class Events(NamedTuple):
    """Which sample has an event in which gene.

    Attributes
    ----------
    X
        uint8 CSR matrix, samples x genes; 1 = event.
    samples, genes
        Names of rows and columns, each name once.
    """

    X: scipy.sparse.csr_matrix
    samples: list[str]
    genes: list[str]


def make_events(
    sample_of_event: Sequence[int],
    gene_of_event: Sequence[int],
    samples: Sequence[str],
    genes: Sequence[str],
) -> Events:
    """Build a table with rows and columns sorted by name from one pair of positions per event.

    A pair that occurs more than once is one event.
    """
    sample_order = np.argsort(np.array(samples, dtype=str), kind="stable")
    gene_order = np.argsort(np.array(genes, dtype=str), kind="stable")
    rows = np.argsort(sample_order)[np.asarray(sample_of_event, dtype=np.int64)]
    columns = np.argsort(gene_order)[np.asarray(gene_of_event, dtype=np.int64)]
    # Of booleans scipy sums repeated pairs to True; of uint8 the 256th would make them 0.
    occurs = np.ones(len(rows), dtype=bool)
    shape = (len(samples), len(genes))
    X = scipy.sparse.csr_matrix((occurs, (rows, columns)), shape=shape).astype(np.uint8)
    return Events(X, [samples[i] for i in sample_order], [genes[i] for i in gene_order])


def write_events(events: Events, path: str) -> None:
    """Write the table as .h5ad (uncompressed; the same bytes for the same content)."""
    import anndata
    import pandas as pd

    anndata.AnnData(
        X=events.X,
        obs=pd.DataFrame(index=pd.Index(events.samples, name="sample")),
        var=pd.DataFrame(index=pd.Index(events.genes, name="gene")),
    ).write_h5ad(path)


@own_file
def read_events(path: str) -> Events:
    """Read a table that `write_events` wrote."""
    import anndata

    data = anndata.read_h5ad(path)
    return Events(scipy.sparse.csr_matrix(data.X), list(data.obs_names), list(data.var_names))
