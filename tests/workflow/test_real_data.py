"""The chain on real TCGA samples (350 of six cancer types), where the folder with them is given."""

import os
from pathlib import Path

import pytest

from tybalt.jobs.files import read_json, read_table

pytestmark = pytest.mark.slow

REAL = os.environ.get("TYBALT_REAL_DATA")
if not REAL:
    pytest.skip("TYBALT_REAL_DATA is not set: no real data", allow_module_level=True)

OVERLAY = {
    "datasets": {
        "real": {
            "kind": "local",
            "files": {
                "expression": str(Path(REAL, "tcga", "HiSeqV2_subset.gz")),
                "clinical": str(Path(REAL, "tcga", "clinical_subset.tsv")),
            },
            "clinical": {
                "columns": {
                    "sample": "sample_id",
                    "cancer_type": "acronym",
                    "sex": "gender",
                    "age": "age_at_diagnosis",
                    "stage": "stage",
                    "organ": "organ",
                }
            },
            "genes": {"count": 1000},
            "split": {"validation": 0.1, "test": 0.2},
            "contrasts": {
                "sex": {"covariate": "sex", "positive": ["male"], "within": "cancer_type"},
                "uveal-melanoma": {"covariate": "cancer_type", "positive": ["UVM"]},
            },
        }
    },
    "models": {
        "real-vae": {"module": "vae", "fixed": {"latent_dim": 30, "epochs": 30, "batch_size": 25}},
        "real-pca": {"module": "pca", "fixed": {"latent_dim": 30}},
    },
    "experiments": [{"datasets": ["real"], "models": ["real-vae", "real-pca"]}],
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    from conftest import copy_workflow

    workflow = copy_workflow(tmp_path_factory.mktemp("real"))
    workflow.configure(OVERLAY)
    workflow.snakemake()
    return workflow


def best_feature(study, model, contrast):
    table = read_table(study.path(f"results/real/{model}/none/findings.tsv"), index="contrast")
    return table.loc[contrast]


@pytest.mark.parametrize("model", ["real-vae", "real-pca"])
def test_uveal_melanoma_is_found_on_training_and_confirmed_on_test_samples(study, model):
    # Every model of the reference runs separates uveal melanoma with an AUROC of 0.85 to 1.00.
    best = best_feature(study, model, "uveal-melanoma")
    assert abs(best["effect_train"] - 0.5) > 0.35
    assert abs(best["effect_test"] - 0.5) > 0.35
    assert best["separates"] == "yes"


def test_sexes_are_compared_within_cancer_types(study):
    best = best_feature(study, "real-pca", "sex")
    # ACC, CHOL, DLBC, STAD, UVM; uterine carcinosarcoma: women only.
    assert best["strata"] == 5


def test_the_models_reconstruct_test_samples_better_than_the_mean_profile(study):
    for model in ("real-vae", "real-pca"):
        genes = read_table(study.path(f"results/real/{model}/none/reconstruction_genes.tsv.gz"))
        assert genes["pearson_test"].median() > 0.3


def test_the_score_is_that_of_the_best_epoch(study):
    best = read_json(study.path("results/real/real-vae/none/best.json"))
    history = read_table(study.path("results/real/real-vae/none/history.tsv"))
    assert best["score"] == history.loc[history["eligible"], "score"].min()
