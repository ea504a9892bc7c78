import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.data import features as genes_module
from tybalt.data.features import RANK_STATISTICS, select_genes
from tybalt.data.matrix import read_notes, read_obs, read_parts, read_values, read_var
from tybalt.data.preprocess import preprocess_expression
from tybalt.data.readers.best_rows import BestRows
from tybalt.plan.errors import InputError

N_SAMPLES = 40
SAMPLES = [f"TCGA-AA-{i:04d}-{'11' if i % 10 == 0 else '01'}" for i in range(N_SAMPLES)]
GENES = {"count": 6, "rank_by": "mean_absolute_deviation", "rank_on": "train", "duplicates": "drop"}
SCALING = {"method": "zero_one", "fit_on": "train"}
SPLIT = {"method": "stratified", "validation": 0.2, "test": 0.2}
PUBLISHED = {
    "genes": {**GENES, "rank_on": "all"},
    "scaling": {**SCALING, "fit_on": "all"},
    "split": {"method": "tybalt"},
}


def raw_rows(seed=0):
    """Rows of a raw matrix: name -> values; two '?' rows, C twice, D three times, one constant."""
    rng = np.random.default_rng(seed)
    names = ["?|1", "A|2", "?|3", "C", "B|4", "D|5", "C|6", "E", "D|7", "F", "G", "H", "D|8"]
    spreads = [9, 1, 9, 8, 3, 7, 8, 2, 7, 4, 5, 0, 7]
    rows = [
        (n, (6 + s * rng.uniform(-0.5, 0.5, N_SAMPLES)).round(3))
        for n, s in zip(names, spreads, strict=True)
    ]
    return [*rows, ("I", rows[7][1].copy())]  # a tie with E


SETTINGS = {
    "genes": GENES,
    "scaling": SCALING,
    "split": SPLIT,
    "clinical": {"columns": {"sample": "sample", "cancer_type": "type"}, "barcodes": "tcga"},
    "minimum_overlap": 0.5,
    "roles": {"group": "patient", "label": None, "strata": ["cancer_type", "sample_type"]},
}


def write_inputs(tmp_path, rows, samples=SAMPLES):
    expression, clinical = tmp_path / "HiSeqV2", tmp_path / "clinical.tsv"
    lines = [["sample", *samples], *([name, *(str(x) for x in row)] for name, row in rows)]
    expression.write_text("".join("\t".join(line) + "\n" for line in lines))
    types = [f"{s}\t{'BRCA' if i % 2 else 'LUAD'}\n" for i, s in enumerate(sorted(samples))]
    clinical.write_text("sample\ttype\n" + "".join(types))
    return {"expression": str(expression), "clinical": str(clinical)}


def run(tmp_path, rows=None, samples=SAMPLES, name="matrix.h5ad", **changes):
    arguments = {
        **write_inputs(tmp_path, raw_rows() if rows is None else rows, samples),
        "matrix": str(tmp_path / name),
        "samples": str(tmp_path / "samples.tsv"),
        "seed": 1,
        **{key: value for key, value in changes.items() if key not in SETTINGS},
    }
    settings = SETTINGS | {key: value for key, value in changes.items() if key in SETTINGS}
    block = {"features": {"missing": "zero", **settings["genes"]}, "scaling": settings["scaling"]}
    block |= {"transform": settings.get("transform", "none"), "prefix": ""}
    settings = {"blocks": {"expression": block}, "rows": "all", **settings}
    preprocess_expression(**arguments, settings=settings)
    return arguments["matrix"]


def plain_pandas(expression, count, duplicates="drop"):
    """Follow the published steps, ties by file order; return raw values (samples x genes)."""
    table = pd.read_csv(expression, sep="\t", index_col=0, float_precision="round_trip")
    table.index = [name.split("|")[0] for name in table.index]
    table.columns = table.columns.str[:15]
    table = table[table.index != "?"].fillna(0).sort_index(axis=1)
    if duplicates == "drop":
        table = table[~table.index.duplicated(keep=False)]
    elif duplicates == "first":
        table = table[~table.index.duplicated()]
    else:
        table = table.groupby(level=0, sort=False).mean()
    table = table.T
    deviation = (table - table.mean()).abs().mean()
    return table[deviation.sort_values(ascending=False, kind="stable").index[:count]]


def min_max(table):
    return (table - table.min()) / (table.max() - table.min())


# ---- cleaning and ranking ----------------------------------------------------------------------


@pytest.mark.parametrize("duplicates", ["drop", "first", "mean"])
def test_the_published_variant_equals_plain_pandas(tmp_path, duplicates):
    matrix = run(
        tmp_path, **{**PUBLISHED, "genes": {**PUBLISHED["genes"], "duplicates": duplicates}}
    )
    expected = plain_pandas(tmp_path / "HiSeqV2", 6, duplicates)
    assert list(read_var(matrix).index) == list(expected.columns)
    assert list(read_obs(matrix).index) == list(expected.index)
    np.testing.assert_allclose(read_values(matrix), min_max(expected), atol=1e-7)


def test_ties_are_broken_by_file_order(tmp_path):
    genes = list(read_var(run(tmp_path, **PUBLISHED)).index)
    assert genes.index("E") + 1 == genes.index("I")


@pytest.mark.parametrize("duplicates", ["drop", "first", "mean"])
@pytest.mark.parametrize("seed", range(3))
def test_one_pass_keeps_what_sorting_everything_keeps(tmp_path, monkeypatch, duplicates, seed):
    """Random files full of doubled genes, with too few spare rows for one pass."""
    monkeypatch.setattr(genes_module, "_SPARE_ROWS", 2)
    rng = np.random.default_rng(seed)
    names = [f"G{i}" for i in rng.integers(0, 60, 100)]
    rows = [(n, rng.normal(8, rng.uniform(0.1, 5), N_SAMPLES).round(3)) for n in names]
    inputs = write_inputs(tmp_path, rows)
    rank = RANK_STATISTICS["mean_absolute_deviation"]
    best = select_genes(inputs["expression"], SAMPLES, 8, rank, duplicates).best
    expected = plain_pandas(inputs["expression"], 8, duplicates)
    found, statistics, slots = best.ranked(8)
    assert found == list(expected.columns)
    assert list(statistics) == sorted(statistics, reverse=True)
    np.testing.assert_allclose(best.rows(slots), expected.T)


def test_best_rows_let_go_and_take_on():
    best = BestRows(2, 1)
    for position, (name, statistic) in enumerate([("a", 1), ("b", 3), ("c", 3), ("d", 0)]):
        best.offer(name, position, statistic, np.array([statistic]))
    assert best.ranked(2)[0] == ["b", "c"]
    assert best.remove("b") and not best.remove("a")
    best.offer("e", 4, 2, np.array([2]))
    names, statistics, slots = best.ranked(2)
    assert names == ["c", "e"] and list(statistics) == [3, 2]
    np.testing.assert_array_equal(best.rows(slots), [[3], [2]])


def test_variance_ranks_otherwise(tmp_path):
    few = np.where(np.arange(N_SAMPLES) == 0, 20.0, 0)  # far out in one sample only
    many = np.where(np.arange(N_SAMPLES) % 2, 1.0, 0)
    by = {}
    for rank_by in RANK_STATISTICS:
        genes = {**GENES, "count": 2, "rank_by": rank_by, "rank_on": "all"}
        matrix = run(
            tmp_path, [("few", few), ("many", many / 2), ("other", many * 2.2)], genes=genes
        )
        by[rank_by] = list(read_var(matrix).index)
    assert by == {"mean_absolute_deviation": ["other", "few"], "variance": ["few", "other"]}


# ---- scaling and splitting ---------------------------------------------------------------------


def test_genes_are_ranked_and_scaled_on_train_alone(tmp_path):
    obs = read_obs(run(tmp_path))
    train = (obs["split"] == "train").to_numpy()
    rows = [*raw_rows(), ("OUTSIDE", np.where(train, 0, 20.0)), ("INSIDE", np.where(train, 6.0, 6))]
    rows[-1][1][np.flatnonzero(train)[:10]] = 20
    matrix = run(tmp_path, rows)
    var = read_var(matrix)
    assert "OUTSIDE" not in var.index and var.index[0] == "INSIDE"
    raw = plain_pandas(tmp_path / "HiSeqV2", 99)[list(var.index)]
    fitted = raw[train]
    deviation = (fitted - fitted.mean()).abs().mean()
    for column, expected in {
        "rank_statistic": deviation,
        "mean_absolute_deviation": deviation,
        "mean": fitted.mean(),
        "sd": fitted.std(ddof=0),
        "minimum": fitted.min(),
        "maximum": fitted.max(),
        "zero_fraction": (fitted == 0).mean(),
        "offset": fitted.min(),
        "scale": fitted.max() - fitted.min(),
    }.items():
        np.testing.assert_allclose(var[column], expected, rtol=1e-12)
    scaled = (raw - fitted.min()) / (fitted.max() - fitted.min())
    np.testing.assert_allclose(read_values(matrix), scaled.clip(0, 1), atol=1e-7)
    outside = ((scaled < 0) | (scaled > 1)).to_numpy().mean()
    assert outside > 0 and read_notes(matrix)["clipped_share"] == pytest.approx(outside)
    values = read_parts(matrix)["train"]
    assert values.min() == 0 and values.max() == 1


def test_z_scores_have_mean_zero_and_deviation_one(tmp_path):
    matrix = run(tmp_path, scaling={"method": "z_score", "fit_on": "all"})
    X = read_values(matrix)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-6)
    var = read_var(matrix)
    raw = plain_pandas(tmp_path / "HiSeqV2", 99)[list(var.index)].to_numpy()
    np.testing.assert_allclose(
        X * var["scale"].to_numpy() + var["offset"].to_numpy(), raw, atol=1e-5
    )


@pytest.mark.parametrize("method", ["zero_one", "z_score"])
def test_a_constant_gene_has_scale_one(tmp_path, caplog, method):
    with caplog.at_level(logging.INFO):
        matrix = run(
            tmp_path, genes={**GENES, "count": 7}, scaling={"method": method, "fit_on": "train"}
        )
    var = read_var(matrix)
    assert var.index[-1] == "H" and var.loc["H", "scale"] == 1
    assert np.all(read_values(matrix)[:, -1] == 0)
    assert "1 of the chosen are constant and have scale 1" in caplog.text


def test_every_step_is_counted(tmp_path, caplog):
    rows = [*raw_rows(), ("J", ["NA", "", "nan", *[7.5] * (N_SAMPLES - 3)])]
    with caplog.at_level(logging.INFO):
        matrix = run(tmp_path, rows)
    counts = read_notes(matrix)["counts"]
    assert counts == {
        "rows": 15,
        "named_rows": 13,
        "distinct_genes": 10,
        "doubled_genes": 2,
        "genes": 8,
        "missing_cells": 3,
        "chosen_genes": 6,
        "samples": 40,
    }
    assert "8 after doubled ones are resolved (drop): C, D" in caplog.text
    assert "3 cells are missing and count as 0 (genes.missing: zero)" in caplog.text
    assert "40 of 40 samples have a clinical row" in caplog.text


def test_the_result_does_not_depend_on_file_order_threads_or_the_run(tmp_path):
    rows, order = raw_rows(), np.random.default_rng(1).permutation(N_SAMPLES)
    first = Path(run(tmp_path, rows)).read_bytes()
    shuffled = [(name, row[order]) for name, row in rows]
    again = run(tmp_path, shuffled, [SAMPLES[i] for i in order], name="again.h5ad", threads=3)
    assert Path(again).read_bytes() == first


# ---- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genes": {**GENES, "count": 100}}, "7 genes are left after cleaning.*genes.count is 100"),
        ({"genes": {**GENES, "rank_by": "varianc"}}, "genes.rank_by: .*did you mean 'variance'"),
        ({"genes": {**GENES, "rank_on": "test"}}, "genes.rank_on: .*allowed: all, train"),
        ({"genes": {**GENES, "duplicates": "last"}}, "genes.duplicates: .*drop, first, mean"),
        ({"scaling": {"method": "minmax", "fit_on": "all"}}, "scaling.method: .*zero_one"),
        ({"scaling": {"method": "zero_one", "fit_on": "al"}}, "scaling.fit_on: .*'all'"),
        (
            {"clinical": {"columns": {"sample": "type"}, "barcodes": "tcga"}},
            "no id of its column 'type'",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        run(tmp_path, **changes)
    assert not (tmp_path / "matrix.h5ad").exists()


def test_a_ragged_row_is_refused_before_anything_is_written(tmp_path):
    rows = raw_rows()
    rows[5] = (rows[5][0], rows[5][1][:-1])
    with pytest.raises(InputError, match=r"line 7 \(row 'D\|5'\): found 40 fields, expected 41"):
        run(tmp_path, rows)
    assert not (tmp_path / "matrix.h5ad").exists()


# ---- real data ---------------------------------------------------------------------------------


@pytest.mark.skipif("TYBALT_REAL_DATA" not in os.environ, reason="TYBALT_REAL_DATA is not set")
def test_real_data_equals_plain_pandas_gene_by_gene(tmp_path):
    folder = Path(os.environ["TYBALT_REAL_DATA"]) / "tcga"
    matrix = str(tmp_path / "matrix.h5ad")
    preprocess_expression(
        str(folder / "HiSeqV2_subset.gz"),
        str(folder / "clinical_subset.tsv"),
        matrix,
        str(tmp_path / "samples.tsv"),
        SETTINGS
        | {
            "blocks": {
                "expression": {
                    "features": {**PUBLISHED["genes"], "count": 5_000, "missing": "zero"},
                    "scaling": PUBLISHED["scaling"],
                    "transform": "none",
                    "prefix": "",
                }
            },
            "rows": "all",
            "split": PUBLISHED["split"],
            "clinical": {
                "columns": {"sample": "sample_id", "cancer_type": "acronym"},
                "barcodes": "tcga",
            },
        },
        seed=1,
        threads=2,
    )
    expected = plain_pandas(folder / "HiSeqV2_subset.gz", 5_000)
    assert list(read_var(matrix).index) == list(expected.columns)
    assert list(read_obs(matrix).index) == list(expected.index)
    np.testing.assert_array_equal(read_values(matrix), min_max(expected).astype("float32"))
    counts = read_notes(matrix)["counts"]
    assert (counts["rows"], counts["named_rows"], counts["genes"]) == (20_531, 20_502, 20_500)
