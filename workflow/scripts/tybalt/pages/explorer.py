"""All embeddings of a dataset on one page that needs no server and no network: `explorer.html`.

The page draws with BokehJS, which is put inside; its own script is workflow/pages/explorer.js.
Values travel as base64 of whole numbers: 16 bits for coordinates and numeric clinical columns, 8
bits for features and genes, which is 1/255 of their range. What was not measured, and codes and
places of samples that a model does not see, are missing.
"""

import base64
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from tybalt.analysis.embedding_quality import embedding_name, planes, what_embeddings_keep
from tybalt.analysis.findings import Finding, read_findings
from tybalt.analysis.projected import read_projection
from tybalt.data.matrix import read_obs, read_observed, read_values, read_var
from tybalt.data.tables.clinical import CARRIED
from tybalt.figures.palette import NO_LABEL, SAFE_COLOURS, label_looks, labels_of
from tybalt.figures.style import GREY
from tybalt.jobs.files import read_table
from tybalt.pages.html import asset, render, script_data
from tybalt.pages.parts_seen import read_seen, read_weights, samples_seen
from tybalt.plan.names import experiment_name, in_words

log = logging.getLogger(__name__)

#: Genes that can be shown on the embeddings.
PANEL_GENES = 200

#: A page larger than this is slow to send and to open; features that do not fit are left out.
MAXIMUM_BYTES = 15_000_000

#: Text columns with more values than this (donors, say) have no colours.
MAXIMUM_LEVELS = 60

#: Genes named with a feature, of each sign.
NAMED_GENES = 8

#: Parts of BokehJS: the core, drawing on the graphics card, and the interface for scripts.
BOKEH_SCRIPTS = ("bokeh.min.js", "bokeh-gl.min.js", "bokeh-api.min.js")


def build_explorer(
    matrix: str,
    gene_embedding: str,
    embedding_quality: str,
    embeddings: Sequence[str],
    encodings: Sequence[str],
    gene_weights: Sequence[str],
    findings: Sequence[str],
    markers: str,
    colours: str,
    projections: Sequence[str],
    dataset: Mapping[str, Any],
    explorer: str,
) -> None:
    """Put every embedding of a dataset, and what is known of its samples, on one page.

    Parameters
    ----------
    matrix
        matrix.h5ad.
    gene_embedding
        Embedding of the samples by their genes.
    embedding_quality
        Output of `measure_embeddings`: what each embedding preserves of the samples' neighbours.
    embeddings, encodings, gene_weights, findings
        Files of every experiment.
    markers
        Table with the column `gene`: genes that the panel takes first.
    colours
        Table of colours with columns acronym and color.
    projections
        Tables of new samples (`tybalt.analysis.projection.project_samples`), cohort by cohort.
    dataset
        ``name`` of the dataset; ``experiments``, the (model, tuner) of every experiment, in the
        order of its files; ``projected``, the (name, model, tuner) of every cohort of new samples,
        likewise; and the ``label``: the column that is offered first, or None.
    explorer
        Output, an HTML page of at most `MAXIMUM_BYTES`.

    Raises
    ------
    InputError
        If the files of an experiment have other samples or genes than the matrix.
    """
    obs, var = read_obs(matrix), read_var(matrix)
    experiments = dataset["experiments"]
    names = [experiment_name(*experiment) for experiment in experiments]
    kept = what_embeddings_keep(embedding_quality)
    observed = read_observed(matrix)
    weights = [read_weights(path, var.index) for path in gene_weights]
    seen = [samples_seen(obs.index, var.index, observed, weight) for weight in weights]
    codes = [read_seen(path, obs.index, mine) for path, mine in zip(encodings, seen, strict=True)]
    of_models = [read_findings(path) for path in findings]
    wanted = read_table(markers)["gene"].tolist()
    leading = [[found.feature for found in findings if found.confirmed] for findings in of_models]
    panel = choose_panel(var.index, wanted, weights, leading)
    chosen = sorted(var.index.get_indexer(panel))
    values = read_values(matrix)[:, chosen]
    if observed is not None:
        values = np.where(observed[:, chosen], values, np.nan)
    columns = pack_columns(obs, dataset["label"], colours)
    record = {
        "title": dataset["name"],
        "samples": "\n".join(obs.index),
        "columns": columns,
        "maps": pack_maps(gene_embedding, "genes", obs.index, obs.index, kept),
        "blocks": [pack_block("genes", var.index[chosen], values)],
        "omitted": [],
        "layers": [
            pack_layer(path, new, "/".join(experiment), dataset["label"], columns, colours)
            for path, (new, *experiment) in zip(projections, dataset["projected"], strict=True)
        ],
    }
    for experiment, path, mine in zip(experiments, embeddings, seen, strict=True):
        record["maps"] += pack_maps(path, "/".join(experiment), obs.index, mine, kept)
    scripts = [bokeh_script(name) for name in BOKEH_SCRIPTS]
    room = MAXIMUM_BYTES - len(make_page(record, scripts).encode())
    for name, code, weight, findings in zip(names, codes, weights, of_models, strict=True):
        block = pack_block(f"features of {name}", code.columns, code.to_numpy())
        block["notes"] = describe_features(weight, findings)
        size = len(script_data(block)) + 1
        if size > room:
            record["omitted"].append(name)
            log.warning("the page would exceed %d bytes: no features of %s", MAXIMUM_BYTES, name)
            continue
        room -= size
        record["blocks"].append(block)
    page = make_page(record, scripts).encode()
    Path(explorer).write_bytes(page)
    log.info("%d embeddings of %d samples, %.1f MB", len(record["maps"]), len(obs), len(page) / 1e6)


def make_page(record: Mapping[str, Any], scripts: Sequence[str]) -> str:
    """Fill in the page's template."""
    return render(
        "explorer.html",
        title=record["title"],
        data=script_data(record),
        style=asset("explorer.css"),
        script=asset("explorer.js"),
        libraries=scripts,
    )


def bokeh_script(name: str) -> Any:
    """Read one of the scripts that come with the Python package Bokeh."""
    from bokeh.util.paths import bokehjs_path
    from markupsafe import Markup

    text = bokehjs_path().joinpath("js", name).read_text(encoding="utf-8")
    return Markup(text.replace("</script", "<\\/script"))


# Packing


def quantise(values: np.ndarray, kind: type[np.unsignedinteger]) -> tuple[np.ndarray, float, float]:
    """Write numbers as whole numbers over their range.

    Parameters
    ----------
    values
        Any shape; not-a-number is missing.
    kind
        numpy.uint8 or numpy.uint16; its largest number stands for a missing value where there is
        one.

    Returns
    -------
    tuple
        The whole numbers q, and `low` and `high`: value = low + (high - low) * q / steps, where
        steps is the largest number of the kind, less one where a value is missing.
    """
    missing = ~np.isfinite(values)
    largest = np.iinfo(kind).max
    steps = largest - 1 if missing.any() else largest
    if missing.all():
        return np.full(values.shape, largest, kind), 0.0, 0.0
    low, high = float(values[~missing].min()), float(values[~missing].max())
    span = high - low or 1.0
    whole = np.rint((np.where(missing, low, values).astype(np.float64) - low) / span * steps)
    return np.where(missing, largest, whole).astype(kind), low, high


def pack_numbers(values: np.ndarray, kind: type[np.unsignedinteger]) -> dict[str, Any]:
    """Pack numbers for the page; see `quantise`."""
    whole, low, high = quantise(values, kind)
    missing = bool((~np.isfinite(values)).any())
    return {"low": low, "high": high, "missing": missing, "values": encode(whole)}


def encode(whole: np.ndarray) -> str:
    """Write whole numbers as base64, lowest byte first, row by row."""
    return base64.b64encode(whole.astype(whole.dtype.newbyteorder("<")).tobytes()).decode()


def pack_block(name: str, names: Iterable[str], values: np.ndarray) -> dict[str, Any]:
    """Pack features or genes, each over its own range.

    Parameters
    ----------
    names
        Of the columns.
    values
        Samples x columns; NaN where a value is missing, which `missing` says of each column.
    """
    packed = [quantise(column, np.uint8) for column in values.T]
    return {
        "name": name,
        "names": list(names),
        "low": [round(low, 4) for _, low, _ in packed],
        "high": [round(high, 4) for _, _, high in packed],
        "missing": np.isnan(values).any(axis=0).tolist(),
        "values": encode(np.concatenate([whole for whole, _, _ in packed])),
        "notes": {},
    }


def pack_maps(
    path: str, of: str, samples: pd.Index, seen: pd.Index, kept: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Pack the planes of an embedding table; a constant code has none.

    Samples that are not among those seen have no place.
    """
    return [
        {
            "name": (name := embedding_name(of, kind)),
            "note": kept[name],
            "x": pack_numbers(plane[:, 0], np.uint16),
            "y": pack_numbers(plane[:, 1], np.uint16),
        }
        for kind, plane in planes(read_seen(path, samples, seen)).items()
        if np.isfinite(plane[samples.isin(seen)]).all()
    ]


def pack_layer(
    path: str,
    name: str,
    experiment: str,
    label: str | None,
    columns: Sequence[Mapping[str, Any]],
    colours: str,
) -> dict[str, Any]:
    """Pack new samples, which have a place in the t-SNE of one experiment's codes.

    Their columns are their own and then what the projection says of them; the label is called
    predicted, since nobody has measured it, and has the colours that it has in `columns`, those
    of the samples that the model knows.
    """
    ours, own = read_projection(path)
    own = own.rename(columns=lambda column: column.removeprefix(CARRIED))
    said = ours[["far", "distance_rank", "error_rank", "mse"]]
    predicted = pd.DataFrame(index=ours.index)
    if label is not None:
        predicted[f"predicted {in_words(label)}"] = ours["predicted_label"].fillna("not sure")
    return {
        "name": name,
        "map": embedding_name(experiment, "tsne"),
        "samples": "\n".join(ours.index),
        "x": pack_numbers(ours["tsne_1"].to_numpy(), np.uint16),
        "y": pack_numbers(ours["tsne_2"].to_numpy(), np.uint16),
        "doubts": ours["doubts"].fillna("").tolist(),
        "columns": [
            *pack_columns(own, None, colours, fewest=1),
            *coloured_as(columns, label, pack_columns(predicted, None, colours, fewest=1)),
            *pack_columns(said, None, colours, fewest=1),
        ],
    }


def coloured_as(
    known: Sequence[Mapping[str, Any]], name: str | None, packed: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Give the values of packed columns the colours that they have in the column of this name."""
    looks = {
        level: colour
        for column in known
        if column["name"] == name and column["kind"] == "text"
        for level, colour in zip(column["levels"], column["colours"], strict=True)
    }
    return [
        {**column, "colours": [looks.get(level, GREY) for level in column["levels"]]}
        for column in packed
    ]


def pack_columns(
    obs: pd.DataFrame, label: str | None, colours: str, fewest: int = 2
) -> list[dict[str, Any]]:
    """Pack the columns that can be shown in colour, the label first.

    A text column has at least `fewest` and at most `MAXIMUM_LEVELS` different values.
    """
    packed = []
    for name in sorted(obs, key=lambda name: (name != label, list(obs).index(name))):
        column = obs[name]
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=np.float64)
            if np.isfinite(values).any():
                packed.append({"name": name, "kind": "number", **pack_numbers(values, np.uint16)})
        elif fewest <= labels_of(obs, name, "").nunique() <= MAXIMUM_LEVELS:
            packed.append(
                {"name": name, "kind": "text", **pack_labels(obs, name, name == label, colours)}
            )
    return packed


def pack_labels(obs: pd.DataFrame, name: str, is_label: bool, colours: str) -> dict[str, Any]:
    """Pack a text column: its values, the most frequent first, with their colours."""
    missing = NO_LABEL if is_label else "not known"
    labels = labels_of(obs, name, missing)
    counts = labels[labels != missing].value_counts()
    levels = sorted(counts.index, key=lambda level: (-counts[level], level))
    shades = level_colours(is_label, levels, colours)
    if (labels == missing).any():
        levels, shades = [*levels, missing], [*shades, GREY]
    whole = np.array([levels.index(label) for label in labels], np.uint8)
    return {"levels": levels, "colours": shades, "values": encode(whole)}


def level_colours(is_label: bool, levels: Sequence[str], colours: str) -> list[str]:
    """Choose a colour for each value: a label's own, colours safe to tell apart else."""
    if is_label:
        looks = label_looks(levels, colours)
        return [looks[level].colour for level in levels]
    shades = further_colours(len(levels))
    return [shades[i % len(shades)] for i in range(len(levels))]


def further_colours(count: int) -> list[str]:
    """Return `SAFE_COLOURS` and, beyond them, Bokeh's, each time the one least like those taken."""
    from bokeh.palettes import Category20_20, Category20b_20

    taken = list(SAFE_COLOURS)
    pool = {colour: np.array(to_rgb(colour)) for colour in (*Category20_20, *Category20b_20)}
    while len(taken) < count and pool:
        rgb = np.array([to_rgb(colour) for colour in taken])
        best = max(pool, key=lambda colour: np.linalg.norm(rgb - pool[colour], axis=1).min())
        del pool[best]
        taken.append(best)
    return taken


# What to show of the genes and features


def choose_panel(
    genes: pd.Index,
    markers: Sequence[str],
    weights: Sequence[pd.DataFrame],
    leading: Sequence[Sequence[str]],
) -> list[str]:
    """Choose at most `PANEL_GENES` genes.

    The first half is for markers; then come the strongest genes of the features that answer a
    contrast, experiment by experiment; then the most variable ones.

    Parameters
    ----------
    genes
        Genes of the matrix, the most variable first.
    weights
        Genes x features, of every experiment.
    leading
        Features that answer a contrast, of every experiment.
    """
    panel = [gene for gene in dict.fromkeys(markers) if gene in genes][: PANEL_GENES // 2]
    for weight, features in zip(weights, leading, strict=True):
        for feature in features:
            panel += strongest(weight[feature], NAMED_GENES)
    return list(dict.fromkeys([*panel, *genes]))[:PANEL_GENES]


def strongest(weight: pd.Series, count: int) -> list[str]:
    """Name the genes of the largest absolute weight."""
    order = np.argsort(-np.abs(weight.to_numpy()), kind="stable")
    return list(weight.index[order[:count]])


def describe_features(weights: pd.DataFrame, of_models: Iterable[Finding]) -> dict[str, str]:
    """Say of every feature which genes it raises and lowers, and which contrasts it of_models."""
    notes = {}
    for feature in weights:
        weight = weights[feature].sort_values(kind="stable")
        parts = [
            f"Its weights raise {', '.join(weight.index[::-1][:NAMED_GENES])}.",
            f"They lower {', '.join(weight.index[:NAMED_GENES])}.",
        ]
        parts += [
            f"Chosen for {found.contrast} on training samples, {found.outcome}: {found.measure} "
            f"{found.test:.2f} on {found.evaluated_on} samples"
            + (f"; gene set {found.gene_set}" if found.gene_set else "")
            + (f" (also in {found.gene_set_others:.0f} other features)." if found.gene_set else ".")
            for found in of_models
            if found.feature == feature
        ]
        notes[feature] = " ".join(parts)
    return notes
