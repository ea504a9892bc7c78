"""study.h5ad: opens with anndata, under the names that scanpy and cellxgene look for."""

from pathlib import Path

import anndata
import numpy as np
import pytest
from shared_study import EXPERIMENTS, LACKING, make_blocks, make_study

from tybalt.jobs.files import read_table, write_table
from tybalt.pages.anndata_export import assemble_study

ROOT = Path(__file__).resolve().parents[2]


def assemble(files, path, **changes):
    arguments = {
        "matrix": files["matrix"],
        "gene_embedding": files["gene_embedding"],
        "leaderboard": files["leaderboard"],
        "encodings": files["encoding.tsv.gz"],
        "embeddings": files["embedding.tsv"],
        "gene_weights": files["gene_weights.tsv.gz"],
        "associations": files["associations.tsv"],
        "findings": files["findings.tsv"],
        "colours": str(ROOT / "resources" / "cohorts.tsv"),
        "projections": [],
        "dataset": {"experiments": EXPERIMENTS, "projected": [], "label": "cancer_type"},
    }
    assemble_study(**{**arguments, **changes}, study=str(path))
    return anndata.read_h5ad(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"))


def test_codes_maps_weights_and_tables_are_those_of_the_files(files, tmp_path):
    study = assemble(files, tmp_path / "study.h5ad")
    assert np.array_equal(study.X, files["X"])
    assert list(study.obs_names) == list(files["obs"].index)
    for number, name in enumerate(("vae_grid", "pca_none")):
        codes = read_table(files["encoding.tsv.gz"][number], index="sample")
        assert np.array_equal(study.obsm[f"X_code_{name}"], codes.to_numpy("float32"))
        weights = read_table(files["gene_weights.tsv.gz"][number], index="gene")
        assert np.allclose(study.varm[name], weights)
        for table in ("associations", "findings"):
            assert study.uns[table][name]["effect_train"].tolist() == [0.02, 0.9, -0.6]
    assert study.uns["leaderboard"]["model"].tolist() == ["pca", "vae", ""]
    assert study.uns["leaderboard"]["control"].tolist() == ["linear baseline", "", "mean sample"]
    assert study.uns["tybalt"]["scaling"] == "zero_one"


def test_maps_have_the_names_and_shape_that_scanpy_and_cellxgene_expect(files, tmp_path):
    study = assemble(files, tmp_path / "study.h5ad")
    maps = [name for name in study.obsm if not name.startswith("X_code_")]
    assert sorted(maps) == [
        "X_pca", "X_pca_pca_none", "X_pca_vae_grid", "X_tsne", "X_tsne_pca_none", "X_tsne_vae_grid",
    ]  # fmt: skip
    for name in maps:
        assert study.obsm[name].shape == (study.n_obs, 2)
        assert np.isfinite(study.obsm[name]).all()
    assert study.obs_names.is_unique and study.var_names.is_unique
    types = study.obs["cancer_type"].cat.categories
    assert len(study.uns["cancer_type_colors"]) == len(types)


def test_a_constant_code_has_no_map_in_the_file(files, tmp_path):
    table = read_table(files["embedding.tsv"][0]).assign(tsne_1=np.nan, tsne_2=np.nan)
    write_table(table, tmp_path / "embedding.tsv")
    changed = [str(tmp_path / "embedding.tsv"), files["embedding.tsv"][1]]
    study = assemble(files, tmp_path / "study.h5ad", embeddings=changed)
    assert "X_tsne_vae_grid" not in study.obsm and "X_code_vae_grid" in study.obsm


def test_new_samples_stand_beside_the_study_with_their_own_columns(files, tmp_path):
    dataset = {"experiments": EXPERIMENTS, "projected": [["clinic", "vae", "grid"]]}
    dataset["label"] = "cancer_type"
    study = assemble(
        files, tmp_path / "study.h5ad", projections=files["projections"], dataset=dataset
    )
    new = study.uns["new_samples"]["clinic"]
    assert list(new.index) == [f"N-{i:02d}" for i in range(12)]
    assert set(new["onto"]) == {"vae_grid"}
    assert new["therapy"].tolist() == ["none", "drug"] * 6
    assert new["carried:response"].tolist() == list(range(12))
    assert new["predicted_label"].tolist() == ["", *["BBB"] * 11]
    assert new[["z1", "z2", "z3"]].to_numpy().tolist() == np.arange(36.0).reshape(12, 3).tolist()
    # As the head of the module says: an AnnData of their own.
    clinic = anndata.AnnData(obs=new, obsm={"X_tsne": new[["tsne_1", "tsne_2"]].to_numpy()})
    assert clinic.shape == (12, 0) and np.isfinite(clinic.obsm["X_tsne"]).all()
    assert "new_samples" not in assemble(files, tmp_path / "without.h5ad").uns


def test_the_file_is_the_same_again(files, tmp_path):
    for name in ("a.h5ad", "b.h5ad"):
        assemble(files, tmp_path / name)
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()


def test_blocks_and_what_was_measured_are_carried_along(tmp_path):
    files = make_blocks(tmp_path)
    study = assemble(files, tmp_path / "study.h5ad")
    assert study.var["block"].tolist() == files["var"]["block"].tolist()
    assert study.layers["observed"].dtype == np.uint8
    assert np.array_equal(study.layers["observed"], files["observed"])
    assert study.uns["tybalt"]["scaling"] == {"rna": "zero_one", "methylation": "none"}


def test_a_model_of_one_block_has_no_weights_and_codes_elsewhere(tmp_path):
    files = make_blocks(tmp_path)
    study = assemble(files, tmp_path / "study.h5ad")
    lacking = np.zeros(study.n_obs, bool)
    lacking[LACKING] = True
    is_rna = (study.var["block"] == "rna").to_numpy()
    assert np.isnan(study.varm["pca_none"][is_rna]).all()
    weights = read_table(files["gene_weights.tsv.gz"][1], index="gene")
    assert np.allclose(study.varm["pca_none"][~is_rna], weights)
    assert np.isfinite(study.varm["vae_grid"]).all()
    assert (np.isnan(study.obsm["X_code_pca_none"]).all(axis=1) == lacking).all()
    # cellxgene refuses maps with missing places, and takes those that begin with X_ for maps.
    assert "X_tsne_pca_none" not in study.obsm
    assert (np.isnan(study.obsm["tsne_pca_none"]).all(axis=1) == lacking).all()
    assert np.isfinite(study.obsm["X_tsne_vae_grid"]).all()


def test_a_matrix_that_was_measured_everywhere_has_no_layer(files, tmp_path):
    study = assemble(files, tmp_path / "study.h5ad")
    assert "observed" not in study.layers
    assert set(study.var["block"]) == {"expression"}
