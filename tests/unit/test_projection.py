"""New samples: known ones come back to where they were; what cannot be right is refused."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared_study import GENES, RANGE, ROLES, make_study, pca_bundle

from tybalt.analysis.embedding import embed_by_tsne, plane
from tybalt.analysis.new_samples import check_values, explain_genes
from tybalt.analysis.projected import read_projection
from tybalt.analysis.projection import encode_expression, project_samples
from tybalt.jobs.files import read_json, read_table, write_table
from tybalt.plan.errors import InputError
from tybalt.plan.projections import COLUMNS
from tybalt.training.bundle import feature_table, load_bundle, save_bundle

#: How a clinical table of new samples is read: two columns that the config names.
OWN = {
    "columns": {"sample": "id", "age": "years"},
    "barcodes": "none",
    "minimum_overlap": 0.5,
    "roles": {"group": None, "label": None, "strata": []},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The toy study with a PCA that was fitted to it, its codes and a true map of them."""
    folder = tmp_path_factory.mktemp("study")
    files = make_study(folder)
    model = str(folder / "pca.zip")
    pca_bundle(files, model)
    codes = load_bundle(model).model.encode(files["X"])
    encoding, embedding = str(folder / "codes.tsv.gz"), str(folder / "map.tsv")
    write_table(feature_table(codes, "sample", files["obs"].index), encoding)
    places = embed_by_tsne(codes.astype("float64"), plane(codes.astype("float64"), 1), 1, 1)
    positions = pd.DataFrame(places, columns=["tsne_1", "tsne_2"])
    positions.insert(0, "sample", list(files["obs"].index))
    write_table(positions, embedding)
    raw = pd.DataFrame(files["X"].T * RANGE, GENES, files["obs"].index)
    held_out = files["obs"].index[files["obs"]["split"] != "train"]
    known = {"model": model, "matrix": files["matrix"]}
    known["samples"] = files["samples"]
    known |= {"embedding": embedding}
    return {"known": known, "encoding": encoding, "raw": raw, "held_out": list(held_out)}


def project(
    study, expression: pd.DataFrame, folder, duplicates="drop", missing="mean", clinical=None
):
    """Write a cohort, project it, and return table, codes and diagnostics.

    `clinical` is the text of a clinical table with the columns id, years and group.
    """
    path = folder / "cohort.tsv"
    expression.rename_axis("sample").to_csv(path, sep="\t")
    outputs = {
        "projection": str(folder / "projection.tsv"),
        "projected_encoding": str(folder / "codes.tsv.gz"),
        "diagnostics": str(folder / "projection.json"),
    }
    how = {"duplicates": duplicates, "missing": missing, "transform": "none", "prefix": ""}
    options = {
        "blocks": {"expression": how},
        "rows": "all",
        "target": "toy/pca/none",
        "roles": ROLES,
        "clinical": None if clinical is None else OWN,
    }
    table_of_own = []
    if clinical is not None:
        table_of_own = [str(folder / "clinical.tsv")]
        (folder / "clinical.tsv").write_text(clinical, encoding="utf-8")
    options = {"options": options, "seed": 1, "threads": 1}
    project_samples(
        expression=str(path), clinical=table_of_own, **study["known"], **options, **outputs
    )
    table = read_table(outputs["projection"], index="sample")
    codes = read_table(outputs["projected_encoding"], index="sample")
    return table, codes, read_json(outputs["diagnostics"])


@pytest.fixture(scope="module")
def same(study, tmp_path_factory):
    """The training cohort's own held-out samples, projected as if they were new."""
    folder = tmp_path_factory.mktemp("same")
    return project(study, study["raw"][study["held_out"]], folder)


def test_held_out_samples_get_the_codes_they_had(study, same):
    known = read_table(study["encoding"], index="sample").loc[study["held_out"]]
    assert np.abs(known - same[1]).max(axis=None) < 1e-5


def test_held_out_samples_land_where_they_were(study, same):
    known = read_table(study["known"]["embedding"], index="sample").loc[study["held_out"]]
    moved = same[0][["tsne_1", "tsne_2"]] - known[["tsne_1", "tsne_2"]]
    width = np.ptp(known[["tsne_1", "tsne_2"]].to_numpy(), axis=0).max()
    # No shift of all samples together; each near its own place.
    assert np.abs(moved.mean()).max() < 0.02 * width
    assert np.median(np.hypot(*moved.to_numpy().T)) < 0.05 * width


def test_held_out_samples_are_not_strange(study, same):
    table, _, record = same
    # Ranked among themselves, the ranks are uniform: each sample is as far as itself.
    uniform = (np.arange(len(table)) + 0.5) / len(table)
    assert sorted(table["distance_rank"]) == pytest.approx(uniform)
    # The errors differ in their last digits, as sums over other batches: the order is the same.
    assert sorted(table["error_rank"]) == pytest.approx(uniform, abs=1 / len(table))
    assert record["far_share"] <= 0.05
    for name in ("distance", "error"):
        assert record["cohort"][f"{name}_rank"] < record["cohort"][f"{name}_rank_limit"] < 0.75
    assert record["held_out"]["mse"] == record["held_out"]["mse_genes_hidden"]
    assert record["mse"] == pytest.approx(record["held_out"]["mse_genes_found"], rel=1e-5)
    assert record["warnings"] == []
    assert record["genes_missing"] == 0 and record["outside_share"] == 0


def test_types_that_a_gene_tells_are_found(study, same):
    table, _, record = same
    first = study["raw"].loc["XIST", table.index]
    assert (table["predicted_label"] == np.where(first >= 8, "BBB", "AAA")).mean() > 0.95
    assert (table["nearest_label"] == table["predicted_label"]).mean() > 0.9
    assert table["confidence"].between(0.5, 1).all()
    assert record["held_out"]["label_accuracy"] > 0.95
    assert record["held_out"]["labels_given_right"] == 1


def test_rotated_features_change_codes_and_nothing_else(study, same, tmp_path):
    bundle = load_bundle(study["known"]["model"])
    width = bundle.codes.shape[1]
    angles = np.random.default_rng(3).normal(size=(width, width))
    rotated = dataclasses.replace(bundle, rotation=np.linalg.qr(angles)[0])
    model = str(tmp_path / "model.zip")
    save_bundle(rotated, model)
    known = study["known"] | {"model": model}
    table, found, _ = project(study | {"known": known}, study["raw"][study["held_out"]], tmp_path)
    expected = rotated.rotate(same[1].to_numpy())
    assert np.abs(expected - found).max(axis=None) < 1e-5
    for column in ("nearest_sample", "predicted_label", "far"):
        assert table[column].equals(same[0][column])
    for column in ("distance", "mse", "confidence"):
        np.testing.assert_allclose(table[column], same[0][column], atol=1e-4)
    cohort = study["raw"][study["held_out"]].T
    encoded = encode_expression(load_bundle(model), cohort)
    np.testing.assert_allclose(encoded, found.loc[encoded.index], atol=1e-5)


def test_a_label_below_the_stated_probability_is_not_given(study, tmp_path):
    """Without the gene that tells the types nobody can be sure of the rarer one."""
    cohort = study["raw"][study["held_out"]].drop(index="XIST")
    table, _, record = project(study, cohort, tmp_path)
    unsure = table["confidence"] < 0.8
    assert unsure.sum() > 0
    assert table.loc[unsure, "predicted_label"].isna().all()
    assert table.loc[~unsure, "predicted_label"].isin(["AAA", "BBB"]).all()
    said = table["doubts"].fillna("").str.contains("no label has a probability of 0.8")
    assert (said == unsure).all()
    assert record["unsure_share"] == pytest.approx(unsure.mean())
    assert 1 - record["held_out"]["labels_given"] == pytest.approx(unsure.mean())


def test_missing_genes_are_filled_in_and_their_cost_is_told(study, tmp_path):
    cohort = study["raw"][study["held_out"]].drop(index=["XIST", "KRT5"])
    table, codes, record = project(study, cohort, tmp_path)
    assert record["missing_genes"] == ["XIST", "KRT5"]
    assert record["held_out"]["mse_genes_hidden"] > 1.5 * record["held_out"]["mse"]
    assert table["filled"].tolist() == [pytest.approx(0.1)] * len(table)
    # The gene that tells the types is gone: the larger type is 2/3 of the samples.
    assert record["held_out"]["label_accuracy_genes_hidden"] < 0.75
    assert record["warnings"][0].startswith("2 of the model's 20 genes are missing")
    assert "look for the genes' former names" in record["warnings"][0]


def test_another_scale_of_a_few_genes_is_a_warning(study, tmp_path):
    cohort = study["raw"][study["held_out"]].copy()
    cohort.loc["KRT5"] = cohort.loc["KRT5"] + 40
    cohort.loc["GENE0"] = cohort.loc["GENE0"] + 40
    table, _, record = project(study, cohort, tmp_path)
    assert record["outside_share"] == pytest.approx(0.1)  # 2 of 20 genes
    assert "10.0% of the values lie outside the training range" in record["warnings"][0]
    assert table["outside"].tolist() == [pytest.approx(0.1)] * len(table)


def test_samples_of_another_kind_are_far(study, tmp_path):
    cohort = RANGE - study["raw"][study["held_out"]]
    table, _, record = project(study, cohort, tmp_path)
    assert record["far_share"] > 0.5
    assert ((table["far"] == "yes") == table["doubts"].fillna("").str.startswith("far from")).all()
    assert record["cohort"]["distance_rank"] > record["cohort"]["distance_rank_limit"]
    assert record["cohort"]["error_rank"] == 1.0
    times = record["mse"] / record["held_out"]["mse_genes_found"]
    (said,) = (line for line in record["warnings"] if line.startswith("as a cohort the samples"))
    assert "half of them are farther from their nearest training sample than" in said
    assert "and half of them are reconstructed with a larger error than 100%" in said
    assert times > 1.5 and f"the mean error is {times:.1f} times that of held-out" in said


def test_a_cohort_of_one_known_kind_is_not_far(study, tmp_path):
    """Its ranks are compared with those of cohorts of the same kind."""
    types = pd.Series(np.where(np.arange(240) % 3 == 0, "BBB", "AAA"), study["raw"].columns)
    for name in ("AAA", "BBB"):
        chosen = [sample for sample in study["held_out"] if types[sample] == name]
        record = project(study, study["raw"][chosen], tmp_path)[2]
        assert not any("as a cohort" in line for line in record["warnings"])


def test_doubled_genes_are_dropped_or_averaged(study, tmp_path):
    cohort = study["raw"][study["held_out"][:5]]
    doubled = pd.concat([cohort, cohort.loc[["KRT5"]] * 0])
    assert project(study, doubled, tmp_path)[2]["missing_genes"] == ["KRT5"]
    assert project(study, doubled, tmp_path, "mean")[2]["missing_genes"] == []


def refused(study, cohort, folder) -> str:
    with pytest.raises(InputError) as error:
        project(study, cohort, folder)
    assert not list(folder.glob("projection*")), "something was written"
    return str(error.value)


def test_z_scores_are_refused(study, tmp_path):
    raw = study["raw"]
    cohort = raw.sub(raw.mean(axis=1), axis=0).div(raw.std(axis=1), axis=0)
    message = refused(study, cohort, tmp_path)
    assert "% of the values are negative" in message and "z-scores" in message
    assert "the model was trained on values from 0 to 16" in message


def test_symbols_of_a_mouse_are_refused(study, tmp_path):
    cohort = study["raw"].set_axis([gene.capitalize() for gene in GENES])
    message = refused(study, cohort, tmp_path)
    assert "found 0 of the model's 20 genes" in message
    assert "Xist for XIST" in message and "another species" in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda raw: raw.T, "the header holds genes: rows must be genes"),
        (lambda raw: raw.set_axis([f"ENSG{i:011d}" for i in range(20)]), "Ensembl ids"),
        (lambda raw: raw.set_axis([str(i) for i in range(20)]), "as Entrez ids are"),
        (lambda raw: raw.set_axis([f"X{i}" for i in range(20)]), "use the same names"),
        (lambda raw: raw / 20, "as if scaled already"),
        (lambda raw: 2**raw * 100, "take the logarithm, log2(x + 1)"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_reason(study, tmp_path, change, expected):
    assert expected in refused(study, change(study["raw"]), tmp_path)


def test_a_row_of_na_is_a_gene_that_is_missing(study, tmp_path):
    """As an outer join of two cohorts leaves it: never expression 0."""
    cohort = study["raw"][study["held_out"]]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    without = project(study, cohort.drop(GENES[4:8]), tmp_path / "a")
    for missing in ("mean", "zero"):
        holes = cohort.copy()
        holes.iloc[4:8] = np.nan
        empty = project(study, holes, tmp_path / "b", missing=missing)
        assert empty[2]["genes_missing"] == 4
        pd.testing.assert_frame_equal(empty[1], without[1])
        pd.testing.assert_frame_equal(empty[0], without[0])


def test_a_missing_cell_is_filled_in_and_counted(study, tmp_path):
    cohort = study["raw"][study["held_out"]].copy()
    bundle = load_bundle(study["known"]["model"])
    whole = encode_expression(bundle, cohort.T)
    cohort.iloc[4, 0] = np.nan
    _, codes, record = project(study, cohort, tmp_path)
    assert np.abs(codes - encode_expression(bundle, cohort.T)).max(axis=None) < 1e-6
    assert np.abs(codes - whole).iloc[1:].max(axis=None) < 1e-6
    assert record["missing_share"] == pytest.approx(1 / cohort.size)
    assert any("of the values of the genes found are missing" in w for w in record["warnings"])


def test_known_samples_with_many_missing_cells_are_not_strange(study, same, tmp_path):
    """Held-out samples lack as many cells as they do: like is compared with like."""
    cohort = study["raw"][study["held_out"]]
    holes = cohort.mask(np.random.default_rng(4).random(cohort.shape) < 0.4)
    table, _, record = project(study, holes, tmp_path)
    assert record["genes_missing"] == 0 and 0.37 < record["missing_share"] < 0.43
    for name in ("distance", "error"):
        assert record["cohort"][f"{name}_rank"] < record["cohort"][f"{name}_rank_limit"] < 0.75
    # At most 5 % are expected; 96 such samples exceed 10 % in two of a hundred cohorts (binomial).
    assert len(table) == 96 and record["far_share"] <= 0.1
    held_out, whole = record["held_out"], same[2]["held_out"]
    assert held_out["mse"] == whole["mse"]
    assert held_out["mse_genes_hidden"] > 1.5 * held_out["mse"]
    assert held_out["code_error"] > 0 and "code_error" not in whole
    assert held_out["label_accuracy_genes_hidden"] < held_out["label_accuracy"]
    more = held_out["mse_genes_hidden"] / held_out["mse"] - 1
    said = "hiding the same cells from held-out samples of the training cohort raises their error "
    said += f"by {more:.0%}"
    assert not any("as a cohort" in line for line in record["warnings"])
    assert sum(said in line for line in record["warnings"]) == 1


def test_a_column_that_describes_genes_is_no_sample(study, tmp_path):
    cohort = study["raw"][study["held_out"]].copy()
    cohort.insert(0, "Entrez_Gene_Id", range(len(cohort)))
    with pytest.raises(InputError, match="Entrez_Gene_Id among the samples"):
        project(study, cohort, tmp_path)


WRONG_FRAMES = {
    "an array": (lambda raw: raw.to_numpy(), "found ndarray, expected a pandas.DataFrame"),
    "a path for a bundle": (None, "found str, expected what load_bundle"),
    "no rows": (lambda raw: raw.iloc[:0], "found no row"),
    "a gene twice": (
        lambda raw: raw.iloc[:, [0, *range(20)]],
        "1 genes stand there more than once",
    ),
    "a sample twice": (lambda raw: raw.iloc[[0, 0]], "1 samples stand there more than once"),
    "text": (lambda raw: raw.astype(object).replace(raw.iloc[0, 0], "x"), "are no numbers"),
    "an empty sample": (
        lambda raw: pd.concat([raw[:1] * np.nan, raw[1:]]),
        "have no value in any gene",
    ),
    "infinite": (lambda raw: raw.replace(raw.iloc[0, 0], np.inf), "missing or infinite"),
    "other genes": (lambda raw: raw.add_prefix("x"), "found 0 of the model's 20 genes"),
    "numbers for names": (lambda raw: raw.set_axis(range(20), axis=1), "numbers for names"),
}


@pytest.mark.parametrize(("change", "message"), WRONG_FRAMES.values(), ids=WRONG_FRAMES)
def test_whatever_a_user_can_do_wrong_is_an_input_error(study, change, message):
    model = study["known"]["model"]
    with pytest.raises(InputError, match=message):
        if change is None:
            encode_expression(model, study["raw"].T)
        else:
            encode_expression(load_bundle(model), change(study["raw"].T))


def test_numbers_as_objects_and_gaps_are_encoded(study):
    bundle = load_bundle(study["known"]["model"])
    raw = study["raw"].T
    expected = encode_expression(bundle, raw)
    pd.testing.assert_frame_equal(encode_expression(bundle, raw.astype(object)), expected)
    with_ids = raw.set_axis([f"{name}|{i}" for i, name in enumerate(raw)], axis=1)
    pd.testing.assert_frame_equal(encode_expression(bundle, with_ids), expected)
    gaps = raw.copy()
    gaps.iloc[0, 0] = np.nan
    codes = encode_expression(bundle, gaps)
    pd.testing.assert_frame_equal(codes.iloc[1:], expected.iloc[1:])
    alone = encode_expression(bundle, gaps[:1])
    np.testing.assert_allclose(codes.iloc[0], alone.iloc[0], atol=1e-6)
    assert 0 < np.abs(codes.iloc[0] - expected.iloc[0]).max() < 1


def test_versions_and_kinds_of_names_are_told():
    model = pd.Index([f"ENSG{i:05}" for i in range(4)])
    versions = [f"{name}.{i}" for i, name in enumerate(model)]
    message = explain_genes(versions, [], model, "x", 0)
    assert "4 names differ only in what follows a point (ENSG00000.0" in message
    assert "the rows have symbols (TP53" in explain_genes(["TP53"], [], model, "x", 0)
    assert "the model has Ensembl ids (ENSG00000)" in explain_genes(["TP53"], [], model, "x", 0)


def test_missing_values_are_refused(study):
    genes = pd.DataFrame({"minimum": [0.0], "maximum": [9.0]}, ["A"])
    with pytest.raises(InputError, match="1 values are missing or infinite"):
        check_values(pd.DataFrame({"A": [1.0, np.nan]}), genes, "table")


def test_a_table_is_encoded_from_the_model_file_alone(study):
    codes = encode_expression(load_bundle(study["known"]["model"]), study["raw"].T[GENES[::-1]])
    known = read_table(study["encoding"], index="sample")
    assert np.abs(codes - known).max(axis=None) < 1e-5
    assert list(codes.index) == list(known.index)


# Their own clinical table


def clinical_of(samples) -> str:
    """A table in which every third sample has no row, and whose columns are two and one."""
    rows = [f"{name}\t{20 + i}\t{'ab'[i % 2]}" for i, name in enumerate(samples) if i % 3]
    return "\n".join(["id\tyears\tfar", *rows, ""])


def test_columns_of_their_own_stand_behind_those_of_the_projection(study, same, tmp_path):
    samples = study["held_out"]
    clinical = clinical_of(samples)
    table, _, _ = project(study, study["raw"][samples], tmp_path, clinical=clinical)
    assert list(table) == [*COLUMNS[1:], "age", "carried:far"]
    pd.testing.assert_frame_equal(table[list(COLUMNS[1:])], same[0])
    ours, own = read_projection(str(tmp_path / "projection.tsv"))
    pd.testing.assert_frame_equal(ours, same[0])
    known = np.arange(len(samples)) % 3 > 0
    assert own["age"].isna().tolist() == (~known).tolist()
    assert own["age"][known].tolist() == (20 + np.flatnonzero(known)).tolist()
    expected = np.array(["a", "b"])[np.flatnonzero(known) % 2]
    assert own["carried:far"][known].tolist() == expected.tolist()


def test_a_clinical_table_of_other_samples_is_refused(study, tmp_path):
    other = clinical_of(f"X{i}" for i in range(9))
    with pytest.raises(InputError, match="no id of its column 'id'"):
        project(study, study["raw"][study["held_out"]], tmp_path, clinical=other)
    assert not list(tmp_path.glob("projection*")), "something was written"


@settings(deadline=None, max_examples=40)
@example(words=["nan", "NA"])
@example(words=["1e5", "inf"])
@given(
    words=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"))), max_size=9)
)
def test_whatever_stands_in_a_column_of_their_own_comes_back(words, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "projection.tsv"
    ours = dict.fromkeys(COLUMNS[1:], 0.5) | {"far": "no", "doubts": None}
    table = pd.DataFrame({"sample": [f"NA{i}" for i in range(len(words))], **ours, "own": words})
    write_table(table, str(path))
    found = read_projection(str(path))[1]["own"]
    assert list(found.index) == list(table["sample"])
    numbers = pd.to_numeric(pd.Series(words, dtype=object), errors="coerce")
    for word, value in zip(words, found, strict=True):
        assert value == word or (word == "" and pd.isna(value)) or value in numbers.tolist()
