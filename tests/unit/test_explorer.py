"""The explorer's data: what is packed is what the files say, and the page keeps its limits."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shared_study import EXPERIMENTS, GENES, LACKING, SAMPLES, make_blocks, make_study

from tybalt.jobs.files import read_table, write_table
from tybalt.pages import explorer
from tybalt.pages import html as pages
from tybalt.plan.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


DATASET = {"name": "toy", "label": "cancer_type", "experiments": EXPERIMENTS, "projected": []}
WITH_NEW = {**DATASET, "projected": [["clinic", "vae", "grid"]]}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"))


def build(study, path, **changes) -> str:
    """Build the page of the study and return its text."""
    arguments = {
        "matrix": study["matrix"],
        "gene_embedding": study["gene_embedding"],
        "embedding_quality": study["maps"],
        "embeddings": study["embedding.tsv"],
        "encodings": study["encoding.tsv.gz"],
        "gene_weights": study["gene_weights.tsv.gz"],
        "findings": study["findings.tsv"],
        "markers": str(ROOT / "resources" / "marker_genes.tsv"),
        "colours": str(ROOT / "resources" / "cohorts.tsv"),
        "projections": [],
        "dataset": DATASET,
    }
    explorer.build_explorer(**{**arguments, **changes}, explorer=str(path))
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> dict:
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    )


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    return build(study, tmp_path_factory.mktemp("page") / "explorer.html")


def test_quantised_numbers_are_within_half_a_step():
    values = np.random.default_rng(0).normal(size=1000)
    for kind, steps in ((np.uint8, 255), (np.uint16, 65535)):
        whole, low, high = explorer.quantise(values, kind)
        assert (low, high) == (values.min(), values.max())
        back = low + (high - low) * whole / steps
        assert np.abs(back - values).max() <= (high - low) / steps / 2 * (1 + 1e-9)


def test_a_missing_number_is_the_largest_and_the_others_use_one_step_less():
    whole, low, high = explorer.quantise(np.array([1.0, np.nan, 3.0]), np.uint8)
    assert whole.tolist() == [0, 255, 254] and (low, high) == (1.0, 3.0)


def test_numbers_without_spread_or_without_any_value_are_no_failure():
    assert explorer.quantise(np.array([2.0, 2.0]), np.uint8)[0].tolist() == [0, 0]
    assert explorer.quantise(np.array([np.nan]), np.uint8) == (np.array([255]), 0.0, 0.0)


def test_the_page_holds_every_map_feature_and_clinical_column(page, study):
    data = data_of(page)
    assert data["samples"].split("\n") == list(study["obs"].index)
    assert [entry["name"] for entry in data["maps"]] == [
        "t-SNE of genes", "PCA of genes",
        "t-SNE of codes of vae · grid", "PCA of codes of vae · grid",
        "t-SNE of codes of pca", "PCA of codes of pca",
    ]  # fmt: skip
    assert [block["name"] for block in data["blocks"]] == [
        "genes", "features of vae · grid", "features of pca",
    ]  # fmt: skip
    # patient has more values than there are colours
    assert [column["name"] for column in data["columns"]] == ["cancer_type", "sex", "age", "split"]


def test_packed_features_are_those_of_the_encoding(page, study):
    block = data_of(page)["blocks"][1]
    codes = read_table(study["encoding.tsv.gz"][0], index="sample").to_numpy()
    whole = unpacked(block["values"], "u1").reshape(3, SAMPLES).T
    low, high = np.array(block["low"]), np.array(block["high"])
    assert np.abs(low + (high - low) * whole / 255 - codes).max() < np.ptp(codes) / 255


def test_packed_labels_are_those_of_the_samples(page, study):
    columns = {column["name"]: column for column in data_of(page)["columns"]}
    for name in ("cancer_type", "sex"):
        whole = unpacked(columns[name]["values"], "u1")
        labels = np.array(columns[name]["levels"])[whole]
        expected = study["obs"][name].fillna("not known").to_numpy()
        assert labels.tolist() == expected.tolist()
    assert columns["cancer_type"]["levels"] == ["AAA", "BBB"]  # the most frequent first
    ages = unpacked(columns["age"]["values"], "<u2")
    assert (ages == 65535).tolist() == study["obs"]["age"].isna().tolist()


def test_a_feature_is_shown_with_its_genes_and_the_contrasts_it_answers(page):
    note = data_of(page)["blocks"][1]["notes"]["z1"]
    assert note.startswith("Its weights raise XIST, ")
    # AUROC 0.05 in the direction of training (lower) is 0.95
    assert "Chosen for type on training samples, confirmed: AUROC 0.95 on test samples." in note


def test_the_panel_takes_markers_then_strong_genes_then_variable_ones():
    genes = pd.Index([f"G{i}" for i in range(400)])
    weight = pd.DataFrame({"z1": np.arange(400.0)}, genes)
    panel = explorer.choose_panel(genes, ["G300", "none", "G300"], [weight], [["z1"]])
    assert len(panel) == len(set(panel)) == explorer.PANEL_GENES
    assert panel[:3] == ["G300", "G399", "G398"]
    assert panel[9:11] == ["G0", "G1"]  # after 1 marker and 8 strong genes


def test_features_that_do_not_fit_are_left_out_and_named(study, tmp_path, monkeypatch, page):
    block = len(pages.script_data(data_of(page)["blocks"][2]))
    monkeypatch.setattr(explorer, "MAXIMUM_BYTES", len(page.encode()) - block // 2)
    smaller = build(study, tmp_path / "explorer.html")
    assert data_of(smaller)["omitted"] == ["pca"]
    assert len(data_of(smaller)["maps"]) == 6
    assert len(smaller.encode()) <= explorer.MAXIMUM_BYTES


def test_a_constant_code_has_no_map(study, tmp_path):
    table = read_table(study["embedding.tsv"][0]).assign(tsne_1=np.nan, tsne_2=np.nan)
    write_table(table, tmp_path / "embedding.tsv")
    changed = [str(tmp_path / "embedding.tsv"), study["embedding.tsv"][1]]
    data = data_of(build(study, tmp_path / "explorer.html", embeddings=changed))
    assert "t-SNE of codes of vae · grid" not in [entry["name"] for entry in data["maps"]]


def test_a_umap_is_offered_where_there_is_one(study, tmp_path):
    table = read_table(study["gene_embedding"]).assign(umap_1=1.0, umap_2=range(SAMPLES))
    write_table(table, tmp_path / "embedding.tsv")
    data = data_of(
        build(study, tmp_path / "e.html", gene_embedding=str(tmp_path / "embedding.tsv"))
    )
    names = [entry["name"] for entry in data["maps"]]
    assert names[2] == "UMAP of genes"
    assert data["maps"][0]["note"] == (
        "preserves 42 % of a sample's 10 nearest neighbours, 55 % of 50; trustworthiness 0.98"
    )
    assert unpacked(data["maps"][2]["y"]["values"], "<u2")[[0, -1]].tolist() == [0, 65535]


def test_files_of_other_samples_are_refused(study, tmp_path):
    write_table(read_table(study["encoding.tsv.gz"][0]).iloc[1:], tmp_path / "encoding.tsv.gz")
    changed = [str(tmp_path / "encoding.tsv.gz"), study["encoding.tsv.gz"][1]]
    with pytest.raises(InputError, match="1 samples of the matrix are missing"):
        build(study, tmp_path / "explorer.html", encodings=changed)


def test_the_page_needs_no_network_and_is_the_same_again(page, study, tmp_path):
    own = re.sub(r"<script>.*?</script>", "", page, count=3, flags=re.DOTALL)  # without BokehJS
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", own)
    assert build(study, tmp_path / "explorer.html") == page


def test_no_text_of_the_data_can_end_the_script():
    record = {"name": "</script><script>alert(1)</script>"}
    text = pages.script_data(record)
    assert "<" not in text and json.loads(text) == record


def test_every_gene_of_a_small_matrix_is_in_the_panel(page):
    assert sorted(data_of(page)["blocks"][0]["names"]) == sorted(GENES)


# New samples


def test_new_samples_are_a_layer_of_one_map_with_their_own_columns(study, tmp_path):
    page = build(study, tmp_path / "e.html", projections=study["projections"][:1], dataset=WITH_NEW)
    (layer,) = data_of(page)["layers"]
    assert layer["name"] == "clinic" and layer["map"] == "t-SNE of codes of vae · grid"
    assert layer["samples"].split("\n") == [f"N-{i:02d}" for i in range(12)]
    whole = unpacked(layer["x"]["values"], "<u2")
    assert (layer["x"]["low"], layer["x"]["high"]) == (-4, 4)
    assert whole[0] == 0 and whole[-1] == 65535
    columns = {column["name"]: column for column in layer["columns"]}
    assert list(columns) == [
        "therapy", "response", "predicted cancer type",
        "far", "distance_rank", "error_rank", "mse",
    ]  # fmt: skip
    # The label is nowhere called what was only predicted; an unsure one is not given.
    predicted = columns["predicted cancer type"]
    levels = np.array(predicted["levels"])[unpacked(predicted["values"], "u1")]
    assert levels.tolist() == ["not sure", *["BBB"] * 11]
    of_known = {column["name"]: column for column in data_of(page)["columns"]}["cancer_type"]
    assert predicted["colours"][0] == of_known["colours"][of_known["levels"].index("BBB")]
    assert layer["doubts"] == ["far from all training samples", *[""] * 11]


def test_without_new_samples_there_is_no_layer(page):
    assert data_of(page)["layers"] == []


# Several blocks


@pytest.fixture(scope="module")
def two_blocks(tmp_path_factory):
    return make_blocks(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def data_of_blocks(two_blocks, tmp_path_factory):
    return data_of(build(two_blocks, tmp_path_factory.mktemp("page") / "explorer.html"))


def test_samples_that_a_model_does_not_see_have_no_code_and_no_place(data_of_blocks, two_blocks):
    lacking = np.zeros(SAMPLES, bool)
    lacking[LACKING] = True
    of_vae, of_pca = data_of_blocks["blocks"][1:]
    assert of_vae["missing"] == [False] * 3 and of_pca["missing"] == [True] * 3
    whole = unpacked(of_pca["values"], "u1").reshape(3, SAMPLES).T
    assert ((whole == 255) == lacking[:, None]).all()
    codes = read_table(two_blocks["encoding.tsv.gz"][1], index="sample").to_numpy()
    low, high = np.array(of_pca["low"]), np.array(of_pca["high"])
    back = low + (high - low) * whole[~lacking] / 254
    assert np.abs(back - codes).max() < np.ptp(codes) / 254
    maps = {entry["name"]: entry for entry in data_of_blocks["maps"]}
    assert len(maps) == 6
    for name, entry in maps.items():
        for axis in ("x", "y"):
            missing = unpacked(entry[axis]["values"], "<u2") == 65535
            if name.endswith("of codes of pca"):
                assert entry[axis]["missing"] and (missing == lacking).all()
            else:
                assert not entry[axis]["missing"]


def test_what_was_not_measured_is_not_shown(data_of_blocks, two_blocks):
    genes = data_of_blocks["blocks"][0]
    whole = unpacked(genes["values"], "u1").reshape(len(GENES), SAMPLES)
    for row, name, missing in zip(whole, genes["names"], genes["missing"], strict=True):
        assert missing == name.startswith("m:")
        observed = two_blocks["observed"][:, list(two_blocks["var"].index).index(name)]
        assert not missing or ((row == 255) == ~observed).all()


def test_a_model_that_lacks_genes_names_its_own_alone(data_of_blocks):
    note = data_of_blocks["blocks"][2]["notes"]["z2"]
    raised, lowered = re.search(r"Its weights raise (.*?)\. They lower (.*?)\.", note).groups()
    named = [*raised.split(", "), *lowered.split(", ")]
    assert len(named) == 16 and all(name.startswith("m:GENE") for name in named)
    assert data_of_blocks["blocks"][1]["notes"]["z1"].startswith("Its weights raise XIST, ")


def test_a_code_that_should_be_there_is_missed(two_blocks, tmp_path):
    """Of samples that the model can see; those it cannot see may lack."""
    write_table(read_table(two_blocks["encoding.tsv.gz"][1]).iloc[1:], tmp_path / "e.tsv.gz")
    changed = [two_blocks["encoding.tsv.gz"][0], str(tmp_path / "e.tsv.gz")]
    with pytest.raises(InputError, match="1 samples of the matrix are missing"):
        build(two_blocks, tmp_path / "explorer.html", encodings=changed)


def test_weights_of_genes_that_the_matrix_lacks_are_refused(two_blocks, tmp_path):
    table = read_table(two_blocks["gene_weights.tsv.gz"][1]).replace("m:GENE10", "cg1")
    write_table(table, tmp_path / "w.tsv.gz")
    changed = [two_blocks["gene_weights.tsv.gz"][0], str(tmp_path / "w.tsv.gz")]
    with pytest.raises(InputError, match=r"w.tsv.gz: the matrix has no cg1 \(1 such genes\); make"):
        build(two_blocks, tmp_path / "explorer.html", gene_weights=changed)
