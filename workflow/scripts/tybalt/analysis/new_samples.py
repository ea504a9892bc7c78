"""New samples as files or as a table: read, and checked to be what a model can encode."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.features import is_gene, mean_of_rows
from tybalt.data.preprocess import Source, join_rows
from tybalt.data.readers.raw_matrix import read_header, stream_blocks
from tybalt.data.readers.sanity import refuse_annotations
from tybalt.data.readers.text_lines import clean_name
from tybalt.data.tables.clinical import read_sample_ids
from tybalt.plan.errors import InputError, shown, some
from tybalt.training.rows import Rows

#: With fewer of the model's genes a code means nothing.
LEAST_GENES = 0.5

#: Share of values outside of the training range that is refused.
REFUSED_OUTSIDE = 0.5

#: Share of negative values that is refused where the training values have none. In z-scores about
#: half of the values are negative.
REFUSED_NEGATIVE = 0.05


def as_table(expression: Any, genes: pd.DataFrame) -> pd.DataFrame:
    """Check that something is a table, samples x genes, and return the model's genes: float64.

    Raises
    ------
    InputError
        For another type, no rows, a gene or a sample that stands twice, text, a sample without a
        value.
    """
    if not isinstance(expression, pd.DataFrame):
        raise InputError(
            f"expression: found {type(expression).__name__}, expected a pandas.DataFrame of "
            "samples x genes, whose columns name the genes"
        )
    if not len(expression):
        raise InputError("expression: found no row, expected one for each sample")
    names = expression.columns.map(str)
    names = names.where(names.isin(genes.index), names.map(clean_name))  # SYMBOL|id
    named = expression.set_axis(names, axis=1)
    for what, names in (("genes", named.columns), ("samples", named.index)):
        doubled = names[names.duplicated()]
        if len(doubled):
            raise InputError(
                f"expression: {len(doubled)} {what} stand there more than once "
                f"({some(list(doubled))}), expected each once; keep one of each, or their mean"
            )
    found = named[named.columns.intersection(genes.index, sort=False)]
    try:
        numbers = found.astype("float64")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"expression: found values that are no numbers ({shown(error)}), expected numbers, or "
            "NaN where one is missing"
        ) from None
    numbers = numbers.dropna(axis=1, how="all")  # a gene without any value is missing
    empty = numbers.index[numbers.isna().all(axis=1)]
    if len(empty) and numbers.shape[1]:
        raise InputError(
            f"expression: {len(empty)} samples ({some(list(empty))}) have no value in any gene of "
            "the model; take them out"
        )
    return numbers if numbers.shape[1] else named


def read_blocks_of(
    paths: str | Sequence[str], genes: pd.DataFrame, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Read and check the files of new samples.

    Parameters
    ----------
    paths
        A file, or one for each of ``options["blocks"]``.
    genes
        Of the model.
    options
        As of `project_samples`.

    Returns
    -------
    pandas.DataFrame
        Samples x genes found, float64, under the model's names; NaN where nothing was measured.

    Raises
    ------
    InputError
        As of `read_expression`, `check_values` and `tybalt.data.preprocess.join_rows`.
    """
    paths = [paths] if isinstance(paths, str) else paths
    barcodes = "none" if options["clinical"] is None else options["clinical"]["barcodes"]
    sources, tables = [], []
    for (name, how), path in zip(options["blocks"].items(), paths, strict=True):
        wanted = genes[genes["block"] == name]
        of = words_of(name, genes)
        table = read_expression(path, wanted.index, **how, of=of, barcodes=barcodes)
        check_genes(table.columns, wanted, path)  # doubled ones may have been dropped
        check_values(table.fillna(wanted["mean"]), wanted, path)
        sources.append(Source(name, path, list(table.index), list(table.index)))
        tables.append(table)
    kept = set(join_rows(sources, options["rows"])[0])
    in_order = dict.fromkeys(name for source in sources for name in source.ids if name in kept)
    values = pd.concat([table.reindex(list(in_order)) for table in tables], axis=1)
    empty = values.index[values.isna().all(axis=1)]
    if len(empty):
        raise InputError(
            f"{', '.join(paths)}: {len(empty)} samples ({some(list(empty), 3)}) have no value in "
            "any gene of the model; take them out"
        )
    return values


def words_of(block: str, genes: pd.DataFrame) -> str:
    """Say which genes are meant, where a model has several blocks."""
    return "genes" if genes["block"].nunique() == 1 else f"features of the block {block}"


def read_expression(
    path: str,
    genes: pd.Index,
    duplicates: str,
    missing: str = "zero",
    transform: str = "none",
    prefix: str = "",
    of: str = "genes",
    barcodes: str = "none",
) -> pd.DataFrame:
    """Read the rows of a raw matrix whose genes a model knows.

    Parameters
    ----------
    genes
        Of one block, as the model calls them.
    duplicates, missing, transform
        As of `tybalt.data.preprocess.preprocess_expression`.
    prefix
        What the names of the model have before those of the file.
    of
        What the genes are called in messages.
    barcodes
        How sample ids are read; see `tybalt.data.tables.clinical.read_sample_ids`.

    Returns
    -------
    pandas.DataFrame
        Samples x genes found, float64; NaN where a cell is missing and is not to be 0. A gene
        without any value was not found.

    Raises
    ------
    InputError
        For a damaged file, for columns that are no samples, and where too little of it is known to
        the model: the rows of other genes are not kept.
    """
    header = read_header(path)
    samples = read_sample_ids(header, barcodes, path)
    refuse_annotations(samples, path)
    names_of = {gene.removeprefix(prefix): gene for gene in genes}
    rows: dict[str, list[np.ndarray]] = {}
    names: list[str] = []
    for block, _ in stream_blocks(path, header, keep_missing=True, transform=transform):
        for row_name, values in zip(block.names, block.values, strict=True):
            gene = clean_name(row_name)
            names += [gene] if is_gene(gene) else []
            if gene in names_of and not np.isnan(values).all():
                rows.setdefault(gene, []).append(values.copy())
    if len(rows) < LEAST_GENES * len(genes):
        raise InputError(explain_genes(names, samples, pd.Index(names_of), path, len(rows), of))
    if duplicates == "drop":
        rows = {gene: found for gene, found in rows.items() if len(found) == 1}
    merged = {
        names_of[gene]: found[0] if duplicates == "first" else mean_of_rows(np.array(found))
        for gene, found in rows.items()
    }
    found = [gene for gene in genes if gene in merged]
    table = pd.DataFrame(np.array([merged[gene] for gene in found]).T, samples, found)
    return table if missing == "mean" else table.fillna(0)


def check_genes(found: pd.Index, genes: pd.DataFrame, path: str) -> list[str]:
    """Return the blocks that are there; InputError if one is there in part, or none at all."""
    present = pd.Series(genes.index.isin(found), genes["block"].to_numpy())
    counts = present.groupby(level=0, sort=False).sum()
    given = list(counts.index[counts > 0])
    for block in given or counts.index[:1]:
        wanted, of = genes.index[genes["block"] == block], words_of(block, genes)
        if counts[block] < LEAST_GENES * len(wanted):
            raise InputError(explain_genes(list(found), [], wanted, path, int(counts[block]), of))
    return given


def found_by_block(genes: pd.DataFrame, found: np.ndarray) -> dict[str, dict[str, int]]:
    """Count the genes of each block, and those that are missing."""
    return {
        block: {"genes": len(rows), "missing": int((~rows).sum())}
        for block, rows in pd.Series(found).groupby(genes["block"].to_numpy(), sort=False)
    }


def has_some(rows: Rows, found: np.ndarray) -> np.ndarray:
    """Tell of which samples something of the genes found was measured, shape (samples,)."""
    if rows.observed is None:
        return np.ones(len(rows), bool)
    return rows.observed[:, found].any(axis=1)


def explain_genes(
    names: Sequence[str],
    samples: Sequence[str],
    genes: pd.Index,
    path: str,
    present: int,
    of: str = "genes",
) -> str:
    """Say why names are not those of the model's genes, as far as it can be told."""
    wanted = {gene.upper(): gene for gene in genes}
    message = (
        f"{path}: found {present} of the model's {len(genes)} {of}, expected at least "
        f"{LEAST_GENES:.0%}"
    )
    alike = [name for name in names if name not in genes and name.upper() in wanted]
    if len(alike) + present >= LEAST_GENES * len(genes):
        pairs = some([f"{name} for {wanted[name.upper()]}" for name in alike], 3)
        return (
            f"{message}; {len(alike)} names differ in upper and lower case only ({pairs}), as "
            "symbols of another species do; a model of one species does not hold for another: "
            "translate the genes to their orthologues first, and expect a poor fit"
        )
    if sum(name in genes for name in samples) > len(samples) / 2:
        return f"{message}; the header holds genes: rows must be genes and columns samples"
    plain = {gene.partition(".")[0] for gene in genes}
    alike = [name for name in names if name not in genes and name.partition(".")[0] in plain]
    if len(alike) + present >= LEAST_GENES * len(genes):
        return (
            f"{message}; {len(alike)} names differ only in what follows a point "
            f"({some(alike, 3)}), as versions of Ensembl ids do: write them as the model does "
            f"({some(list(genes), 3)})"
        )
    theirs, ours = kind_of_names(names), kind_of_names(genes)
    if theirs != ours:
        return (
            f"{message}; the rows have {theirs} ({some(names, 1)[:60]}), the model has {ours} "
            f"({shown(genes[0])[1:-1]}): translate them"
        )
    return (
        f"{message}; the rows begin with {some(names, 3)}, the model's genes with "
        f"{some(list(genes), 3)}: use the same names"
    )


def kind_of_names(names: Sequence[str]) -> str:
    """Say what most names of genes are."""
    if sum(name.startswith("ENS") for name in names) > len(names) / 2:
        return "Ensembl ids"
    if sum(name.isdigit() for name in names) > len(names) / 2:
        return "numbers for names, as Entrez ids are"
    return "symbols"


def check_values(values: pd.DataFrame, genes: pd.DataFrame, path: str) -> None:
    """Check that values are on the scale of the training data before scaling; else InputError.

    Parameters
    ----------
    values
        Samples x genes; genes that the model does not know are ignored.
    genes
        Of one block of the model: minimum and maximum of the training values.
    """
    shared = genes.index.intersection(values.columns)
    found, known = values[shared].to_numpy(), genes.loc[shared]
    if not np.isfinite(found).all():
        raise InputError(f"{path}: {np.sum(~np.isfinite(found))} values are missing or infinite")
    low, high = known["minimum"].min(), known["maximum"].max()
    expected = f"the model was trained on values from {low:.3g} to {high:.3g}"
    negative = float((found < 0).mean())
    if low >= 0 and negative > REFUSED_NEGATIVE:
        middle = f"a gene has mean {np.median(found.mean(axis=0)):.2g} and standard deviation "
        middle += f"{np.median(found.std(axis=0)):.2g}"
        raise InputError(
            f"{path}: {negative:.0%} of the values are negative ({middle}, typically), as z-scores "
            f"or centred values are, but {expected}; give the values before that step, as "
            "log2(x + 1) where the training data were so"
        )
    if found.max() <= 1 and high > 2:
        raise InputError(
            f"{path}: all values lie between {found.min():.3g} and {found.max():.3g}, as if scaled "
            f"already, but {expected}; give the values before scaling, the model scales them itself"
        )
    share = float(outside_range(values, genes).mean())
    if share > REFUSED_OUTSIDE:
        hint = "take the logarithm, log2(x + 1)" if found.max() > 4 * high else "check the units"
        raise InputError(
            f"{path}: {share:.0%} of the values lie outside the training range of their gene "
            f"(values up to {found.max():.3g}), but {expected}; {hint}"
        )


def outside_range(values: pd.DataFrame, genes: pd.DataFrame) -> np.ndarray:
    """Share of each sample's measured genes that are outside the training range: (samples,)."""
    shared = genes.index.intersection(values.columns)
    found, known = values[shared].to_numpy(), genes.loc[shared]
    below = found < known["minimum"].to_numpy()
    outside = below | (found > known["maximum"].to_numpy())
    return outside.sum(axis=1) / np.isfinite(found).sum(axis=1)
