"""New samples in a trained model's code and embedding, with what speaks for and against it.

A code can be had from `model.zip` alone::

    from tybalt.training.bundle import load_bundle
    from tybalt.analysis.projection import encode_expression
    codes = encode_expression(load_bundle("model.zip"), expression)  # DataFrame, samples x genes

Values are those of the training data before scaling, log2(x + 1) for TCGA and wherever
``bundle.notes["transform"]`` says log2. `project_samples` also places the samples in the embedding
and says how far they can be trusted. A block of the model that the new samples lack altogether
counts as so many missing genes.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.analysis.classification import asked_labels, logistic_regression
from tybalt.analysis.embedding import PERPLEXITY
from tybalt.data.features import is_gene, mean_of_rows
from tybalt.data.preprocess import Source, join_rows
from tybalt.data.readers.raw_matrix import read_header, stream_blocks
from tybalt.data.readers.sanity import refuse_annotations
from tybalt.data.readers.text_lines import clean_name
from tybalt.data.samples import read_samples
from tybalt.data.tables.clinical import read_sample_ids
from tybalt.jobs.files import read_table, write_json, write_table
from tybalt.plan.errors import InputError, shown, some
from tybalt.plan.names import plural
from tybalt.training.bundle import Bundle, feature_table, load_bundle
from tybalt.training.metrics import mean_squared_error
from tybalt.training.rows import Rows, read_seen

log = logging.getLogger(__name__)

#: With fewer of the model's genes a code means nothing; below the second share there is a warning.
LEAST_GENES, MANY_GENES = 0.5, 0.95

#: Share of values outside of the training range that is refused, and that is worth a warning.
REFUSED_OUTSIDE, MUCH_OUTSIDE = 0.5, 0.05

#: Share of negative values that is refused where the training values have none. In z-scores about
#: half of the values are negative.
REFUSED_NEGATIVE = 0.05

#: A sample is far if its distance is larger than that of this share of the training cohort's
#: held-out samples; more far samples than the second share are worth a warning.
FAR, MANY_FAR = 0.99, 0.05

#: An error this many times that of held-out samples says that the new ones are of another make.
MUCH_ERROR = 1.5

#: A predicted label with a lower probability is unsure; a larger share of such samples than
#: the second is worth a warning.
SURE, MANY_UNSURE = 0.8, 0.1


def project_samples(
    expression: str | Sequence[str],
    model: str,
    matrix: str,
    samples: str,
    encoding: str,
    embedding: str,
    options: Mapping[str, Any],
    seed: int,
    projection: str,
    projected_encoding: str,
    diagnostics: str,
    threads: int,
) -> None:
    """Encode a new cohort with a trained model, place it in its embedding and evaluate the fit.

    Parameters
    ----------
    expression
        Genes x samples as text, on the scale of the training data before scaling; of several
        blocks a file for each, in the order of ``options["blocks"]``.
    model, matrix, samples, encoding, embedding
        ``model.zip`` of an experiment, the matrix and the samples it was trained on, their codes
        and their embedding.
    options
        ``blocks``: name -> how its file is read, as `tybalt.plan.projections.blocks_to_project`
        has it: ``duplicates``, ``missing``, ``transform`` and ``prefix``; ``rows``: all (samples
        that every file has) or any; ``target``: name of the experiment, for messages; ``roles`` of
        its dataset's columns.
    seed
        Of the embedding.
    projection
        Output table: sample, tsne_1, tsne_2, nearest_sample and nearest_label (the nearest
        training sample by code), distance to it, distance_rank (share of the training cohort's
        held-out samples that are nearer to their nearest training sample), far (yes or no),
        outside (share of the genes whose value lies outside the training range), mse (of the
        reconstruction, over what was measured of the genes found, scaled), predicted_label and
        confidence (logistic regression on the training codes; 0..1).
    projected_encoding
        Output table: sample, z1 ... zK.
    diagnostics
        Output JSON: what was found, what the missing genes cost, and warnings in words.

    Raises
    ------
    InputError
        If genes, samples or values cannot be those that the model knows.
    """
    bundle = load_bundle(model)
    values = read_blocks_of(expression, bundle.genes, options)
    found = bundle.genes.index.isin(values.columns)
    log.info("%d of the %d genes of %s were found", found.sum(), len(found), options["target"])
    X = scale_samples(bundle, values)
    measured = values.reindex(columns=bundle.genes.index[found]).notna().to_numpy()
    codes = bundle.model.encode(X)

    # Samples of which the model's blocks measured nothing have no code, and stand in no table.
    reference = read_table(encoding, index="sample")
    trained_on = read_samples(samples, options["roles"]).only(reference.index)
    rows = read_seen(matrix, bundle.blocks)
    is_train = trained_on.is_train
    known = bundle.unrotate(reference.to_numpy(dtype=np.float32))
    compared = ~is_train & has_some(rows, found)
    if not compared.any():
        raise InputError(
            f"no held-out sample that {options['target']} was trained beside has anything of "
            f"{', '.join(options['blocks'])}, so nothing says what these tell of a sample; give "
            "the files of other blocks too"
        )
    held_out = rows.only(compared)
    hidden = hide_genes(bundle, held_out.X, found)
    hidden_codes = bundle.model.encode(hidden)

    nearest, distance = nearest_samples(codes, known[is_train])
    _, usual = nearest_samples(hidden_codes, known[is_train])
    map_of_known = read_table(embedding, index="sample").loc[reference.index]
    positions = place_on_map(codes, known, map_of_known, seed, threads)
    labels = trained_on.label
    predicted, confidence, accuracy = predict_labels(
        codes, known, labels, is_train, compared, hidden_codes
    )
    outside = outside_range(values, bundle.genes)
    mse = mean_squared_error(X[:, found], bundle.model.reconstruct(X)[:, found], 1, measured)
    table = pd.DataFrame(
        {
            "sample": values.index,
            "tsne_1": positions[:, 0],
            "tsne_2": positions[:, 1],
            "nearest_sample": trained_on.index[is_train][nearest],
            "nearest_label": "" if labels is None else labels[is_train].iloc[nearest].to_numpy(),
            "distance": distance,
            "distance_rank": rank_among(distance, usual),
            "far": np.where(distance > np.quantile(usual, FAR), "yes", "no"),
            "outside": outside,
            "mse": mse,
            "predicted_label": predicted,
            "confidence": confidence,
        }
    )
    record = {
        "onto": options["target"],
        "samples": len(values),
        "genes_of_model": len(found),
        "genes_missing": int((~found).sum()),
        "missing_genes": list(bundle.genes.index[~found]),
        "missing_share": float(values.isna().to_numpy().mean()),
        "blocks": found_by_block(bundle.genes, found),
        "outside_share": float(outside.mean()),
        "mse": float(table["mse"].mean()),
        "held_out": cost_of_missing(bundle, held_out, hidden, found) | accuracy,
        "held_out_distances": np.quantile(usual, np.linspace(0, 1, 101)).tolist(),
        "far_share": float((table["far"] == "yes").mean()),
        "unsure_share": float((confidence < SURE).mean()) if predicted[0] else None,
    }
    record["warnings"] = find_warnings(record, trained_on.label_in_words)
    for line in record["warnings"]:
        log.warning("%s", line)
    write_table(table, projection)
    features = bundle.rotate(codes)
    write_table(feature_table(features, "sample", values.index), projected_encoding)
    write_json(record, diagnostics)


def encode_expression(bundle: Bundle, expression: pd.DataFrame) -> pd.DataFrame:
    """Encode samples that the model has not seen.

    Parameters
    ----------
    bundle
        From `tybalt.training.bundle.load_bundle`.
    expression
        Samples x genes, on the scale of the training data before scaling. Genes that the model
        does not know are ignored; missing ones, also all of a block, and missing values take the
        training mean.

    Returns
    -------
    pandas.DataFrame
        Samples x features.

    Raises
    ------
    InputError
        For anything but a table of numbers with names, each name once; if fewer than `LEAST_GENES`
        of the genes of a block are there, but some, or none at all; if values are on another scale.
    """
    if not isinstance(bundle, Bundle):
        raise InputError(
            f"bundle: found {type(bundle).__name__}, expected what load_bundle(path) gives"
        )
    expression = as_table(expression, bundle.genes)
    for block in check_genes(expression.columns, bundle.genes, "expression"):
        wanted = bundle.genes[bundle.genes["block"] == block]
        check_values(expression.fillna(wanted["mean"]), wanted, "expression")
    codes = bundle.rotate(bundle.model.encode(scale_samples(bundle, expression)))
    return feature_table(codes, "sample", expression.index).set_index("sample")


# Reading and checking


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
    sources, tables = [], []
    for (name, how), path in zip(options["blocks"].items(), paths, strict=True):
        wanted = genes[genes["block"] == name]
        table = read_expression(path, wanted.index, **how, of=words_of(name, genes))
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
    samples = read_sample_ids(header, "none", path)
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


# Scaling and evaluating


def scale_samples(bundle: Bundle, values: pd.DataFrame) -> np.ndarray:
    """Scale new samples as the training samples were; missing genes take their training mean.

    Returns
    -------
    array of shape (samples, genes of the model), float32
    """
    genes = bundle.genes
    raw = values.reindex(columns=genes.index).fillna(genes["mean"])
    scaled = (raw.to_numpy() - genes["offset"].to_numpy()) / genes["scale"].to_numpy()
    clipped = genes["block"].map(bundle.notes["scaling"]).eq("zero_one").to_numpy()
    return np.where(clipped, np.clip(scaled, 0, 1), scaled).astype(np.float32)


def hide_genes(bundle: Bundle, X: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Put the training mean in the place of the genes that were not found."""
    genes = bundle.genes
    typical = ((genes["mean"] - genes["offset"]) / genes["scale"]).to_numpy(dtype=np.float32)
    return np.where(found, X, typical)


def cost_of_missing(
    bundle: Bundle, held_out: Rows, hidden: np.ndarray, found: np.ndarray
) -> dict[str, float]:
    """Measure the error of held-out samples: whole, with genes hidden, and of the others then.

    Of each sample what was measured counts.
    """
    X, seen, reconstruct = held_out.X, held_out.observed, bundle.model.reconstruct
    given_back = reconstruct(hidden)
    whole = given_back if np.array_equal(X, hidden) else reconstruct(X)
    seen_found = None if seen is None else seen[:, found]
    return {
        "mse": float(mean_squared_error(X, whole, 1, seen).mean()),
        "mse_genes_hidden": float(mean_squared_error(X, given_back, 1, seen).mean()),
        "mse_genes_found": float(
            mean_squared_error(X[:, found], given_back[:, found], 1, seen_found).mean()
        ),
    }


def nearest_samples(codes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of, and Euclidean distance to, the nearest known code of every code."""
    from sklearn.neighbors import NearestNeighbors

    distance, position = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(codes)
    return position[:, 0], distance[:, 0].astype(np.float64)


def rank_among(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Share of the usual values that are smaller, 0..1."""
    return np.searchsorted(np.sort(usual), values) / len(usual)


def predict_labels(
    codes: np.ndarray,
    known: np.ndarray,
    labels: pd.Series | None,
    is_train: np.ndarray,
    compared: np.ndarray,
    hidden: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Predict labels by logistic regression on the standardised training codes.

    Labels with fewer than `classification.MINIMUM_PER_LABEL` training samples are never predicted.

    Parameters
    ----------
    codes, known
        Codes of the new and of all known samples.
    labels, is_train
        Of the known samples; None without labels.
    compared
        Which known samples say how good the predictions are.
    hidden
        Codes of these from the genes found alone.

    Returns
    -------
    tuple
        Predicted labels (empty texts without any), their probabilities (NaN), and the share of
        held-out samples whose label is found: `label_accuracy`, `label_accuracy_genes_hidden`.
    """
    nothing = np.full(len(codes), ""), np.full(len(codes), np.nan), {}
    if labels is None:
        return nothing
    asked = asked_labels(labels, is_train)
    if labels[is_train & asked].nunique() < 2:
        return nothing
    classifier = logistic_regression()
    classifier.fit(known[is_train & asked], labels[is_train & asked].to_numpy())
    probability = classifier.predict_proba(codes)
    predicted = classifier.classes_[probability.argmax(axis=1)]
    held_out = asked[compared]
    accuracy = {}
    if held_out.any():
        true = labels[compared].to_numpy()[held_out]
        whole = known[compared]
        accuracy = {
            "label_accuracy": float((classifier.predict(whole[held_out]) == true).mean()),
            "label_accuracy_genes_hidden": float(
                (classifier.predict(hidden[held_out]) == true).mean()
            ),
        }
    return predicted, probability.max(axis=1), accuracy


def place_on_map(
    codes: np.ndarray, known: np.ndarray, embedding: pd.DataFrame, seed: int, threads: int
) -> np.ndarray:
    """Place new codes on a t-SNE map without moving it, shape (samples, 2).

    Each new sample starts at the median of its 25 nearest neighbours and is then moved by the
    forces of the map alone, not of other new samples (Policar, Strazar and Zupan 2023, Mach.
    Learn. 112:721; `openTSNE.TSNEEmbedding.transform`). That function first moves the map so that
    its range is centred at 0, and answers there; the move is undone. A constant code has no map:
    all missing.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    positions = embedding[["tsne_1", "tsne_2"]].to_numpy()
    if np.isnan(positions).any():
        return np.full((len(codes), 2), np.nan)
    perplexity = min(PERPLEXITY, (len(known) - 1) / 3)
    affinities = PerplexityBasedNN(
        known.astype(np.float64), perplexity=perplexity, n_jobs=threads, random_state=seed
    )
    placed = TSNEEmbedding(
        positions, affinities, negative_gradient_method="bh", n_jobs=threads, random_state=seed
    )
    middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
    return np.asarray(placed.transform(codes.astype(np.float64), perplexity=5)) + middle


def find_warnings(record: dict[str, Any], label: str) -> list[str]:
    """Say in words what speaks against the projection."""
    lines = []
    held_out = record["held_out"]
    given = [block for block in record["blocks"].values() if block["missing"] < block["genes"]]
    found = 1 - sum(b["missing"] for b in given) / sum(b["genes"] for b in given)
    lines += [
        f"the block {name} is missing altogether, so codes rest on the other blocks alone"
        for name, block in record["blocks"].items()
        if block["missing"] == block["genes"]
    ]
    if record["genes_missing"]:
        more = held_out["mse_genes_hidden"] / held_out["mse"] - 1
        line = (
            f"{record['genes_missing']} of the model's {record['genes_of_model']} genes are "
            f"missing and take their training mean; hiding the same genes from held-out samples of "
            f"the training cohort raises their error by {more:.0%}"
        )
        if "label_accuracy" in held_out:
            line += (
                f" and changes the share of {plural(label)} found from "
                f"{held_out['label_accuracy']:.1%} to {held_out['label_accuracy_genes_hidden']:.1%}"
            )
        lines.append(line if found >= MANY_GENES else line + "; look for the genes' former names")
    if record["missing_share"]:
        lines.append(
            f"{record['missing_share']:.2%} of the values of the genes found are missing and take "
            "the training mean of their gene"
        )
    if record["outside_share"] > MUCH_OUTSIDE:
        lines.append(
            f"{record['outside_share']:.1%} of the values lie outside the training range of their "
            "gene: the units or the processing may differ"
        )
    times = record["mse"] / max(held_out["mse_genes_found"], 1e-12)
    if times > MUCH_ERROR:
        lines.append(
            f"the model reconstructs the samples with {times:.1f} times the error of held-out "
            "samples of the training cohort: they vary in ways that it has not learned, so codes, "
            f"places and predicted {plural(label)} mean little"
        )
    if record["far_share"] > MANY_FAR:
        lines.append(
            f"{record['far_share']:.0%} of the samples are farther from the nearest training "
            f"sample than {FAR:.0%} of the training cohort's held-out samples: the model may not "
            "know their kind, or the processing differs"
        )
    if (record["unsure_share"] or 0) > MANY_UNSURE:
        lines.append(
            f"{record['unsure_share']:.0%} of the predicted {plural(label)} have a probability "
            "below "
            f"{SURE}; one that the training cohort lacks is never predicted"
        )
    return lines
