"""Genes behind features, and gene sets among them: against scipy's Fisher test and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, mannwhitneyu

from tybalt.analysis import gene_set_enrichment
from tybalt.analysis.gene_set_enrichment import (
    SET_COLUMNS,
    find_gene_sets,
    high_weights,
    known_sets,
    name_sets,
    over_represented,
    rank_test,
)
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


def known(sets, weights):
    return known_sets([("file", sets)], list(weights.index))


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
    table = over_represented(genes, list(weights.index), known({"SET": members}, weights))
    row = table[(table["feature"] == "z1") & (table["side"] == "positive")].iloc[0]
    assert row[["overlap", "side_genes", "set_genes", "background"]].tolist() == [5, 10, 20, 400]
    # in both, in the set only, among the high-weight genes only, in neither
    counts = [[5, 15], [5, 375]]
    assert row["p"] == pytest.approx(fisher_exact(counts, alternative="greater").pvalue)
    assert row["genes"] == "G5,G6,G7,G8,G9"


def test_q_counts_every_test_also_those_without_a_row(weights):
    genes = high_weights(weights)
    sets = {"HIT": [f"G{i}" for i in range(10)], "MISS": [f"G{i}" for i in range(300, 320)]}
    table = over_represented(genes, list(weights.index), known(sets, weights))
    best = table.iloc[0]
    tests = 2 * genes.groupby(["feature", "side"]).ngroups
    assert best["q"] == pytest.approx(min(1, best["p"] * tests))


def test_random_genes_hardly_ever_have_a_set():
    rng = np.random.default_rng(1)
    weights = pd.DataFrame(
        rng.normal(size=(1000, 60)), index=[f"G{i}" for i in range(1000)]
    ).rename(columns=lambda i: f"z{i}")
    sets = {f"S{i}": rng.choice(weights.index, 30, replace=False) for i in range(50)}
    found = known(sets, weights)
    table = over_represented(high_weights(weights), list(weights.index), found)
    assert (table["q"] <= 0.05).sum() <= 2  # of 6,000 tests
    assert (name_sets(table, weights, found)["named"] == "yes").sum() == 0


def test_ranks_without_correlation_are_those_of_mann_and_whitney(monkeypatch):
    monkeypatch.setattr(gene_set_enrichment, "INTER_GENE_CORRELATION", 0.0)
    rng = np.random.default_rng(2)
    weights = rng.integers(0, 40, size=(300, 3)).astype(float)  # with ties
    members = rng.choice(300, 20, replace=False)
    weights[members, 1] += 8
    (area,), (p,) = rank_test(weights, [members])
    others = np.setdiff1d(np.arange(300), members)
    for column in range(3):
        inside, outside = weights[members, column], weights[others, column]
        expected = mannwhitneyu(inside, outside, method="asymptotic", use_continuity=True)
        assert area[column] == pytest.approx(expected.statistic / (20 * 280))
        assert p[column] == pytest.approx(expected.pvalue)


def test_genes_that_move_together_give_the_variance_of_barry_and_others():
    """For normal weights of which two genes of the set correlate by rho: by simulation."""
    rng, rho, inside, outside = np.random.default_rng(3), 0.01, 30, 270
    shared = rng.normal(size=20_000)
    set_weights = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=(inside, 20_000))
    weights = np.vstack([set_weights, rng.normal(size=(outside, 20_000))])
    areas, p = rank_test(weights, [np.arange(inside)])
    variance = gene_set_enrichment._rank_sum_variance(inside, outside, rho)
    # The standard error of a variance of 20,000 draws is 1 %.
    assert np.var(areas[0] * inside * outside) == pytest.approx(variance, rel=0.04)
    assert (p[0] < 0.05).mean() == pytest.approx(0.05, abs=0.006)


def test_a_set_is_named_by_both_tests_or_not_at_all(weights):
    """FEW has three of the ten high genes of z1, and the rest of it is low: the ranks say no."""
    weights = weights.copy()
    weights.iloc[200:240, 0] = -0.5
    sets = {"ALL": [f"G{i}" for i in range(10)]}
    sets |= {"FEW": ["G0", "G1", "G2", *(f"G{i}" for i in range(200, 240))]}
    sets |= {"PAIR": ["G0", "G1"], "TWO": ["G0", "G1", "G300", "G301"]}
    found = known(sets, weights)
    assert [each.name for each in found] == ["ALL", "FEW", "TWO"]  # a pair is not asked for
    table = name_sets(
        over_represented(high_weights(weights), list(weights.index), found), weights, found
    ).set_index(["feature", "side", "gene_set"])
    assert table.loc[("z1", "positive", "ALL"), "named"] == "yes"
    assert table.loc[("z1", "positive", "ALL"), "other_features"] == 0
    assert table.loc[("z1", "positive", "FEW"), "named"] == "no"
    assert ("z1", "positive", "TWO") not in table.index  # two genes in both


def test_a_set_on_other_features_too_is_counted(weights):
    same = weights.assign(z3=-weights["z1"], z4=weights["z1"])
    found = known({"SET": [f"G{i}" for i in range(10)]}, same)
    table = name_sets(over_represented(high_weights(same), list(same.index), found), same, found)
    assert table[["feature", "side"]].apply(tuple, axis=1).tolist() == [
        ("z1", "positive"), ("z3", "negative"), ("z4", "positive"),
    ]  # fmt: skip
    assert table["other_features"].tolist() == [2, 2, 2]
    assert (table["rank_auroc"] > 0.99).all()


def test_one_gene_a_constant_feature_and_a_set_of_all_genes_name_nothing():
    one = pd.DataFrame({"z1": [1.0]}, index=["G0"])
    genes = high_weights(one)
    assert genes.empty and over_represented(genes, ["G0"], known({"A": ["G0"]}, one)).empty
    flat = pd.DataFrame({"z1": np.ones(50), "z2": np.arange(50.0)})
    area, p = rank_test(flat.to_numpy(), [np.arange(50), np.arange(10)])
    assert area[0].tolist() == [0.5, 0.5] and p[0].tolist() == [1, 1]
    assert (area[1, 0], p[1, 0]) == (0.5, 1) and p[1, 1] < 1e-5


def test_files_with_other_names_give_empty_tables(weights, tmp_path):
    gmt = tmp_path / "other.gmt"
    gmt.write_text("MOUSE\tsource\tTrp53\tKras\n")
    paths = [str(tmp_path / name) for name in ("w.tsv.gz", "genes.tsv", "sets.tsv")]
    write_table(weights.reset_index(), paths[0])
    find_gene_sets(paths[0], [str(gmt)], *paths[1:])
    assert list(read_table(paths[2])) == SET_COLUMNS and read_table(paths[2]).empty
    assert len(read_table(paths[1])) >= 15
