"""From raw matrices and a clinical table to `matrix.h5ad`: clean, rank, scale, split.

The headers and the clinical table give the split; then the rows of each block's file stream by once
and the best features stay.
"""

import dataclasses
import itertools
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tybalt.data.features import DUPLICATES, RANK_STATISTICS, of_measured, select_genes
from tybalt.data.known_columns import check_ordered, read_known_columns
from tybalt.data.matrix import write_matrix
from tybalt.data.readers.best_rows import BestRows
from tybalt.data.readers.raw_matrix import TRANSFORMS, read_header, read_row_names
from tybalt.data.readers.sanity import (
    constant_samples,
    copies_of,
    refuse_annotations,
    refuse_other_scales,
    scale_caveats,
    small_samples,
)
from tybalt.data.samples import check_contrasts, check_roles, write_samples
from tybalt.data.scaling import SCALERS, fit_scaler, gene_statistics, is_constant, scale
from tybalt.data.split import split_samples
from tybalt.data.tables.clinical import (
    Described,
    describe_samples,
    is_barcode,
    read_sample_ids,
    refuse_transposed,
)
from tybalt.data.tables.overlap import explain_ids
from tybalt.plan.errors import InputError, some, suggest
from tybalt.plan.names import SOLE_BLOCK

LOG = logging.getLogger(__name__)

#: Which samples rank the genes or fit the scaler.
SAMPLES_USED = ("train", "all")

#: What stands where a value is missing.
MISSING = ("zero", "mean")

#: Where the config names none.
NO_CONTRASTS: Mapping[str, Mapping[str, Any]] = {}

#: Which samples a dataset of several blocks keeps.
ROWS = ("all", "any")

_GENES_PER_BLOCK = 128

_SHOWN = 3  # ids in a message


@dataclasses.dataclass(frozen=True)
class Source:
    """The raw matrix of one block.

    Parameters
    ----------
    block, path
        Name of the block, and its file.
    header, ids
        Sample ids as the file has them, and as samples are called.
    left_out
        Samples that are not used.
    """

    block: str
    path: str
    header: list[str]
    ids: list[str]
    left_out: frozenset[str] = frozenset()

    def without(self, samples: Collection[str]) -> "Source":
        """Leave out samples; their columns of the file are read and not used."""
        return dataclasses.replace(self, left_out=self.left_out | set(samples))

    @property
    def samples(self) -> list[str]:
        """The ids of the samples that are used."""
        return [name for name in self.ids if name not in self.left_out]

    def columns_of(self, samples: Sequence[str]) -> np.ndarray:
        """Return the column of each sample in the file; -1 for a sample that it lacks."""
        column = {name: i for i, name in enumerate(self.ids)}
        return np.array([column.get(name, -1) for name in samples])


def preprocess_expression(
    expression: str | Sequence[str],
    clinical: str,
    matrix: str,
    samples: str,
    settings: Mapping[str, Any],
    seed: int,
    contrasts_to_check: Mapping[str, Mapping[str, Any]] = NO_CONTRASTS,
    known_columns: Sequence[str] = (),
    threads: int = 1,
) -> None:
    """Clean, rank, scale and split the raw matrices of a dataset.

    Row names are cut at ``|``, rows named ``?`` dropped, doubled genes resolved, samples sorted by
    id. Genes are ranked on the raw values, the most variable first, and of equal ones the first in
    the file.

    Parameters
    ----------
    expression
        Genes x samples, TSV or gzip; with several blocks a file for each, in their order.
    clinical
        TSV or gzip, a row per sample, or per group of samples.
    matrix
        The h5ad file to write: X = samples x genes, float32; `tybalt.data.matrix` reads it.
    samples
        The table of samples to write; `tybalt.data.samples` reads it.
    settings
        Keys of the dataset's entry, completed:

        - `blocks`: name -> ``features`` (``count``; ``rank_by``: mean_absolute_deviation (about the
          mean) or variance; ``rank_on``: train or all samples; ``duplicates``: drop, first or
          mean, see `tybalt.data.features.select_genes`; ``missing``: zero, or the training mean,
          which then counts as not observed); ``transform``: none or log2, of x + 1, before
          anything else; ``scaling`` (``method``: zero_one (values outside,
          as test samples may have, are clipped), z_score or none; ``fit_on``: train or all samples.
          A constant gene has scale 1); ``prefix`` of its names;
        - `rows`: all (samples that every block has) or any;
        - `split` and `roles`: see `tybalt.data.split.split_samples`;
        - `clinical` (columns, barcodes, carry) and `minimum_overlap`: see
          `tybalt.data.tables.clinical.describe_samples`.
    seed
        Of the split.
    contrasts_to_check
        Those of the config, which the samples must be able to answer; nothing else is done with
        them here.
    known_columns
        What is known of the columns of the kind of dataset (`tybalt.data.known_columns`); empty if
        nothing is.
    threads
        For parsing; the result does not depend on it.

    Raises
    ------
    InputError
        For input that cannot be read or understood, for fewer genes than asked for, and for blocks
        that do not go together; nothing is written then.
    """
    for name, block in settings["blocks"].items():
        check_block(name, block)
    paths = [expression] if isinstance(expression, str) else expression
    barcodes = settings["clinical"]["barcodes"]
    sources = [
        read_source(name, path, barcodes)
        for name, path in zip(settings["blocks"], paths, strict=True)
    ]
    prepared = prepare(
        sources, clinical, settings, seed, contrasts_to_check, known_columns, threads
    )
    if copies := copies_of(prepared.X, prepared.obs.index, prepared.is_described):
        told = copy_caveat(copies, prepared.obs, settings["roles"]["group"])
        sources = [source.without(set(copies)) for source in sources]
        prepared = prepare(
            sources, clinical, settings, seed, contrasts_to_check, known_columns, threads
        )
        prepared.caveats.append(f"{', '.join(paths)}: {told}")
    for caveat in prepared.caveats:
        LOG.warning("%s", caveat)
    notes = {**prepared.notes, **({"caveats": prepared.caveats} if prepared.caveats else {})}
    write_matrix(matrix, prepared.X, prepared.obs, prepared.var, notes, prepared.observed)
    write_samples(prepared.obs.join(prepared.carried), samples)


def copy_caveat(copies: Mapping[str, str], obs: pd.DataFrame, group: str) -> str:
    """Say which samples repeat others, and where their labels contradict each other."""
    pairs = some([f"{copy} of {original}" for copy, original in copies.items()], 3)
    said = f"{len(copies)} samples have the values of another one and were left out: {pairs}."
    columns = obs.columns.difference([group, "split", "blocks"])
    ours, theirs = obs.loc[list(copies), columns], obs.loc[list(copies.values()), columns]
    differ = ours.notna().to_numpy() & theirs.notna().to_numpy()
    differ &= ours.astype(str).to_numpy() != theirs.astype(str).to_numpy()
    unlike = [
        copy for copy, any_differ in zip(copies, differ.any(axis=1), strict=True) if any_differ
    ]
    if unlike:
        said += f" The labels of {len(unlike)} contradict those of the sample that stays: "
        said += f"{some(unlike)}."
    return said


class Prepared(NamedTuple):
    """What the matrix and the table of samples are written from.

    Parameters
    ----------
    X, obs, var, notes, observed
        As of `tybalt.data.matrix.write_matrix`.
    carried
        Further columns of the samples.
    is_described
        bool: of which samples the clinical table has a row.
    caveats
        What was lost or looks wrong, a sentence each.
    """

    X: np.ndarray
    obs: pd.DataFrame
    var: pd.DataFrame
    notes: dict[str, Any]
    observed: np.ndarray | None
    carried: pd.DataFrame
    is_described: np.ndarray
    caveats: list[str]


def read_source(name: str, path: str, barcodes: str) -> Source:
    """Read the header of a block's file."""
    header = read_header(path)
    if barcodes == "tcga" and not any(map(is_barcode, header)):
        refuse_transposed(path, filter(is_barcode, read_row_names(path)))
    return Source(name, path, header, read_sample_ids(header, barcodes, path))


def prepare(
    sources: Sequence[Source],
    clinical: str,
    settings: Mapping[str, Any],
    seed: int,
    contrasts_to_check: Mapping[str, Mapping[str, Any]],
    known_columns: Sequence[str],
    threads: int,
) -> Prepared:
    """Join, split, choose, scale and fill; as `preprocess_expression`, but nothing is written."""
    blocks, split, roles = (settings[key] for key in ("blocks", "split", "roles"))
    kept, joined = join_rows(sources, settings["rows"])
    described = describe(kept, sources, clinical, settings)
    obs = described.table
    check_roles(obs, roles, clinical)
    check_contrasts(obs, contrasts_to_check)
    check_ordered(obs, read_known_columns(known_columns))
    obs["split"] = split_samples(obs, split, roles, seed)
    read = [read_block(source, obs, blocks[source.block], threads) for source in sources]
    check_names(read)
    X = read[0].X if len(read) == 1 else np.concatenate([each.X for each in read], axis=1)
    var = pd.concat([each.var for each in read])
    check_rows(obs, read)
    obs = name_blocks(obs, read)
    notes = {
        "features": {name: dict(block["features"]) for name, block in blocks.items()},
        "scaling": {name: block["scaling"]["method"] for name, block in blocks.items()},
        "fit_on": {name: block["scaling"]["fit_on"] for name, block in blocks.items()},
        "split": split["method"],
        "clipped_share": sum(each.n_clipped for each in read) / X.size,
        "counts": {
            **{name: sum(each.counts[name] for each in read) for name in read[0].counts},
            "chosen_genes": len(var),
            "samples": len(obs),
            **({"blocks": joined} if len(read) > 1 else {}),
        },
    }
    transforms = {name: block["transform"] for name, block in blocks.items()}
    if set(transforms.values()) != {"none"}:
        notes["transform"] = transforms
    observed = join_masks(read)
    caveats = [*described.caveats, *(line for each in read for line in each.caveats)]
    caveats += [*id_caveats(sources), *split_caveats(obs["split"], split)]
    return Prepared(X, obs, var, notes, observed, described.carried, described.has_row, caveats)


def describe(
    samples: list[str], sources: Sequence[Source], clinical: str, settings: Mapping[str, Any]
) -> Described:
    """Join the samples with the clinical table; refuse columns that are no samples.

    Raises
    ------
    InputError
        As of `tybalt.data.tables.clinical.describe_samples`; for files whose rows are the samples,
        and for columns of annotations.
    """
    options = settings["clinical"]
    described = describe_samples(
        samples,
        clinical,
        options["columns"],
        options["barcodes"],
        settings["minimum_overlap"],
        settings["roles"],
        options.get("carry", False),
        lambda: [(source.path, read_row_names(source.path)) for source in sources],
    )
    unknown = set(described.table.index[~described.has_row])
    for source in sources:
        refuse_annotations([name for name in source.ids if name in unknown], source.path)
    return described


def key_of(block: str) -> str:
    """Return what comes before the keys of a block in messages; nothing of a sole one."""
    return "" if block == SOLE_BLOCK else f"blocks.{block}."


def features_key(block: str) -> str:
    """Return the key under which a block's features are chosen."""
    return "genes" if block == SOLE_BLOCK else f"{key_of(block)}features"


def check_block(name: str, block: Mapping[str, Any]) -> None:
    """Check the choices of one block."""
    features, scaling = block["features"], block["scaling"]
    where, named = key_of(name), features_key(name)
    _check_choice(f"{named}.rank_by", features["rank_by"], RANK_STATISTICS)
    _check_choice(f"{named}.rank_on", features["rank_on"], SAMPLES_USED)
    _check_choice(f"{named}.duplicates", features["duplicates"], DUPLICATES)
    _check_choice(f"{named}.missing", features["missing"], MISSING)
    _check_choice(f"{where}transform", block["transform"], TRANSFORMS)
    _check_choice(f"{where}scaling.method", scaling["method"], SCALERS)
    _check_choice(f"{where}scaling.fit_on", scaling["fit_on"], SAMPLES_USED)


def join_rows(sources: Sequence[Source], rows: str) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Choose the samples that every block has (``all``), or at least one (``any``).

    Returns
    -------
    tuple
        The samples, sorted; and of each block how many it has (``samples``), how many of the chosen
        ones it lacks (``lacking``), and how many are left out as another block lacks them
        (``left_out``).

    Raises
    ------
    InputError
        If two blocks have no sample in common, or all of them together have none.
    """
    _check_choice("rows", rows, ROWS)
    sets = {source.block: set(source.samples) for source in sources}
    for first, second in itertools.combinations(sources, 2):
        if not sets[first.block] & sets[second.block]:
            known = "; ".join(
                f"{each.block} ({each.path}) has {len(each.ids)}: {some(sorted(each.ids), _SHOWN)}"
                for each in (first, second)
            )
            reason = explain_ids(sets[first.block], sets[second.block])
            raise InputError(
                f"blocks: {first.block} and {second.block} have no sample in common ({known}); "
                f"blocks are joined by sample id: give both files the same ids{reason}"
            )
    kept = set.intersection(*sets.values()) if rows == "all" else set.union(*sets.values())
    if not kept:
        raise InputError(
            f"blocks: no sample is in every one of {', '.join(sets)}, although each two of them "
            "have some in common; set rows: any, or leave a block out"
        )
    counts = {
        block: {"samples": len(ids), "lacking": len(kept - ids), "left_out": len(ids - kept)}
        for block, ids in sets.items()
    }
    if len(sets) > 1:
        LOG.info("samples: %d are kept (rows: %s)", len(kept), rows)
        for block, found in counts.items():
            LOG.info(
                "samples: %s has %d, lacks %d of those kept; %d are left out, as another block "
                "lacks them",
                block,
                *found.values(),
            )
    return sorted(kept), counts


def id_caveats(sources: Sequence[Source]) -> list[str]:
    """Say of blocks how ids of samples that only one of them has differ from those of another."""
    lines = []
    for first, second in itertools.combinations(sources, 2):
        ours, theirs = set(first.samples), set(second.samples)
        if reason := explain_ids(ours - theirs, theirs - ours):
            lines.append(
                f"{len(ours - theirs)} samples of {first.block} are not in {second.block}{reason}."
            )
    return lines


def split_caveats(parts: pd.Series, split: Mapping[str, Any]) -> list[str]:
    """Say which parts are less than half as large as they were to be, as large groups make them."""
    shares = {name: (parts == name).mean() for name in ("validation", "test") if split.get(name)}
    return [
        f"The {name} part has {share:.1%} of the samples, and split.{name} asks for "
        f"{split[name]:.1%}: groups that are kept together, or few samples, leave no better split."
        for name, share in shares.items()
        if share < split[name] / 2
    ]


def check_rows(obs: pd.DataFrame, read: Sequence["ReadBlock"]) -> None:
    """Refuse samples without any value in the chosen features: nothing can be said of them."""
    empty = obs.index[~np.any([each.has_row for each in read], axis=0)]
    if len(empty):
        raise InputError(
            f"{len(empty)} samples ({', '.join(empty[:_SHOWN])}) have no value in any chosen "
            f"feature of {' or '.join(each.name for each in read)}; take them out of the files, or "
            "choose more features"
        )


def name_blocks(obs: pd.DataFrame, read: Sequence["ReadBlock"]) -> pd.DataFrame:
    """Add the column `blocks` where rows lack some: the names of those that each row has."""
    if all(each.has_row.all() for each in read):
        return obs
    names = [", ".join(each.name for each in read if each.has_row[i]) for i in range(len(obs))]
    return obs.assign(blocks=names)


def join_masks(read: Sequence["ReadBlock"]) -> np.ndarray | None:
    """Say of all blocks what was measured; None if everything was."""
    if all(each.observed is None for each in read):
        return None
    masks = [
        np.ones(each.X.shape, bool) if each.observed is None else each.observed for each in read
    ]
    return np.concatenate(masks, axis=1)


def check_names(read: Sequence["ReadBlock"]) -> None:
    """Refuse features whose name stands in two blocks."""
    for first, second in itertools.combinations(read, 2):
        shared = [name for name in second.var.index if name in first.var.index]
        if shared:
            raise InputError(
                f"blocks: {first.name} and {second.name} have {len(shared)} features of the "
                f"same name ({', '.join(shared[:_SHOWN])}), but columns need names of their "
                f"own; set blocks.{second.name}.prefix, for example to '{second.name}:'"
            )


def _check_choice(key: str, value: object, choices: Iterable[str]) -> None:
    if value not in choices:
        raise InputError(f"{key}: found {value!r}; {suggest(value, choices)}")


def _used(obs: pd.DataFrame, samples: str, has_row: np.ndarray) -> np.ndarray:
    """Positions of the samples that rank or fit: those of train, or all, that the block has."""
    return np.flatnonzero(((obs["split"] == "train") | (samples == "all")) & has_row)


def _columns(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return those columns; without a copy if they are all columns in their order."""
    if len(positions) == values.shape[1] and (positions[:-1] < positions[1:]).all():
        return values
    return values.take(positions, axis=1)


@dataclasses.dataclass(frozen=True)
class ReadBlock:
    """A block as it enters the matrix.

    Parameters
    ----------
    name
        Of the block.
    X
        float32, samples x features, scaled and filled.
    var
        Its features, described.
    observed
        bool, as X: what was measured; None if all was.
    has_row
        Of which samples the block has a value in any chosen feature.
    n_clipped
        How many values were clipped.
    counts
        Of `tybalt.data.features.Selection`.
    caveats
        What looks wrong, a sentence each.
    """

    name: str
    X: np.ndarray
    var: pd.DataFrame
    observed: np.ndarray | None
    has_row: np.ndarray
    n_clipped: int
    counts: Mapping[str, int]
    caveats: list[str]


def read_block(
    source: Source, obs: pd.DataFrame, block: Mapping[str, Any], threads: int
) -> ReadBlock:
    """Choose the features of one block, describe, scale and fill them.

    Parameters
    ----------
    source
        Its file.
    obs
        The samples of the dataset, with their part of the split.
    block
        ``features``, ``transform``, ``scaling`` and ``prefix``, as of `preprocess_expression`.
    threads
        For parsing.

    Raises
    ------
    InputError
        If the file has fewer features than asked for, if no training sample has one of the chosen,
        if a column is no sample, or if all chosen features are constant.
    """
    features, scaling = block["features"], block["scaling"]
    keep_missing = features["missing"] == "mean"
    columns = source.columns_of(list(obs.index))
    has_row = columns >= 0
    trained, ranked, fitted = (
        columns[_used(obs, samples, has_row)]
        for samples in ("train", features["rank_on"], scaling["fit_on"])
    )
    if not len(trained):
        raise InputError(
            f"{source.path}: none of its {len(source.ids)} samples is a training sample, so that "
            f"nothing of the block {source.block} can be learned; bring more samples that other "
            "blocks have too, or leave the block out"
        )
    rank = of_measured(RANK_STATISTICS[features["rank_by"]])
    best, counts, caveats = select_genes(
        source.path,
        source.header,
        features["count"],
        lambda values: rank(_columns(values, ranked)),
        features["duplicates"],
        threads,
        keep_missing,
        f"{features_key(source.block)}.count",
        block["transform"],
    )
    names, statistic, slots = best.ranked(features["count"])
    if keep_missing:
        check_measured(source, names, best, slots, trained, features["rank_on"])
    used = columns[has_row]
    some_values = best.rows(slots[:_GENES_PER_BLOCK])[:, used]
    looked_at = some_values, [source.header[i] for i in used], source.path
    refuse_other_scales(*looked_at)
    of_samples = OfSamples(columns, trained, ranked, fitted)
    X, var, observed, n_clipped = _scale_best(
        best, slots, of_samples, scaling["method"], keep_missing
    )
    var.index = pd.Index([f"{block['prefix']}{name}" for name in names], name="gene")
    var.insert(0, "rank_statistic", statistic)
    LOG.info(
        "genes: %d chosen; %.4g %% of the values clipped", len(names), 100 * n_clipped / X.size
    )
    check_varied(source, var)
    caveats = [
        *caveats,
        *constant_samples(*looked_at),
        *small_samples(*looked_at),
        *missing_caveats(source, counts["missing_cells"], observed, keep_missing),
        *scale_caveats(var["maximum"].max(), var["minimum"].min(), block["transform"], source.path),
    ]
    var = var.assign(block=source.block)
    measured = np.full(len(X), True) if observed is None else observed.any(axis=1)
    return ReadBlock(source.block, X, var, observed, measured, n_clipped, counts, caveats)


def check_varied(source: Source, var: pd.DataFrame) -> None:
    """Refuse chosen features of which not one varies: there is nothing to learn."""
    if is_constant(var[["minimum", "maximum"]].to_numpy()).all():
        raise InputError(
            f"{source.path}: each of the {len(var)} chosen features has (nearly) the same value in "
            f"all samples that rank them ({some([f'{value:g}' for value in var['minimum']], 3)}), "
            "so there is nothing to learn; give measured values"
        )


def missing_caveats(
    source: Source, n_missing: int, observed: np.ndarray | None, keep_missing: bool
) -> list[str]:
    """Say how many cells are missing, and what stands there."""
    if not n_missing:
        return []
    key = f"{features_key(source.block)}.missing"
    if not keep_missing:
        return [f"{source.path}: {n_missing:,} cells are missing and count as 0 ({key}: zero)."]
    share = 0 if observed is None else (~observed).mean()
    return [
        f"{source.path}: {n_missing:,} cells are missing, {share:.2%} of the values of the chosen "
        f"features; training means stand there ({key}: mean)."
    ]


def check_measured(
    source: Source,
    names: Sequence[str],
    best: BestRows,
    slots: list[int],
    trained: np.ndarray,
    rank_on: str,
) -> None:
    """Refuse chosen features that no training sample has: they have no mean, and no scale."""
    unseen = [
        name
        for name, slot in zip(names, slots, strict=True)
        if np.isnan(best.rows([slot])[0, trained]).all()
    ]
    if len(unseen) == len(names):
        raise InputError(
            f"{source.path}: no cell of a training sample has a value, expected numbers; give "
            "measured values"
        )
    if unseen:
        fewer = f"choose at most {len(names) - len(unseen)}"
        narrower = f"set {features_key(source.block)}.rank_on: train"
        advice = fewer if rank_on == "train" else narrower
        raise InputError(
            f"{source.path}: {len(unseen)} of the {len(names)} features to be chosen "
            f"({', '.join(unseen[:_SHOWN])}) have no value in any training sample; {advice}, or "
            "take them out of the file"
        )


class OfSamples(NamedTuple):
    """Columns of a file, by what they are for.

    Parameters
    ----------
    all
        Of each sample of the dataset; -1 where the file lacks it.
    trained, described, fitted
        Of the samples for the mean that fills gaps, for the statistics, and for the scaler.
    """

    all: np.ndarray
    trained: np.ndarray
    described: np.ndarray
    fitted: np.ndarray


def _scale_best(
    best: BestRows, slots: list[int], columns: OfSamples, method: str, keep_missing: bool
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray | None, int]:
    """Sort the samples, describe, scale and fill the genes, some at a time to save memory.

    Parameters
    ----------
    slots
        Of the chosen rows in `best`.
    keep_missing
        Whether the rows may have missing values (NaN).

    Returns
    -------
    tuple
        X (float32, samples x genes), var, what was measured (bool, as X; None if all was), and how
        many values were clipped.
    """
    X = np.empty((len(columns.all), len(slots)), np.float32)
    may_lack = keep_missing or (columns.all < 0).any()
    observed = np.ones(X.shape, bool) if may_lack else None
    described_blocks, n_clipped, n_constant = [], 0, 0
    for start in range(0, len(slots), _GENES_PER_BLOCK):
        some = slice(start, start + _GENES_PER_BLOCK)
        values = best.rows(slots[some])
        values_fitted = _columns(values, columns.fitted)
        offset, spread = fit_scaler(method, values_fitted)
        n_constant += np.count_nonzero(is_constant(values_fitted))
        scaled, n_outside = scale(method, _of_samples(values, columns.all), offset, spread)
        if may_lack and (missing := np.isnan(scaled)).any():
            mean = np.nanmean(_columns(values, columns.trained), axis=1)
            scaled = np.where(missing, ((mean - offset) / spread)[:, None], scaled)
            observed[:, some] = ~missing.T
        X[:, some] = scaled.T
        n_clipped += n_outside
        statistics = gene_statistics(_columns(values, columns.described))
        described_blocks.append(statistics.assign(offset=offset, scale=spread))
    if n_constant and method != "none":
        LOG.info("genes: %d of the chosen are constant and have scale 1", n_constant)
    if observed is not None and observed.all():
        observed = None
    return X, pd.concat(described_blocks, ignore_index=True), observed, n_clipped


def _of_samples(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the values of samples by their columns of the file; NaN for a column of -1."""
    if (columns >= 0).all():
        return _columns(values, columns)
    return np.where(columns >= 0, values[:, columns], np.nan)
