"""New samples of a model with two blocks: found by block, scaled by block, a block may lack."""

import copy

import numpy as np
import pandas as pd
import pytest
from shared_study import BLOCKS, GENES, RANGE, ROLES, SAMPLES, make_blocks, pca_of_blocks
from test_blocks import LOCAL, SCHEMA, SOURCES, config_of

from tybalt.analysis.missing_genes import (
    MOST_ROUNDS,
    TOLERANCE,
    distance_in_spreads,
    spread_of_codes,
)
from tybalt.analysis.projection import encode_expression, project_samples
from tybalt.jobs.files import read_json, read_table, write_table
from tybalt.plan.config import check_config
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study
from tybalt.plan.places import Places
from tybalt.plan.projections import (
    blocks_to_project,
    check_projections,
    clinical_to_project,
    files_of_new_samples,
    projected_onto,
    refuse_keys_of_training,
)
from tybalt.training.bundle import feature_table, load_bundle

HOW = {"duplicates": "drop", "missing": "mean", "transform": "none", "prefix": ""}
BOTH = {"rna": HOW, "methylation": {**HOW, "prefix": "m:"}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study of two blocks, a PCA of both and one of methylation, and a map of each."""
    folder = tmp_path_factory.mktemp("study")
    files = make_blocks(folder)
    raw = pd.DataFrame(files["X"], files["obs"].index, files["var"].index)
    raw = raw * files["var"]["scale"] + files["var"]["offset"]
    raw = raw.where(files["observed"])
    models = {}
    for name, blocks in {"both": list(BLOCKS), "one": ["methylation"]}.items():
        model = str(folder / f"{name}.zip")
        pca_of_blocks(files, model, blocks)
        columns = files["var"]["block"].isin(blocks).to_numpy()
        seen = files["observed"][:, columns].any(axis=1)
        codes = load_bundle(model).model.encode(files["X"][seen][:, columns])
        table = feature_table(codes, "sample", files["obs"].index[seen])
        paths = {"encoding": folder / f"{name}.tsv.gz", "embedding": folder / f"{name}.tsv"}
        write_table(table, str(paths["encoding"]))
        places = table.rename(columns={"z1": "tsne_1", "z2": "tsne_2"}).drop(columns="z3")
        write_table(places, str(paths["embedding"]))
        models[name] = {key: str(path) for key, path in paths.items()} | {"model": model}
    return {"files": files, "raw": raw, "models": models}


def new_samples(study):
    """Held-out samples that have both blocks, as a table of each block: features x samples."""
    obs, observed = study["files"]["obs"], study["files"]["observed"]
    chosen = obs.index[(obs["split"] != "train") & observed.all(axis=1)]
    raw = study["raw"].loc[chosen].T
    rna, cpg = raw.iloc[:12], raw.iloc[12:]
    return {"rna": rna, "methylation": cpg.set_axis(GENES[12:])}


def project(study, tables, folder, model="both", rows="all", blocks=BOTH):
    paths = []
    for name, table in tables.items():
        paths.append(str(folder / f"{name}.tsv"))
        table.rename_axis("sample").to_csv(paths[-1], sep="\t", na_rep="NA")
    outputs = {
        "projection": str(folder / "projection.tsv"),
        "projected_encoding": str(folder / "codes.tsv.gz"),
        "diagnostics": str(folder / "projection.json"),
    }
    options = {"blocks": {name: blocks[name] for name in tables}, "rows": rows}
    options |= {"target": "toy/pca/none", "roles": ROLES, "clinical": None}
    known = {key: study["files"][key] for key in ("matrix", "samples")}
    of_model = {key: study["models"][model][key] for key in ("model", "embedding")}
    project_samples(
        expression=paths, clinical=[], **known, **of_model, options=options, seed=1, threads=1,
        **outputs,
    )  # fmt: skip
    table = read_table(outputs["projection"], index="sample")
    codes = read_table(outputs["projected_encoding"], index="sample")
    return table, codes, read_json(outputs["diagnostics"])


def filled(study, values):
    """Fill in samples x features round by round, all of them as long as one of them moves."""
    bundle = load_bundle(study["models"]["both"]["model"])
    known, genes = values.notna().to_numpy(), bundle.genes
    low, high = ((genes[name] / genes["scale"]).to_numpy() for name in ("minimum", "maximum"))
    X = values.fillna(genes["mean"]) / genes["scale"]
    X = X.to_numpy("float32")
    for _ in range(MOST_ROUNDS):
        X = np.where(known, X, np.clip(bundle.model.reconstruct(X), low, high)).astype("float32")
    return X, known, bundle


def codes_of(study, model="both"):
    return read_table(study["models"][model]["encoding"], index="sample")


def test_samples_of_both_blocks_get_the_codes_they_had(study, tmp_path):
    new = new_samples(study)
    table, codes, record = project(study, new, tmp_path)
    assert np.abs(codes - codes_of(study).loc[codes.index]).max(axis=None) < 1e-5
    assert list(codes.index) == list(new["rna"].columns)
    assert record["blocks"] == {
        "rna": {"genes": 12, "missing": 0},
        "methylation": {"genes": 8, "missing": 0},
    }
    assert record["genes_missing"] == 0 and record["outside_share"] == 0
    assert record["warnings"] == [] and table["mse"].notna().all()


def test_each_block_is_scaled_by_its_own_method(study, tmp_path):
    """Values outside of the training range are clipped in a block of zero_one, and in no other."""
    new = {name: table.copy() for name, table in new_samples(study).items()}
    bundle = load_bundle(study["models"]["both"]["model"])
    new["rna"].loc["KRT5"] = 2 * RANGE
    new["methylation"].loc["GENE12"] = 1.5
    _, codes, _ = project(study, new, tmp_path)
    expected = pd.concat([new["rna"] / RANGE, new["methylation"]]).clip(upper=1.0)
    expected.loc["GENE12"] = 1.5
    np.testing.assert_allclose(
        codes, bundle.model.encode(expected.T.to_numpy("float32")), atol=1e-5
    )


def test_a_block_that_lacks_is_filled_in_and_the_cost_is_told(study, tmp_path):
    new = new_samples(study)
    _, codes, record = project(study, {"rna": new["rna"]}, tmp_path)
    values = new["rna"].T.reindex(columns=study["files"]["var"].index)
    X, _, bundle = filled(study, values)
    moved = distance_in_spreads(codes.to_numpy(), bundle.model.encode(X), spread_of_codes(bundle))
    assert moved.max() < 5 * TOLERANCE
    assert record["missing_genes"] == BLOCKS["methylation"]
    assert record["blocks"]["methylation"] == {"genes": 8, "missing": 8}
    first, second = record["warnings"][:2]
    assert first == (
        "the block methylation is missing altogether, so codes rest on the other blocks alone"
    )
    assert second.startswith("8 of the model's 20 genes are missing")
    assert "former names" not in second  # those of the block that there is were all found
    assert record["held_out"]["mse_genes_hidden"] > record["held_out"]["mse"]


def test_held_out_samples_without_a_given_block_are_not_compared_with(study, tmp_path):
    """One sample in seven has no methylation: hidden genes would leave nothing of it."""
    files = study["files"]
    held_out = (files["obs"]["split"] != "train").to_numpy()
    both = held_out & files["observed"].all(axis=1)
    _, codes, record = project(study, {"methylation": new_samples(study)["methylation"]}, tmp_path)
    assert len(codes) == both.sum() < held_out.sum()
    X = files["X"][both]
    bundle = load_bundle(study["models"]["both"]["model"])
    whole = np.square(X - bundle.model.reconstruct(X)).mean()
    assert record["held_out"]["mse"] == pytest.approx(whole, rel=1e-5)


def test_a_model_of_one_block_needs_its_own_alone(study, tmp_path):
    new = {"methylation": new_samples(study)["methylation"]}
    table, codes, record = project(study, new, tmp_path, model="one")
    assert np.abs(codes - codes_of(study, "one").loc[codes.index]).max(axis=None) < 1e-5
    assert record["genes_of_model"] == 8 and record["genes_missing"] == 0
    assert not any("missing" in line for line in record["warnings"])
    known = set(codes_of(study, "one").index)
    assert set(table["nearest_sample"]) <= known and len(known) < SAMPLES


def test_rows_all_keeps_what_every_file_has_and_any_fills_the_rest(study, tmp_path):
    new = new_samples(study)
    new = {"rna": new["rna"].iloc[:, 5:], "methylation": new["methylation"].iloc[:, :-5]}
    _, codes, _ = project(study, new, tmp_path)
    assert list(codes.index) == list(new["rna"].columns[:-5])
    table, more, record = project(study, new, tmp_path, rows="any")
    assert len(more) == len(codes) + 10
    pd.testing.assert_frame_equal(more.loc[codes.index], codes)
    lacking = list(new["rna"].columns[-5:])
    X, known, bundle = filled(
        study, new["rna"][lacking].T.reindex(columns=study["files"]["var"].index)
    )
    spread = spread_of_codes(bundle)
    moved = distance_in_spreads(more.loc[lacking].to_numpy(), bundle.model.encode(X), spread)
    assert moved.max() < 5 * TOLERANCE
    # What is filled in is not measured: it counts neither as an error nor as inside of the range.
    errors = np.square(X - bundle.model.reconstruct(X)).mean(axis=1, where=known)
    np.testing.assert_allclose(table.loc[lacking, "mse"], errors, rtol=1e-2)
    assert record["genes_missing"] == 0


def test_missing_cells_are_what_they_were_in_training(study, tmp_path):
    new = {name: table.copy() for name, table in new_samples(study).items()}
    new["methylation"].iloc[0, :10] = np.nan
    names = study["files"]["var"].index
    holes = pd.concat([new["rna"], new["methylation"].set_axis(BLOCKS["methylation"])]).T[names]
    for missing, values in (("mean", holes), ("zero", holes.fillna(0.0))):
        blocks = {"rna": HOW, "methylation": {**BOTH["methylation"], "missing": missing}}
        found = project(study, new, tmp_path, blocks=blocks)[1]
        X, _, bundle = filled(study, values)
        spread = spread_of_codes(bundle)
        moved = distance_in_spreads(found.to_numpy(), bundle.model.encode(X), spread)
        assert moved.max() < 5 * TOLERANCE


def test_a_table_of_one_block_is_encoded_from_the_model_file_alone(study):
    bundle = load_bundle(study["models"]["both"]["model"])
    new = new_samples(study)
    whole = pd.concat([new["rna"], new["methylation"].set_axis(BLOCKS["methylation"])]).T
    codes = encode_expression(bundle, whole)
    assert np.abs(codes - codes_of(study).loc[codes.index]).max(axis=None) < 1e-5
    assert len(encode_expression(bundle, whole[BLOCKS["rna"]])) == len(codes)
    with pytest.raises(InputError, match="found 3 of the model's 8 features of the block methyl"):
        encode_expression(bundle, whole.iloc[:, :15])
    with pytest.raises(InputError, match="found 0 of the model's 12 features of the block rna"):
        encode_expression(bundle, whole.add_prefix("x"))


# What cannot be right


def refused(study, tables, folder, **options):
    with pytest.raises(InputError) as caught:
        project(study, tables, folder, **options)
    assert not list(folder.glob("projection*")), "something was written"
    return str(caught.value)


def test_a_block_of_other_features_is_refused_with_its_name(study, tmp_path):
    new = new_samples(study)
    new["methylation"] = new["methylation"].set_axis([f"cg{i}" for i in range(8)])
    message = refused(study, new, tmp_path)
    assert message.startswith(f"{tmp_path}/methylation.tsv: found 0 of the model's 8 features of ")
    assert "of the block methylation, expected at least 50%" in message
    assert (
        "begin with cg0, cg1, cg2, ..., the model's genes with GENE10, GENE11, GENE12, ...:"
        in message
    )


def test_a_block_on_another_scale_is_refused_although_the_other_is_right(study, tmp_path):
    new = new_samples(study)
    message = refused(study, {**new, "methylation": new["methylation"] * 100}, tmp_path)
    assert message.startswith(f"{tmp_path}/methylation.tsv: ")
    assert "outside the training range" in message and "take the logarithm" in message
    message = refused(study, {**new, "rna": new["rna"] / RANGE}, tmp_path)
    assert message.startswith(f"{tmp_path}/rna.tsv: ") and "as if scaled already" in message


def test_files_of_other_samples_are_refused(study, tmp_path):
    new = new_samples(study)
    new["methylation"] = new["methylation"].add_prefix("x")
    message = refused(study, new, tmp_path)
    assert "rna and methylation have no sample in common" in message


# What is planned


TRAINED = {**LOCAL, "roles": {"label": None}}


def planned(blocks, models=None, **entry):
    """Say how a dataset `new` is read that is projected onto a PCA of LOCAL."""
    config = config_of(TRAINED)
    config["models"]["pca"] |= {} if models is None else {"blocks": models}
    new = {"kind": "local", "project_onto": "mine/pca/none", **entry}
    new |= {"files": {"expression": "x.tsv"}} if blocks is None else {"blocks": blocks}
    config["datasets"]["new"] = new
    config = copy.deepcopy(config)
    study = build_study(check_config(config, SCHEMA), SOURCES)
    return blocks_to_project(study, "new")


def test_prefix_and_missing_are_those_of_the_model_and_duplicates_those_of_the_files():
    files = {"file": "a.tsv", "features": {"duplicates": "mean", "missing": "zero"}}
    found = planned({"methylation": files})
    assert found == {"methylation": HOW | {"duplicates": "mean", "prefix": "m:"}}
    order = planned({"methylation": {"file": "b.tsv"}, "rna": {"file": "a.tsv"}})
    assert list(order) == ["methylation", "rna"]


def test_a_dataset_without_blocks_has_the_only_one_that_the_model_sees():
    found = planned(None, models=["methylation"])
    assert found == {"methylation": HOW | {"duplicates": "drop", "prefix": "m:"}}


@pytest.mark.parametrize(
    ("blocks", "models", "message"),
    [
        (
            None,
            None,
            "datasets.new.blocks: missing; mine/pca/none sees the blocks rna, methylation: name "
            "those that the new samples have, each with its file",
        ),
        (
            {"rnas": {"file": "a.tsv"}},
            None,
            "datasets.new.blocks: mine/pca/none sees no block 'rnas'; did you mean 'rna'? allowed: "
            "methylation, rna",
        ),
        (
            {"rna": {"file": "a.tsv"}},
            ["methylation"],
            "datasets.new.blocks: mine/pca/none sees no block 'rna'; allowed: methylation",
        ),
    ],
)
def test_blocks_that_the_model_does_not_see_are_refused(blocks, models, message):
    with pytest.raises(InputError) as caught:
        planned(blocks, models)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("own", "expected"),
    [({}, "log2"), ({"transform": "none"}, "none"), ({"transform": "log2"}, "log2")],
)
def test_the_transform_is_that_of_the_new_samples_if_they_say_one(monkeypatch, own, expected):
    trained = copy.deepcopy(TRAINED)
    trained["blocks"]["methylation"]["transform"] = "log2"
    monkeypatch.setitem(globals(), "TRAINED", trained)
    found = planned({"methylation": {"file": "a.tsv", **own}})
    assert found["methylation"]["transform"] == expected
    assert planned({"rna": {"file": "a.tsv"}})["rna"]["transform"] == "none"


def study_with(**entry):
    """Plan a study with a dataset `new` that is projected onto a PCA of LOCAL."""
    config = copy.deepcopy(config_of(TRAINED))
    config["datasets"]["new"] = {"kind": "local", "project_onto": "mine/pca/none", **entry}
    given = copy.deepcopy(config["datasets"])
    study = build_study(check_config(config, SCHEMA), SOURCES)
    check_projections(study, given)
    return study


ONE = {"methylation": {"file": "a.tsv"}}
CLINICAL = {"barcodes": "none", "columns": {"sample": "id", "age": "years"}}


def test_a_clinical_table_of_new_samples_is_read_as_the_config_says():
    study = study_with(blocks=ONE, files={"clinical": "c.tsv"}, clinical=CLINICAL)
    how = clinical_to_project(study, "new")
    assert how["columns"] == CLINICAL["columns"] and how["barcodes"] == "none"
    assert how["roles"]["group"] is None and how["roles"]["strata"] == []  # nobody is made up
    places, both = Places("results", "downloads"), ["expression", "clinical"]
    assert files_of_new_samples(study, "new", places, both) == ["a.tsv", "c.tsv"]
    assert files_of_new_samples(study, "new", places, ["clinical"]) == ["c.tsv"]
    assert projected_onto(study, "mine") == [["new", "pca", "none"]]
    without = study_with(blocks=ONE)
    assert clinical_to_project(without, "new") is None
    assert files_of_new_samples(without, "new", places, both) == ["a.tsv"]


def test_a_scaling_of_new_samples_is_refused():
    entry = {"project_onto": "mine/pca/none", "scaling": {"method": "z_score"}}
    with pytest.raises(InputError) as caught:
        refuse_keys_of_training({"mine": {"scaling": {}}, "new": entry})
    assert str(caught.value) == (
        "datasets.new.scaling: found in a dataset with project_onto, whose samples are prepared as "
        "those of its model were; leave this key out"
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"files": {"clinical": "c.tsv"}},
            "datasets.new.clinical.columns: missing; name the column of c.tsv that has the sample "
            "ids",
        ),
        (
            {"clinical": CLINICAL},
            "datasets.new.clinical.columns: found, but datasets.new.files.clinical names no table",
        ),
        (
            {
                "files": {"clinical": "c.tsv"},
                "clinical": {"barcodes": "none", "columns": {"sample": "id", "far": "away"}},
            },
            "datasets.new.clinical.columns.far: projection.tsv has a column of this name; give "
            "yours another",
        ),
        (
            {"blocks": {"methylation": {"file": "a.tsv", "scaling": {"method": "none"}}}},
            "datasets.new.blocks.methylation.scaling: found in a dataset with project_onto",
        ),
        ({"split": {"method": "stratified"}}, "datasets.new.split: found in a dataset with proj"),
    ],
)
def test_what_new_samples_cannot_have_is_refused_with_its_key(entry, message):
    with pytest.raises(InputError) as caught:
        study_with(**{"blocks": ONE, **entry})
    assert str(caught.value).startswith(message)
