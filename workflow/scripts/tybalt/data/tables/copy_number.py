"""Which genes are gained or lost in which sample.

Source of the definition: process_data.ipynb of https://github.com/greenelab/tybalt
(Way & Greene 2018). The table is thresholded GISTIC 2 output (Mermel et al. 2011): -2 deep loss,
-1 loss, 0 neutral, 1 gain, 2 high gain.
"""

import logging
from array import array

import numpy as np

from tybalt.data.readers.raw_files import open_raw
from tybalt.data.readers.sanity import refuse_annotations
from tybalt.data.readers.text_lines import TAB, clean_name, read_head, read_name, read_rows
from tybalt.data.tables.clinical import read_sample_ids
from tybalt.data.tables.events import make_events, write_events
from tybalt.plan.errors import InputError, shown

log = logging.getLogger(__name__)

_CALLS = (-2, -1, 0, 1, 2)

#: High gains are rare: a larger share of 2 without any -2 are numbers of copies, not calls. Of few
#: calls nothing is concluded.
MANY_GAINS, FEW_CALLS = 0.3, 1000

_TWO, _MINUS = b"2-"


def call_copy_number(table: str, barcodes: str, gain: str, loss: str) -> None:
    """Turn thresholded copy number into two tables of events, sample x gene.

    Parameters
    ----------
    table
        TSV or TSV.gz, genes x samples, integers -2 to 2. Read row by row.
    barcodes
        ``tcga``: sample ids are cut to 15 characters; ``none``: left alone.
    gain, loss
        Outputs, .h5ad: sparse uint8; 1 = the call is +2 (gain) or -2 (loss). A gene in several
        rows has an event if one of its rows has it.

    Raises
    ------
    InputError
        For doubled samples, annotations among them, a ragged row, a value other than the integers
        -2 to 2, or numbers of copies.
    """
    genes: dict[str, int] = {}
    gains, losses = (array("i"), array("i")), (array("i"), array("i"))
    head = read_head(table)
    refuse_annotations(head.names, table)
    samples = read_sample_ids(head.names, barcodes, table)
    n_rows = 0
    with open_raw(table) as file:
        for number, line in read_rows(file, head, table):
            name, _, row = line.partition(TAB)
            where = f"{table}, line {number:,}"
            found = _read_row(row, samples, where)
            gene = genes.setdefault(clean_name(read_name(name, where)), len(genes))
            n_rows += 1
            for (sample_of_event, gene_of_event), hits in zip((gains, losses), found, strict=True):
                sample_of_event.frombytes(hits.astype(np.intc).tobytes())
                gene_of_event.frombytes(np.full(len(hits), gene, np.intc).tobytes())
    n_cells = n_rows * len(samples)
    if n_cells > FEW_CALLS and not losses[0] and len(gains[0]) > MANY_GAINS * n_cells:
        raise InputError(
            f"{table}: {len(gains[0]) / n_cells:.0%} of the calls are 2 and none is -2, as numbers "
            "of copies are, of which 2 is normal; expected -2 (deep loss) to 2 (high gain), 0 for "
            "normal (all_thresholded.by_genes of GISTIC)"
        )
    if n_rows == 0:
        raise InputError(f"{table}: found a header and no row, expected one row per gene")
    write_events(make_events(*gains, samples, list(genes)), gain)
    write_events(make_events(*losses, samples, list(genes)), loss)
    log.info(
        "%s: %s samples, %s genes in %s rows, %s gains, %s losses",
        table,
        f"{len(samples):,}",
        f"{len(genes):,}",
        f"{n_rows:,}",
        f"{len(gains[0]):,}",
        f"{len(losses[0]):,}",
    )


def _read_row(row: bytes, samples: list[str], where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the samples with a gain and of those with a loss."""
    if not _is_plain(row, len(samples)):
        calls = _read_cells(row, samples, where)
        return np.flatnonzero(calls == 2), np.flatnonzero(calls == -2)
    characters = np.frombuffer(row, np.uint8)
    twos = np.flatnonzero(characters == _TWO)
    negative = (characters[twos - 1] == _MINUS) & (twos > 0)
    # Without signs every call is one character, and every second character a tab.
    unsigned = np.frombuffer(row.translate(None, b"-"), np.uint8)
    positions = np.flatnonzero(unsigned == _TWO) // 2
    return positions[~negative], positions[negative]


def _is_plain(row: bytes, n_samples: int) -> bool:
    """Prove that a row is `n_samples` cells of the form -2, -1, -0, 0, 1 or 2.

    Without its signs it alternates between one digit and one tab, and every sign stands at the
    start of a cell: so each cell is one digit with at most one sign before it.
    """
    unsigned = row.translate(None, b"-")
    digits, tabs = unsigned[::2], unsigned[1::2]
    n_signs = len(row) - len(unsigned)
    return (
        len(digits) == n_samples
        and tabs.count(b"\t") == len(tabs) == n_samples - 1
        and not digits.translate(None, b"012")
        and n_signs == row.count(b"\t-") + row.startswith(b"-")
    )


def _read_cells(row: bytes, samples: list[str], where: str) -> np.ndarray:
    cells = row.split(b"\t")
    if len(cells) != len(samples):
        raise InputError(
            f"{where}: found {len(cells)} values, expected {len(samples)}, one per sample of the "
            "header; repair the file or get it again"
        )
    named = zip(cells, samples, strict=True)
    return np.array([_read_cell(cell, where, sample) for cell, sample in named])


def _read_cell(cell: bytes, where: str, sample: str) -> int:
    try:
        value = float(cell.strip(b'"'))
    except ValueError:
        value = None
    if value not in _CALLS:
        raise InputError(
            f"{where}, column {shown(sample)}: found {shown(cell.decode(errors='replace'))}, "
            f"expected an integer from {_CALLS[0]} to {_CALLS[-1]}; give thresholded calls "
            "(all_thresholded.by_genes)"
        )
    return int(value)
