"""Which genes are mutated in which sample, and how many mutations a sample has.

Source of both definitions: process_data.ipynb of https://github.com/greenelab/tybalt
(Way & Greene 2018).
"""

import logging
from array import array
from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from tybalt.data.readers.text_lines import clean_name, read_cells, read_name
from tybalt.data.tables.clinical import SAMPLE_LENGTH
from tybalt.data.tables.events import make_events, write_events
from tybalt.jobs.files import write_table
from tybalt.plan.errors import InputError, some, suggest

log = logging.getLogger(__name__)


def tabulate_mutations(
    table: str, effects: Collection[str], barcodes: str, mutations: str, burden: str
) -> None:
    """Turn a list of mutations into a table, sample x gene, and count them per sample.

    Parameters
    ----------
    table
        TSV or TSV.gz, one row per mutation, with the columns `#sample` (or `sample`), `gene` and
        `effect`.
    effects
        Values of `effect` that count.
    barcodes
        ``tcga``: sample ids are cut to 15 characters; ``none``: left alone.
    mutations
        Output, .h5ad: sparse uint8, 1 = the gene has a mutation that counts. As published, a
        sample without any has no row.
    burden
        Output, TSV: `sample`, `n_mutations` (rows that count, also several in one gene or in no
        gene), `log10_mutations`.

    Raises
    ------
    InputError
        For missing columns, a ragged row, a row without sample, or if no effect counts.
    """
    kept = {effect.encode() for effect in effects}
    samples: dict[str, int] = {}
    genes: dict[str, int] = {}
    sample_of_event, gene_of_event = array("i"), array("i")
    per_sample: Counter[str] = Counter()
    other_effects: Counter[bytes] = Counter()
    seen = set()
    for sample, gene, effect in _read_rows(table, barcodes):
        seen.add(sample)
        if effect not in kept:
            other_effects[effect] += 1
            continue
        per_sample[sample] += 1
        if gene:
            sample_of_event.append(samples.setdefault(sample, len(samples)))
            gene_of_event.append(genes.setdefault(gene, len(genes)))
    _check_effects(table, per_sample, other_effects, effects)
    events = make_events(sample_of_event, gene_of_event, list(samples), list(genes))
    write_events(events, mutations)
    write_table(_burden(per_sample), burden)
    log.info(
        "%s: %s of %s mutations count, in %s samples and %s genes; %s samples have none",
        table,
        f"{per_sample.total():,}",
        f"{per_sample.total() + other_effects.total():,}",
        f"{len(per_sample):,}",
        f"{len(genes):,}",
        f"{len(seen) - len(per_sample):,}",
    )


def _read_rows(path: str, barcodes: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield sample, gene and effect of every row; one row is in memory at a time."""
    length = SAMPLE_LENGTH if barcodes == "tcga" else None
    head, rows = read_cells(path)
    i_sample, i_gene, i_effect = _positions(path, head.line, head.columns)
    names: dict[bytes, str] = {}  # each of the few names stands in many rows
    for number, cells in rows:
        where = f"{path}, line {number:,}"
        for i in (i_sample, i_gene):
            if cells[i] not in names:
                names[cells[i]] = read_name(cells[i], where)
        sample = names[cells[i_sample]]
        if not sample:
            raise InputError(f"{where}: found no sample id, expected one in each row")
        yield sample[:length], clean_name(names[cells[i_gene]]), cells[i_effect].strip(b'" ')


def _positions(path: str, line: int, columns: list[str]) -> list[int]:
    for name in ("sample", "gene", "effect"):
        if name not in columns:
            raise InputError(
                f"{path}, line {line}: found no column {name!r} in this mutation table; "
                f"{suggest(name, columns)}; rename the column that has it"
            )
    return [columns.index(name) for name in ("sample", "gene", "effect")]


def _check_effects(
    path: str, per_sample: Counter, others: Counter, effects: Collection[str]
) -> None:
    if not per_sample:
        found = some([effect.decode(errors="replace") for effect, _ in others.most_common(8)], 8)
        raise InputError(
            f"{path}: found no mutation that counts; its effects are {found or 'none at all'}, "
            f"expected some of {', '.join(sorted(effects))}; adapt `effects`"
        )
    if others[b""]:
        log.info("%s: %s rows have no effect and do not count", path, f"{others[b'']:,}")


def _burden(per_sample: Counter) -> pd.DataFrame:
    counts = pd.Series(per_sample, dtype="int64").sort_index()
    return pd.DataFrame(
        {
            "sample": counts.index,
            "n_mutations": counts.to_numpy(),
            "log10_mutations": np.log10(counts.to_numpy()),
        }
    )
