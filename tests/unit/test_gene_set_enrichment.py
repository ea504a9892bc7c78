"""Genes behind features, and gene sets among them: against scipy's Fisher test and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from tybalt.analysis.gene_set_enrichment import find_gene_sets, high_weights, over_represented
from tybalt.jobs.files import read_table, write_table


@pytest.fixture
def weights():
    """Two features of 400 genes; of z1 the first ten genes are high and the next five low."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        0.1 * rng.normal(size=(400, 2)),
        index=pd.Index([f"G{i}" for i in range(400)], name="gene"),
        columns=["z1", "z2"],
    )
    table.iloc[:10, 0] = np.linspace(2, 1.5, 10)
    table.iloc[10:15, 0] = -2
    return table


def test_high_weight_genes_lie_beyond_two_and_a_half_deviations_on_each_side(weights):
    table = high_weights(weights)
    z1 = table[table["feature"] == "z1"]
    assert z1[z1["side"] == "positive"]["gene"].tolist() == [f"G{i}" for i in range(10)]
    assert set(z1[z1["side"] == "negative"]["gene"]) == {f"G{i}" for i in range(10, 15)}
    column = weights["z1"]
    expected = (column["G0"] - column.mean()) / column.std(ddof=0)
    assert z1["deviations"].iloc[0] == pytest.approx(expected)
    z2 = weights["z2"]
    outside = ((z2 - z2.mean()).abs() > 2.5 * z2.std(ddof=0)).sum()
    assert (table["feature"] == "z2").sum() == outside


def test_a_constant_feature_has_no_high_weight_genes(weights):
    assert "z3" not in set(high_weights(weights.assign(z3=1.0))["feature"])


def test_p_is_that_of_fishers_test_with_the_matrix_as_background(weights):
    genes = high_weights(weights)
    members = [f"G{i}" for i in range(5, 25)] + ["NOT_IN_THE_MATRIX"]
    table = over_represented(genes, list(weights.index), [("file", {"SET": members})])
    row = table[(table["feature"] == "z1") & (table["side"] == "positive")].iloc[0]
    assert row[["overlap", "side_genes", "set_genes", "background"]].tolist() == [5, 10, 20, 400]
    # in both, in the set only, among the high-weight genes only, in neither
    counts = [[5, 15], [5, 375]]
    assert row["p"] == pytest.approx(fisher_exact(counts, alternative="greater").pvalue)
    assert row["genes"] == "G5,G6,G7,G8,G9"


def test_q_counts_every_test_also_those_without_a_row(weights):
    genes = high_weights(weights)
    sets = {"HIT": [f"G{i}" for i in range(10)], "MISS": [f"G{i}" for i in range(300, 320)]}
    table = over_represented(genes, list(weights.index), [("file", sets)])
    best = table.iloc[0]
    tests = 2 * genes.groupby(["feature", "side"]).ngroups
    assert best["q"] == pytest.approx(min(1, best["p"] * tests))


def test_random_genes_hardly_ever_have_a_set():
    rng = np.random.default_rng(1)
    weights = pd.DataFrame(
        rng.normal(size=(1000, 60)), index=[f"G{i}" for i in range(1000)]
    ).rename(columns=lambda i: f"z{i}")
    sets = {f"S{i}": rng.choice(weights.index, 30, replace=False) for i in range(50)}
    table = over_represented(high_weights(weights), list(weights.index), [("file", sets)])
    assert (table["q"] <= 0.05).sum() <= 2  # of 6,000 tests


def test_files_with_other_names_give_empty_tables(weights, tmp_path):
    gmt = tmp_path / "other.gmt"
    gmt.write_text("MOUSE\tsource\tTrp53\tKras\n")
    paths = [str(tmp_path / name) for name in ("w.tsv.gz", "genes.tsv", "sets.tsv")]
    write_table(weights.reset_index(), paths[0])
    find_gene_sets(paths[0], [str(gmt)], *paths[1:])
    assert read_table(paths[2]).empty
    assert len(read_table(paths[1])) >= 15
