"""Tables that can be read but are wrong: refused, mended or told of, never used in silence."""

import numpy as np
import pandas as pd
import pytest

from tybalt.data.matrix import read_features, read_notes, read_obs, read_values, read_var
from tybalt.data.preprocess import preprocess_expression
from tybalt.data.readers.sanity import is_annotation, name_caveats
from tybalt.data.samples import read_samples
from tybalt.plan.errors import InputError

N_SAMPLES, N_GENES = 60, 80
SAMPLES = [f"S{i:03}" for i in range(N_SAMPLES)]
GENES = [f"GENE{i}" for i in range(N_GENES)]
ROLES = {"group": "patient", "label": "cancer_type", "strata": ["cancer_type"]}


def values_of(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.uniform(0, 16, (N_GENES, N_SAMPLES)).round(3), GENES, SAMPLES)


def clinical_of(samples=SAMPLES):
    types = ["BRCA" if i % 2 else "LUAD" for i in range(len(samples))]
    return pd.DataFrame({"id": samples, "type": types, "note": [f"n{s}" for s in samples]})


def run(folder, values, clinical=None, barcodes="none", rows=None, **changes):
    """Preprocess a table; return the path of the matrix."""
    text = values.rename_axis("gene").to_csv(sep="\t", na_rep="NA") if rows is None else rows
    (folder / "expression.tsv").write_text(text)
    table = clinical_of() if clinical is None else clinical
    table.to_csv(folder / "clinical.tsv", sep="\t", index=False)
    features = {
        "count": changes.pop("count", 30), "rank_by": "mean_absolute_deviation",
        "rank_on": "train", "duplicates": changes.pop("duplicates", "drop"),
        "missing": changes.pop("missing", "mean"),
    }  # fmt: skip
    scaling = {"method": changes.pop("method", "zero_one"), "fit_on": "train"}
    block = {"features": features, "scaling": scaling, "prefix": ""}
    settings = {
        "blocks": {"expression": block | {"transform": changes.pop("transform", "none")}},
        "rows": "all",
        "split": {"method": "stratified", "validation": 0.2, "test": 0.2},
        "clinical": {
            "columns": changes.pop("columns", {"sample": "id", "cancer_type": "type"}),
            "barcodes": barcodes, "carry": True,
        },
        "minimum_overlap": 0.5,
        "roles": changes.pop("roles", ROLES),
    }  # fmt: skip
    matrix = str(folder / "matrix.h5ad")
    preprocess_expression(
        str(folder / "expression.tsv"), str(folder / "clinical.tsv"), matrix,
        str(folder / "samples.tsv"), settings, 1,
    )  # fmt: skip
    assert not changes
    return matrix


def caveats_of(matrix):
    return list(read_notes(matrix).get("caveats", []))


def test_a_right_table_has_no_caveats(tmp_path):
    matrix = run(tmp_path, values_of())
    assert caveats_of(matrix) == []
    assert "carried:note" not in read_obs(matrix)
    samples = read_samples(str(tmp_path / "samples.tsv"), {"group": "patient"})
    assert list(samples.table) == ["patient", "cancer_type", "split"]
    assert list(samples.carried["note"]) == [f"n{s}" for s in SAMPLES]


@pytest.mark.parametrize(
    "name",
    ["Entrez_Gene_Id", "Length", "Chr", "gene_name", "Hugo_Symbol", "Description", "Unnamed: 0"],
)
def test_a_column_that_describes_genes_is_refused(tmp_path, name):
    values = values_of()
    values.insert(0, name, 100.0 + 977 * np.arange(N_GENES))
    with pytest.raises(InputError, match=f"{name}.* describe genes and are no samples"):
        run(tmp_path, values)
    assert not (tmp_path / "matrix.h5ad").exists()


def test_a_sample_of_that_name_with_a_clinical_row_is_one(tmp_path):
    names = [*SAMPLES[:-1], "length"]
    values = values_of().set_axis(names, axis=1)
    assert "length" in read_obs(run(tmp_path, values, clinical_of(names))).index


def test_a_column_whose_values_dwarf_the_rest_is_refused(tmp_path):
    values = values_of()
    values.insert(3, "my_number", 100.0 + 977 * np.arange(N_GENES))
    with pytest.raises(InputError, match="my_number.* of another kind"):
        run(tmp_path, values)


def test_a_sample_of_another_scale_is_refused(tmp_path):
    values = values_of()
    values["S007"] = (2 ** values["S007"]).round()
    with pytest.raises(InputError, match=r"column S007 has values of another kind \(typically"):
        run(tmp_path, values)


def test_a_sample_without_any_signal_is_told(tmp_path):
    values = values_of()
    values["S007"] = 7.0
    assert "1 samples have one and the same value" in caveats_of(run(tmp_path, values))[0]


def test_samples_in_other_units_are_told(tmp_path):
    values = values_of()
    values[SAMPLES[:5]] /= 10
    told = caveats_of(run(tmp_path, values))
    assert len(told) == 1 and "5 samples have much smaller values than most (S000" in told[0]
    counts = (2 ** values_of()).round()
    counts["S003"] = values_of()["S003"]
    assert "1 samples have much smaller" in caveats_of(run(tmp_path, counts, transform="log2"))[0]


def test_a_part_that_is_transposed_is_told(tmp_path):
    values = values_of().rename(index={"GENE5": "S001", "GENE6": "S002", "GENE7": "S003"})
    told = caveats_of(run(tmp_path, values))
    assert len(told) == 1 and "3 rows are called as samples are (S001, S002, S003)" in told[0]


def test_a_split_that_groups_upset_is_told(tmp_path):
    """One donor with three quarters of the samples cannot be held out."""
    clinical = clinical_of().assign(donor=["D"] * 45 + [f"d{i}" for i in range(15)])
    roles = {"group": "donor", "label": "cancer_type", "strata": []}
    columns = {"sample": "id", "cancer_type": "type", "donor": "donor"}
    told = caveats_of(run(tmp_path, values_of(), clinical, roles=roles, columns=columns))
    assert any("The test part has" in line and "split.test asks for 20.0%" in line for line in told)


def test_events_and_copy_numbers_are_what_they_are(tmp_path):
    """Samples without an event, alike ones and those of many events are no mistakes."""
    rng = np.random.default_rng(3)
    events = pd.DataFrame((rng.random((N_GENES, N_SAMPLES)) < 0.06).astype(int), GENES, SAMPLES)
    matrix = run(tmp_path, events, method="none")
    assert len(read_obs(matrix)) == N_SAMPLES and not caveats_of(matrix)
    segments = np.repeat(rng.choice([-2, -1, 1, 1, 2], (N_GENES // 8, N_SAMPLES)), 8, axis=0)
    calls = pd.DataFrame(np.where(rng.random(N_SAMPLES) < 0.65, 0, segments), GENES, SAMPLES)
    matrix = run(tmp_path, calls, method="none")
    assert len(read_obs(matrix)) == N_SAMPLES and not caveats_of(matrix)


def test_of_copies_the_one_with_labels_stays(tmp_path):
    values = values_of()
    values.insert(0, "AAA_copy", values["S000"])
    matrix = run(tmp_path, values)
    assert list(read_obs(matrix).index) == SAMPLES
    assert "AAA_copy of S000" in caveats_of(matrix)[-1]


def test_many_copies_are_left_out_and_contradictions_named(tmp_path):
    values = pd.concat([values_of().iloc[:, :15]] * 4, axis=1).set_axis(SAMPLES, axis=1)
    clinical = clinical_of().assign(type=["BRCA", "LUAD", "SKCM"] * 20)
    clinical.loc[15, "type"] = "LUAD"
    matrix = run(tmp_path, values, clinical)
    assert list(read_obs(matrix).index) == SAMPLES[:15]
    assert "45 samples have the values of another one" in caveats_of(matrix)[-1]
    assert (
        "The labels of 1 contradict those of the sample that stays: S015."
        in (caveats_of(matrix)[-1])
    )


def test_genes_that_stand_in_many_rows_are_told_where_they_are_dropped(tmp_path):
    values = values_of()
    both = pd.concat([values, values.iloc[:10] + 1])
    told = caveats_of(run(tmp_path, both))
    assert "10 of 80 genes stand in several rows and were dropped (GENE0" in told[0]
    assert not caveats_of(run(tmp_path, both, duplicates="mean"))


def test_a_sample_without_clinical_row_stays_and_is_told(tmp_path):
    matrix = run(tmp_path, values_of(), clinical_of().iloc[:-1])
    assert len(read_obs(matrix)) == N_SAMPLES
    assert caveats_of(matrix)[0].endswith(
        "59 of 60 samples of the expression matrix have a row (not: S059); the others have no "
        "labels."
    )


def test_copies_are_left_out_and_the_rest_is_as_without_them(tmp_path):
    values = values_of()
    copies = values.iloc[:, :20].add_suffix(".1")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_copies = run(tmp_path / "a", pd.concat([values, copies], axis=1))
    without = run(tmp_path / "b", values)
    assert list(read_obs(with_copies).index) == SAMPLES
    np.testing.assert_array_equal(read_values(with_copies), read_values(without))
    told = caveats_of(with_copies)[-1]
    assert "20 samples have the values of another one and were left out: S000.1 of S000" in told


def test_summary_rows_and_rows_without_a_gene_are_dropped(tmp_path):
    values = values_of()
    odd = ["__no_feature", "__ambiguous", "N_unmapped", "N_multimapping", "---", "?", "NA", "NA"]
    large = pd.DataFrame(np.arange(8 * N_SAMPLES).reshape(8, -1) * 1e4, odd, SAMPLES)
    matrix = run(tmp_path, pd.concat([large, values]), duplicates="mean", count=N_GENES)
    assert set(read_features(matrix)) == set(GENES)
    told = caveats_of(matrix)
    assert any("4 rows that sum up reads" in line for line in told)
    assert any("rows named NA were dropped" in line for line in told)


def test_a_single_gene_may_be_called_na(tmp_path):
    values = values_of().rename(index={"GENE3": "NA"})
    assert "NA" in read_features(run(tmp_path, values, count=N_GENES))


def test_names_that_a_spreadsheet_has_changed_are_told(tmp_path):
    changed = dict(zip(GENES, ["1-Mar", "2-Sep", "2020-09-01", "43892", "2.31E+13"], strict=False))
    told = caveats_of(run(tmp_path, values_of().rename(index=changed)))
    assert len(told) == 1 and "5 names of genes look like dates or numbers" in told[0]
    assert all(name in told[0] for name in changed.values())


def test_real_names_are_no_dates():
    genes = ["DEC1", "MARCH1", "SEPT2", "MAR-1A", "7SK", "A1BG", "1-8U", "HLA-DRB1", "CH17-12B4.1"]
    assert name_caveats(genes, "x") == []
    assert name_caveats([str(40000 + i) for i in range(50)], "x") == []  # Entrez ids
    assert not any(map(is_annotation, ["S1", "TCGA-02-0047-01", "start1", "Patient_3", "sample"]))


def test_counts_are_told_and_their_logarithms_are_not(tmp_path):
    counts = (2 ** values_of()).round()
    assert "they are no logarithms" in caveats_of(run(tmp_path, counts))[0]
    matrix = run(tmp_path, counts, transform="log2")
    assert caveats_of(matrix) == []
    assert dict(read_notes(matrix)["transform"]) == {"expression": "log2"}
    var = read_var(matrix)
    expected = np.log2(counts.loc[var.index] + 1).max(axis=1).max()
    assert var["maximum"].max() == pytest.approx(expected)
    again = np.log2(values_of() + 1)
    assert "logarithms already" in caveats_of(run(tmp_path, again, transform="log2"))[0]


def test_exchanged_genes_and_samples_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"found samples \(S000, .*transpose"):
        run(tmp_path, values_of().T)
    barcodes = [f"TCGA-02-{i:04}-01" for i in range(N_SAMPLES)]
    turned = values_of().set_axis(barcodes, axis=1).T
    with pytest.raises(InputError, match=r"found samples \(TCGA-02-0000-01, .*transpose"):
        run(tmp_path, turned, clinical_of(barcodes), "tcga")


@pytest.mark.parametrize("value", [0.0, 3.5, np.nan])
def test_a_matrix_without_any_variation_is_refused(tmp_path, value):
    with pytest.raises(InputError, match="same value in all|no cell of a training sample"):
        run(tmp_path, values_of() * 0 + value)


def test_missing_cells_are_no_zeros(tmp_path):
    """Arrays, whose values are far from 0: NA makes no gene one of the most variable."""
    rng = np.random.default_rng(1)
    spread = np.linspace(0.05, 0.5, N_GENES)[:, None]
    values = pd.DataFrame(10 + rng.normal(0, spread, (N_GENES, N_SAMPLES)), GENES, SAMPLES)
    holes = values.copy()
    holes.iloc[:10, ::20] = np.nan  # of the dullest genes, 5 %
    matrix = run(tmp_path, holes)
    assert not set(GENES[:10]) & set(read_features(matrix))
    assert (
        "30 cells are missing, 0.00% of the values of the chosen features"
        in (caveats_of(matrix)[0])
    )
    published = run(tmp_path, holes, missing="zero")
    assert set(GENES[:10]) <= set(read_features(published))
    assert "30 cells are missing and count as 0 (genes.missing: zero)" in caveats_of(published)[0]


def test_of_doubled_rows_the_mean_is_over_what_was_measured(tmp_path):
    values = values_of()
    second = values.loc[["GENE5"]] + 2
    values.loc["GENE5", "S003"] = np.nan
    matrix = run(tmp_path, pd.concat([values, second]), duplicates="mean", count=N_GENES)
    var = read_var(matrix).loc["GENE5"]
    column = read_features(matrix).index("GENE5")
    x = read_values(matrix)[list(read_obs(matrix).index).index("S003"), column]
    expected = (second.loc["GENE5", "S003"] - var["offset"]) / var["scale"]
    assert x == pytest.approx(np.clip(expected, 0, 1), abs=1e-6)


def test_rounding_is_no_variation(tmp_path):
    """A gene at the floor, -9.9658 in all samples and once -9.965784, has no scale of 2.5e-06."""
    values = values_of() - 10
    values.loc["GENE7"] = -9.9658
    values.loc["GENE7", "S010"] = -9.965784
    matrix = run(tmp_path, values, method="z_score", count=N_GENES)
    assert read_var(matrix).loc["GENE7", "scale"] == 1
    assert np.abs(read_values(matrix)).max() < 10
