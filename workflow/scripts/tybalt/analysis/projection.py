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
from tybalt.analysis.missing_genes import (
    cost_of_missing,
    deal_missing,
    fill_missing,
    hide_and_fill,
    scale_samples,
)
from tybalt.analysis.new_samples import (
    as_table,
    check_genes,
    check_values,
    found_by_block,
    has_some,
    outside_range,
    read_blocks_of,
)
from tybalt.analysis.out_of_distribution import FALSE_ALARMS, find_far, limit_of_median, rank_among
from tybalt.analysis.projection_doubts import SURE, doubts_of_samples, find_warnings
from tybalt.data.samples import Samples, read_samples
from tybalt.data.tables.clinical import describe_samples
from tybalt.jobs.files import read_table, write_json, write_table
from tybalt.plan.errors import InputError
from tybalt.training.bundle import Bundle, feature_table, load_bundle
from tybalt.training.metrics import mean_squared_error
from tybalt.training.rows import read_seen

log = logging.getLogger(__name__)


def project_samples(
    expression: str | Sequence[str],
    clinical: Sequence[str],
    model: str,
    matrix: str,
    samples: str,
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
    clinical
        The clinical table of the new samples, in a list; an empty list if there is none.
    model, matrix, samples, embedding
        ``model.zip`` of an experiment, the matrix and the samples it was trained on, and the
        embedding of their codes.
    options
        ``blocks``: name -> how its file is read, as `tybalt.plan.projections.blocks_to_project`
        has it: ``duplicates``, ``missing``, ``transform`` and ``prefix``; ``rows``: all (samples
        that every file has) or any; ``clinical``: how the clinical table is read, as
        `tybalt.plan.projections.clinical_to_project` has it, or None; ``target``: name of the
        experiment, for messages; ``roles`` of its dataset's columns.
    seed
        Of the embedding and of draws.
    projection
        Output table. Of each sample: ``sample``; ``tsne_1`` and ``tsne_2``, its place in the
        embedding; ``nearest_sample`` and ``nearest_label``, the nearest training sample by code;
        ``distance`` to it, and ``distance_rank``, the share of the training cohort's held-out
        samples that are nearer to theirs; ``mse`` of the reconstruction, over what was measured of
        it, scaled, and ``error_rank`` among that of held-out samples; ``far`` (yes or no, see
        `tybalt.analysis.out_of_distribution.find_far`); ``outside``, the share of what was measured
        that lies outside the training range; ``filled``, the share of the model's genes that was
        not measured; ``predicted_label``, by a logistic regression on the training codes, empty
        where its probability ``confidence`` (0..1) is below `projection_doubts.SURE`; ``doubts`` in
        words. Then the columns of the clinical table, if there is one.
    projected_encoding
        Output table: sample, z1 ... zK.
    diagnostics
        Output JSON: what was found, what the missing genes and cells cost, the ranks of the cohort
        and their limits, and warnings in words.

    Raises
    ------
    InputError
        If genes, samples or values cannot be those that the model knows, or the clinical table
        cannot be theirs.
    """
    bundle = load_bundle(model)
    values = read_blocks_of(expression, bundle.genes, options)
    own = read_own_columns(clinical, values.index, options["clinical"])
    X, measured = scale_samples(bundle, values)
    found = measured.any(axis=0)
    log.info("%d of the %d genes of %s were found", found.sum(), len(found), options["target"])
    X = fill_missing(bundle, X, measured)

    # Samples of which the model's blocks measured nothing have no code, and stand in no table.
    rows = read_seen(matrix, bundle.blocks)
    trained_on = read_samples(samples, options["roles"]).only(rows.names)
    compared = ~trained_on.is_train & has_some(rows, found)
    if not compared.any():
        raise InputError(
            f"no held-out sample that {options['target']} was trained beside has anything of "
            f"{', '.join(options['blocks'])}, so nothing says what these tell of a sample; give "
            "the files of other blocks too"
        )
    held_out = rows.only(compared)
    left = deal_missing(measured, held_out, seed)
    hidden = hide_and_fill(bundle, held_out.X, left)

    # Samples are compared by codes; features, which are shown, are a rotation of them.
    codes, known, hidden_codes = (bundle.model.encode(each) for each in (X, rows.X, hidden))
    table, cohort, usual = compare_with_held_out(
        {"codes": codes, "mse": error_of(bundle, X, measured)},
        {"codes": hidden_codes, "mse": error_of(bundle, hidden, left)},
        known,
        trained_on,
        seed,
    )
    map_of_known = read_table(embedding, index="sample").loc[trained_on.index]
    positions = place_on_map(codes, known, map_of_known, seed, threads)
    labels = trained_on.label
    predicted, confidence, accuracy = predict_labels(
        codes, known, labels, trained_on.is_train, compared, hidden_codes
    )
    table.insert(0, "sample", values.index)
    table.insert(1, "tsne_1", positions[:, 0])
    table.insert(2, "tsne_2", positions[:, 1])
    table["outside"] = outside_range(values, bundle.genes)
    table["filled"] = 1 - measured.mean(axis=1)
    table["predicted_label"] = predicted
    table["confidence"] = confidence
    table["doubts"] = doubts_of_samples(
        (table["far"] == "yes").to_numpy(), confidence, table["filled"].to_numpy()
    )
    record = {
        "onto": options["target"],
        "samples": len(values),
        "genes_of_model": len(found),
        "genes_missing": int((~found).sum()),
        "missing_genes": list(bundle.genes.index[~found]),
        "missing_share": float((~measured[:, found]).mean()),
        "blocks": found_by_block(bundle.genes, found),
        "outside_share": float(table["outside"].mean()),
        "mse": float(table["mse"].mean()),
        "held_out": cost_of_missing(bundle, held_out, hidden, left) | accuracy,
        "held_out_samples": int(compared.sum()),
        "held_out_distances": percentiles(usual["distance"]),
        "held_out_errors": percentiles(usual["mse"]),
        "cohort": cohort,
        "far_share": float((table["far"] == "yes").mean()),
        "unsure_share": None if np.isnan(confidence).all() else float((confidence < SURE).mean()),
    }
    record["warnings"] = find_warnings(record, trained_on.label_in_words)
    for line in record["warnings"]:
        log.warning("%s", line)
    write_table(pd.concat([table, own.reset_index(drop=True)], axis=1), projection)
    write_table(feature_table(bundle.rotate(codes), "sample", values.index), projected_encoding)
    write_json(record, diagnostics)


def encode_expression(bundle: Bundle, expression: pd.DataFrame) -> pd.DataFrame:
    """Encode samples that the model has not seen.

    Parameters
    ----------
    bundle
        From `tybalt.training.bundle.load_bundle`.
    expression
        Samples x genes, on the scale of the training data before scaling. Genes that the model
        does not know are ignored; missing ones, also all of a block, and missing values take what
        the model reconstructs from the others (`tybalt.analysis.missing_genes.fill_missing`).

    Returns
    -------
    pandas.DataFrame
        Samples x features.

    Raises
    ------
    InputError
        For anything but a table of numbers with names, each name once; if fewer than
        `new_samples.LEAST_GENES` of the genes of a block are there, but some, or none at all; if
        values are on another scale.
    """
    if not isinstance(bundle, Bundle):
        raise InputError(
            f"bundle: found {type(bundle).__name__}, expected what load_bundle(path) gives"
        )
    expression = as_table(expression, bundle.genes)
    for block in check_genes(expression.columns, bundle.genes, "expression"):
        wanted = bundle.genes[bundle.genes["block"] == block]
        check_values(expression.fillna(wanted["mean"]), wanted, "expression")
    X = fill_missing(bundle, *scale_samples(bundle, expression))
    codes = bundle.rotate(bundle.model.encode(X))
    return feature_table(codes, "sample", expression.index).set_index("sample")


def read_own_columns(
    clinical: Sequence[str], samples: pd.Index, how: Mapping[str, Any] | None
) -> pd.DataFrame:
    """Read what the clinical table of new samples says of them; no columns without one.

    Parameters
    ----------
    how
        ``columns``, ``barcodes``, ``minimum_overlap``, ``roles``, as of
        `tybalt.data.tables.clinical.describe_samples`.

    Returns
    -------
    pandas.DataFrame
        The samples, in their order; the columns that `how` names, and the table's others behind
        their prefix.
    """
    if how is None:
        return pd.DataFrame(index=samples)
    described = describe_samples(list(samples), clinical[0], carry=True, **how)
    for line in described.caveats:
        log.warning("%s", line)
    return pd.concat([described.table, described.carried], axis=1)


# Comparing with held-out samples


def error_of(bundle: Bundle, X: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Mean squared error of each sample's reconstruction, over what was measured of it."""
    return mean_squared_error(X, bundle.model.reconstruct(X), 1, measured)


def compare_with_held_out(
    new: Mapping[str, np.ndarray],
    held_out: Mapping[str, np.ndarray],
    known: np.ndarray,
    trained_on: Samples,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, float], dict[str, np.ndarray]]:
    """Rank new samples among held-out ones, by distance to training samples and by error.

    Parameters
    ----------
    new, held_out
        ``codes`` and ``mse`` of each sample; held-out samples lack what new ones do, and are filled
        in as these are, so that like is compared with like.
    known, trained_on
        Codes of all samples the model was trained beside, and what is known of them.
    seed
        Of the draws.

    Returns
    -------
    tuple
        Of the new samples the columns nearest_sample ... far of `project_samples`; of the cohort
        the medians ``distance_rank`` and ``error_rank`` with ``..._limit``, which together
        `FALSE_ALARMS` of cohorts of known kinds exceed; and ``distance`` and ``mse`` of the
        held-out samples.
    """
    is_train = trained_on.is_train
    nearest, distance = nearest_samples(new["codes"], known[is_train])
    nearest_held_out, usual_distance = nearest_samples(held_out["codes"], known[is_train])
    labels = trained_on.label
    of_train = np.full(is_train.sum(), "") if labels is None else labels[is_train].fillna("")
    near, near_new = np.asarray(of_train)[nearest_held_out], np.asarray(of_train)[nearest]
    table = pd.DataFrame(
        {"nearest_sample": trained_on.index[is_train][nearest], "nearest_label": near_new}
    )
    cohort = {}
    pairs = {
        "distance": ("distance", distance, usual_distance),
        "error": ("mse", new["mse"], held_out["mse"]),
    }
    for number, (name, (column, values, usual)) in enumerate(pairs.items()):
        table[column], table[f"{name}_rank"] = values, rank_among(values, usual)
        cohort[f"{name}_rank"] = float(table[f"{name}_rank"].median())
        cohort[f"{name}_rank_limit"] = limit_of_median(
            rank_among(usual, usual), near, near_new, FALSE_ALARMS / len(pairs), seed + number
        )
    far = find_far([distance, new["mse"]], [usual_distance, held_out["mse"]])
    table["far"] = np.where(far, "yes", "no")
    return table, cohort, {"distance": usual_distance, "mse": held_out["mse"]}


def percentiles(values: np.ndarray) -> list[float]:
    """Return the minimum, the 99 percentiles and the maximum."""
    return np.quantile(values, np.linspace(0, 1, 101)).tolist()


def nearest_samples(codes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position of, and Euclidean distance to, the nearest known code of every code."""
    from sklearn.neighbors import NearestNeighbors

    distance, position = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(codes)
    return position[:, 0], distance[:, 0].astype(np.float64)


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
        Codes of these from what is left when they lack what the new samples lack.

    Returns
    -------
    tuple
        Predicted labels, empty where the probability is below `SURE`; the probability of the
        likeliest label (NaN if none can be predicted); and of held-out samples the share whose
        likeliest label is right, ``label_accuracy`` and ``label_accuracy_genes_hidden``, and from
        what is left the share that is given a label and how many of these are right,
        ``labels_given`` and ``labels_given_right`` (None if none is given).
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
    best = probability.max(axis=1)
    predicted = np.where(best >= SURE, classifier.classes_[probability.argmax(axis=1)], "")
    held_out = asked[compared]
    accuracy = {}
    if held_out.any():
        true = labels[compared].to_numpy()[held_out]
        right = classifier.predict(hidden[held_out]) == true
        sure = classifier.predict_proba(hidden[held_out]).max(axis=1) >= SURE
        accuracy = {
            "label_accuracy": float((classifier.predict(known[compared][held_out]) == true).mean()),
            "label_accuracy_genes_hidden": float(right.mean()),
            "labels_given": float(sure.mean()),
            "labels_given_right": float(right[sure].mean()) if sure.any() else None,
        }
    return predicted, best, accuracy


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
