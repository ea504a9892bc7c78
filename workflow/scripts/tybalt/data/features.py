"""The genes of a raw matrix: names cleaned, doubled ones resolved, the most variable chosen."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tybalt.data.readers.best_rows import BestRows
from tybalt.data.readers.raw_matrix import Block, read_row_names, stream_blocks
from tybalt.data.readers.sanity import is_summary_row, name_caveats
from tybalt.data.readers.text_lines import clean_name
from tybalt.plan.errors import InputError, some

LOG = logging.getLogger(__name__)

#: What becomes of a gene that is listed more than once.
DUPLICATES = ("drop", "first", "mean")

#: Names of rows without a gene: of TCGA, of arrays, and nothing at all.
UNNAMED = ("?", "---", "")

#: Names of genes that, in several rows, say that nobody knows the name.
_NOT_KNOWN = frozenset({"NA", "N/A", "#N/A", "nan", "NaN", "null", "NULL", "None"})

#: A larger share of doubled genes that are dropped is said; TCGA has one of 20,501.
MANY_DOUBLED = 0.001

_SPARE_ROWS = 64  # kept beyond the asked-for number, for doubled genes that are found late

#: Genes x samples -> one number per gene.
RowStatistic = Callable[[np.ndarray], np.ndarray]


def mean_absolute_deviation(values: np.ndarray) -> np.ndarray:
    """Mean of |x - mean| of each row (genes x samples), over what is not missing (NaN)."""
    mean = np.nanmean if np.isnan(values).any() else np.mean
    return mean(np.abs(values - mean(values, axis=1, keepdims=True)), axis=1)


def variance(values: np.ndarray) -> np.ndarray:
    """Mean of (x - mean)^2 of each row (genes x samples), over what is not missing (NaN)."""
    return np.nanvar(values, axis=1) if np.isnan(values).any() else values.var(axis=1)


def of_measured(statistic: RowStatistic) -> RowStatistic:
    """Make a statistic that puts rows without any value last."""

    def measured(values: np.ndarray) -> np.ndarray:
        empty = np.isnan(values).all(axis=1)
        if not empty.any():
            return statistic(values)
        result = np.full(len(values), -np.inf)
        if not empty.all():
            result[~empty] = statistic(values[~empty])
        return result

    return measured


RANK_STATISTICS = {"mean_absolute_deviation": mean_absolute_deviation, "variance": variance}


class Row(NamedTuple):
    """A row of the file: the position of the gene's first row, its name, statistic and values."""

    position: int
    gene: str
    statistic: float
    values: np.ndarray


def is_gene(name: str) -> bool:
    """Tell whether a cleaned row name is that of a gene: not empty, ``?`` or a sum of reads."""
    return name not in UNNAMED and not is_summary_row(name)


class Selection(NamedTuple):
    """Chosen genes.

    Attributes
    ----------
    best
        The rows, at least as many as were asked for.
    counts
        ``rows``, ``named_rows``, ``distinct_genes``, ``doubled_genes``, ``genes`` (left after
        cleaning) and ``missing_cells`` (of all rows).
    caveats
        What looks wrong, a sentence each.
    """

    best: BestRows
    counts: dict[str, int]
    caveats: list[str]


def select_genes(
    path: str,
    header: list[str],
    count: int,
    statistic: RowStatistic,
    duplicates: str,
    threads: int = 1,
    keep_missing: bool = False,
    key: str = "genes.count",
    transform: str = "none",
) -> Selection:
    """Choose the `count` genes of largest statistic in one pass over the file.

    Parameters
    ----------
    path, header, threads, keep_missing, transform
        See `tybalt.data.readers.raw_matrix.stream_blocks`.
    statistic
        Sees all samples in file order.
    duplicates
        ``drop`` all rows of a gene that is listed twice, keep the ``first``, or take their
        ``mean`` (then the row names are read once before).
    key
        Of the config that says `count`, for messages.

    Raises
    ------
    InputError
        If fewer genes than `count` are left.
    """

    def stream(rows_of: Mapping[str, int]) -> tuple[Selection, int]:
        blocks = stream_blocks(path, header, statistic, threads, keep_missing, transform)
        return _stream(blocks, header, count, statistic, duplicates, rows_of, path)

    found, n_removed = stream(_rows_of_doubled_genes(path) if duplicates == "mean" else {})
    if n_removed > _SPARE_ROWS:
        # More kept rows turned out to be doubled than there are spare ones, so a gene that was
        # let go may belong to the best. With the names known, none is kept in vain.
        LOG.info("genes: %d of the best are doubled, reading once more", n_removed)
        found, _ = stream(_rows_of_doubled_genes(path))
    counts = found.counts
    if counts["genes"] < count:
        raise InputError(
            f"{path}: {counts['genes']} genes are left after cleaning, but {key} is {count}; "
            f"set {key} to at most {counts['genes']}"
        )
    return found


def _rows_of_doubled_genes(path: str) -> dict[str, int]:
    """Count the rows of each gene that has several."""
    rows = Counter(clean_name(name) for name in read_row_names(path))
    return {gene: n for gene, n in rows.items() if n > 1 and is_gene(gene)}


def _stream(
    blocks: Iterable[tuple[Block, np.ndarray]],
    header: list[str],
    count: int,
    statistic: RowStatistic,
    duplicates: str,
    rows_of: Mapping[str, int],
    path: str,
) -> tuple[Selection, int]:
    """Pass over the file once.

    Parameters
    ----------
    rows_of
        How many rows each doubled gene has; empty if that is not known beforehand.

    Returns
    -------
    tuple
        The selection; how many rows were kept for a while and turned out to be doubled.
    """
    rows_seen: Counter[str] = Counter()
    read = Counter(rows=0, missing_cells=0, summary_rows=0)
    rows = _named_rows(blocks, rows_seen, read)
    if duplicates == "mean":
        rows = _average_doubled(rows, rows_of, statistic)
    elif duplicates == "drop":
        rows = (row for row in rows if row.gene not in rows_of)
    best = BestRows(count + _SPARE_ROWS, len(header))
    n_removed = _keep_best(rows, best, drop_doubled=duplicates == "drop")
    not_known = [name for name in _NOT_KNOWN if rows_seen[name] > 1]
    for name in not_known:
        best.remove(name)
        del rows_seen[name]
    doubled = [gene for gene, n in rows_seen.items() if n > 1]
    counts = _count_steps(read, rows_seen, doubled, duplicates)
    caveats = name_caveats(rows_seen, path)
    caveats += [
        f"{path}: {line}."
        for line in row_caveats(header, rows_seen, doubled, read["summary_rows"], duplicates)
    ]
    if not_known:
        caveats.append(f"{path}: the rows named {some(not_known)} were dropped: no gene is known.")
    return Selection(best, counts, caveats), n_removed


def row_caveats(
    header: list[str],
    rows_seen: Mapping[str, int],
    doubled: list[str],
    n_summary_rows: int,
    duplicates: str,
) -> list[str]:
    """Say which rows are named as samples, sum up reads, or were dropped as doubled genes."""
    lines = []
    samples = [name for name in header if name in rows_seen and not name.isdigit()]
    if len(samples) > 1:
        lines.append(
            f"{len(samples)} rows are called as samples are ({some(samples)}): a part of the table "
            "may be transposed"
        )
    if n_summary_rows:
        lines.append(
            f"{n_summary_rows} rows that sum up reads outside of genes (as HTSeq and STAR write "
            "them) were dropped"
        )
    if duplicates == "drop" and len(doubled) > MANY_DOUBLED * len(rows_seen):
        lines.append(
            f"{len(doubled)} of {len(rows_seen)} genes stand in several rows and were dropped "
            f"({some(doubled)}); duplicates: mean or first would keep them"
        )
    return lines


def _named_rows(
    blocks: Iterable[tuple[Block, np.ndarray]], rows_seen: Counter, read: Counter
) -> Iterator[Row]:
    """Take blocks apart into rows, leave out those without a name, and count."""
    positions: dict[str, int] = {}
    for block, statistics in blocks:
        read["rows"] += len(block.names)
        read["missing_cells"] += block.n_missing
        for row_name, statistic, values in zip(block.names, statistics, block.values, strict=True):
            gene = clean_name(row_name)
            if not is_gene(gene):
                read["summary_rows"] += is_summary_row(gene)
                continue
            rows_seen[gene] += 1
            position = positions.setdefault(gene, len(positions))
            yield Row(position, gene, float(statistic), values)


def _average_doubled(
    rows: Iterable[Row], rows_of: Mapping[str, int], statistic: RowStatistic
) -> Iterator[Row]:
    """Put the mean of a gene's rows in the place of its last one."""
    collected: dict[str, list[np.ndarray]] = {}
    for row in rows:
        if row.gene not in rows_of:
            yield row
            continue
        collected.setdefault(row.gene, []).append(row.values.copy())
        if len(collected[row.gene]) == rows_of[row.gene]:
            mean = mean_of_rows(np.array(collected.pop(row.gene)))
            yield row._replace(statistic=float(statistic(mean[None])[0]), values=mean)


def mean_of_rows(values: np.ndarray) -> np.ndarray:
    """Average rows, over what is not missing: shape (samples,), NaN where all of them are."""
    missing = np.isnan(values)
    if not missing.any():
        return np.mean(values, axis=0)
    count = np.sum(~missing, axis=0)
    total = np.sum(np.where(missing, 0, values), axis=0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _keep_best(rows: Iterable[Row], best: BestRows, drop_doubled: bool) -> int:
    """Offer the first row of each gene; return how many kept ones were dropped again."""
    offered: set[str] = set()
    n_removed = 0
    for row in rows:
        if row.gene not in offered:
            offered.add(row.gene)
            best.offer(row.gene, row.position, row.statistic, row.values)
        elif drop_doubled:
            n_removed += best.remove(row.gene)
    return n_removed


def _count_steps(
    read: Counter, rows_seen: Counter, doubled: list[str], duplicates: str
) -> dict[str, int]:
    counts = {
        "rows": read["rows"],
        "named_rows": rows_seen.total(),
        "distinct_genes": len(rows_seen),
        "doubled_genes": len(doubled),
        "genes": len(rows_seen) - (len(doubled) if duplicates == "drop" else 0),
        "missing_cells": read["missing_cells"],
    }
    LOG.info("genes: %d rows", counts["rows"])
    LOG.info("genes: %d rows after those without a gene are dropped", counts["named_rows"])
    LOG.info(
        "genes: %d after doubled ones are resolved (%s): %s%s",
        counts["genes"],
        duplicates,
        ", ".join(doubled[:10]) or "none is doubled",
        ", ..." if len(doubled) > 10 else "",
    )
    return counts
