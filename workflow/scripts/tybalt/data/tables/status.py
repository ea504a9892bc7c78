"""Which genes are hit in which sample, by a mutation or by a change of copy number.

Source of the definition: process_data.ipynb of https://github.com/greenelab/tybalt
(Way & Greene 2018); gene types: OncoKB (Chakravarty et al. 2017).
"""

import logging
from collections.abc import Collection

import numpy as np
import scipy.sparse

from tybalt.data.readers.text_lines import read_cells, read_name
from tybalt.data.tables.events import Events, read_events, write_events
from tybalt.data.tables.overlap import shared_samples
from tybalt.plan.errors import InputError, shown, some, suggest

log = logging.getLogger(__name__)

_GENE_TYPES = ("hugoSymbol", "oncogene", "tsg")


def combine_status(
    mutations: str,
    gain: str,
    loss: str,
    genetypes: str,
    left_out: Collection[str],
    minimum_overlap: float,
    status: str,
) -> None:
    """Combine mutations with gains of oncogenes and losses of tumour suppressors.

    Parameters
    ----------
    mutations, gain, loss
        .h5ad of `tabulate_mutations` and `call_copy_number`.
    genetypes
        TSV or TSV.gz with the columns `hugoSymbol`, `oncogene` and `tsg` (True or False).
    left_out
        Genes whose copy number is not looked at (published: NOTCH1, NOTCH2, which are both
        oncogene and tumour suppressor); their mutations count.
    minimum_overlap
        Least allowed share (0..1) of the samples with mutations that have copy numbers.
    status
        Output, .h5ad: sparse uint8, samples of both tables x genes of the mutation table; 1 =
        mutated, or an oncogene with a high gain, or a tumour suppressor with a deep loss.

    Raises
    ------
    InputError
        For tables with too few samples in common, or a table of gene types of another form.
    """
    mutated, gained, lost = read_events(mutations), read_events(gain), read_events(loss)
    samples = shared_samples(mutated.samples, gained.samples, (mutations, gain), minimum_overlap)
    oncogenes, suppressors = _read_gene_types(genetypes)
    if not (oncogenes | suppressors) & set(gained.genes):
        raise InputError(
            f"{genetypes}: none of its {len(oncogenes | suppressors)} oncogenes and tumour "
            f"suppressors ({some(sorted(oncogenes | suppressors), 3)}) is in the table of copy "
            f"numbers ({some(gained.genes, 3)}), so that no change of copy number would count; "
            "give tables with the same names of genes"
        )
    hit = (
        _rows(mutated, samples)
        + _copy_events(gained, oncogenes - set(left_out), samples, mutated.genes)
        + _copy_events(lost, suppressors - set(left_out), samples, mutated.genes)
    )
    X = (hit > 0).astype(np.uint8)
    X.sort_indices()
    write_events(Events(X, samples, mutated.genes), status)
    log.info(
        "status: %s samples x %s genes; %s events, of which %s by copy number alone",
        *(f"{n:,}" for n in (*X.shape, X.nnz, X.nnz - _rows(mutated, samples).nnz)),
    )


def _read_gene_types(path: str) -> tuple[set[str], set[str]]:
    """Return oncogenes and tumour suppressors."""
    head, rows = read_cells(path)
    for name in _GENE_TYPES:
        if name not in head.columns:
            raise InputError(
                f"{path}, line {head.line}: found no column {name!r}; "
                f"{suggest(name, head.columns)}; expected gene types in the form of OncoKB"
            )
    positions = [head.columns.index(name) for name in _GENE_TYPES]
    found: tuple[set[str], set[str]] = (set(), set())
    for number, cells in rows:
        where = f"{path}, line {number:,}"
        gene, *flags = (read_name(cells[i], where) for i in positions)
        for genes, flag, name in zip(found, flags, _GENE_TYPES[1:], strict=True):
            if flag.lower() not in ("true", "false"):
                raise InputError(
                    f"{where}, column {name}: found {shown(flag)}, expected True or False"
                )
            if flag.lower() == "true":
                genes.add(gene)
    return found


def _rows(events: Events, samples: list[str]) -> scipy.sparse.csr_matrix:
    position = {sample: i for i, sample in enumerate(events.samples)}
    return events.X[[position[sample] for sample in samples]]


def _copy_events(
    events: Events, wanted: set[str], samples: list[str], genes: list[str]
) -> scipy.sparse.csr_matrix:
    """Return events in the `wanted` genes as a table of `samples` x `genes`."""
    column = {gene: i for i, gene in enumerate(genes)}
    source = {gene: i for i, gene in enumerate(events.genes)}
    both = sorted(wanted & set(column) & set(source))
    if len(both) < len(wanted):
        log.info(
            "%d of %d genes of this type are not in both tables: %s",
            len(wanted) - len(both),
            len(wanted),
            ", ".join(sorted(wanted - set(both))[:20]),
        )
    selector = scipy.sparse.csr_matrix(
        (
            np.ones(len(both), np.uint8),
            ([source[gene] for gene in both], [column[gene] for gene in both]),
        ),
        shape=(len(source), len(column)),
    )
    return _rows(events, samples) @ selector
