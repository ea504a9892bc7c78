"""Blocks, models with loops of their own and models on models, as Snakemake runs them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tybalt.data.matrix import read_blocks, read_observed
from tybalt.jobs.files import read_json, read_table
from tybalt.training.bundle import read_record

TOYS = Path(__file__).resolve().parents[1] / "models" / "toys"

SMALL = {"latent_dim": 4, "epochs": 3, "batch_size": 20}
OMICS = {
    "datasets": {
        "mine": {
            "kind": "local",
            "files": {"clinical": "samples.tsv"},
            "blocks": {
                "rna": {"file": "rna.tsv", "features": {"count": 80}},
                "methylation": {
                    "file": "methylation.tsv",
                    "features": {"count": 40},
                    "scaling": {"method": "none"},
                },
            },
            "clinical": {
                "barcodes": "none",
                "columns": {"sample": "id", "tissue": "tissue", "donor": "donor", "size": "size"},
            },
            "roles": {"group": "donor", "label": "tissue", "strata": ["tissue"], "weight": "size"},
            "split": {"validation": 0.15, "test": 0.25},
        },
        "sparse": {
            "kind": "simulated",
            "simulation": {
                "samples": 240,
                "genes": 1500,
                "cancer_types": ["BRCA", "KIRC", "UVM"],
                "methylation": {"features": 100, "measured": 0.6},
            },
            "blocks": {
                "rna": {"features": {"count": 100}},
                "methylation": {"features": {"count": 60}, "scaling": {"method": "none"}},
            },
            "rows": "any",
            "split": {"validation": 0.2, "test": 0.25},
        },
    },
    "models": {
        "rna-vae": {"module": "vae", "blocks": ["rna"], "fixed": SMALL},
        "meth-pca": {"module": "pca", "blocks": ["methylation"], "fixed": {"latent_dim": 4}},
        "both-pca": {"module": "pca", "fixed": {"latent_dim": 4}},
        "both-vae": {"module": "vae", "fixed": SMALL},
        "upon": {
            "module": "linear_autoencoder",
            "codes_of": ["rna-vae", "meth-pca"],
            "fixed": SMALL,
            "space": {"learning_rate": [0.01, 0.02]},
        },
        "players": {
            "module": "two_players",
            "fixed": SMALL,
            "space": {"adversarial": [0.01, 0.1]},
        },
        "predictions": {
            "module": "two_predictions",
            "fixed": SMALL,
            "space": {"cross": [0.5, 1.0]},
        },
    },
    "explain": {"stability_seeds": 1},
    "experiments": [
        {"datasets": ["mine"], "models": ["rna-vae", "meth-pca", "both-pca"]},
        {"datasets": ["mine"], "models": ["upon"], "tuners": ["grid"]},
        {"datasets": ["sparse"], "models": ["meth-pca", "both-vae"]},
    ],
}
TOY_EXPERIMENTS = [{"datasets": ["mine"], "models": ["players", "predictions"], "tuners": ["grid"]}]


def write_omics(folder):
    """Write 160 samples of 80 donors, 150 of them with methylation that follows expression."""
    rng = np.random.default_rng(1)
    samples = pd.DataFrame({"id": [f"s{i:03d}" for i in range(160)]})
    samples["donor"] = [f"d{i // 2:02d}" for i in range(160)]
    samples["tissue"] = np.tile(["heart", "liver"], 80)
    samples["size"] = rng.integers(1, 5, 160)
    rna = rng.normal(6, 1, size=(100, 160))
    rna[:40, samples["tissue"] == "liver"] += 3
    methylation = 1 / (1 + np.exp(rna[:50] - rna[:50].mean(axis=1, keepdims=True)))
    for name, values, count in (("rna", rna.clip(0), 160), ("methylation", methylation, 150)):
        table = pd.DataFrame(values[:, :count], columns=samples["id"][:count])
        table.insert(0, "feature", [f"{name}{i}" for i in range(len(values))])
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)


def prepare(workflow, experiments=()):
    """Put data, toys and config into a copy of the workflow."""
    write_omics(workflow.folder)
    for toy in TOYS.glob("*.py"):
        shutil.copy(toy, workflow.path(f"workflow/scripts/tybalt/models/{toy.name}"))
    workflow.configure(
        {**OMICS, "experiments": [*OMICS["experiments"], *experiments]}, "omics.yaml"
    )


def test_a_dry_run_shows_what_a_model_on_models_waits_for(workflow):
    prepare(workflow)
    counts = workflow.planned("results/mine/upon/grid/trials.tsv", overlay="config/omics.yaml")
    assert counts["train_model"] == counts["fit_model"] == 1, "its bases, whole"
    assert counts["train_trial"] == 2 + 1 and counts["fit_trial"] == 1
    counts = workflow.planned("results/mine/upon/grid/encoding.tsv.gz", overlay="config/omics.yaml")
    assert counts["encode_samples"] == 1, "its own file holds the bases"


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"both-pca": {"module": "pca", "blocks": ["protein"]}}, "mine has no block 'protein'"),
        ({"rna-vae": {"module": "pca", "codes_of": "upon"}}, "is a circle"),
    ],
)
def test_what_cannot_be_planned_is_one_message(models, message, workflow):
    prepare(workflow)
    changed = {**OMICS, "models": {**OMICS["models"], **models}}
    workflow.configure(changed, "omics.yaml")
    done = workflow.snakemake("-n", overlay="config/omics.yaml", check=False)
    assert done.returncode != 0 and message in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_blocks_are_explained_alone_together_and_through_codes(workflow):
    prepare(workflow)
    workflow.snakemake(overlay="config/omics.yaml")
    mine, sparse = workflow.path("results/mine"), workflow.path("results/sparse")

    matrix = str(mine / "matrix.h5ad")
    assert read_blocks(matrix) == {"rna": 80, "methylation": 40}
    assert read_observed(matrix) is None, "rows: all keeps the samples that every block has"
    assert len(read_table(mine / "samples.tsv")) == 150
    sizes = {"rna-vae": 80, "meth-pca": 40, "both-pca": 120, "upon": 120}
    for model, size in sizes.items():
        folder = mine / model / ("grid" if model == "upon" else "none")
        assert len(read_table(folder / "gene_weights.tsv.gz")) == size
        assert (read_table(folder / "findings.tsv")["separates"] == "yes").any(), model
        assert (folder / "figures" / "embedding.png").exists()
    record = read_record(str(mine / "upon/grid/model.zip"))
    assert record["bases"] == ["rna-vae", "meth-pca"]
    assert record["blocks"] == {"methylation": 40, "rna": 80}

    # Samples without methylation: seen by the model of both blocks, not by the other.
    observed = read_observed(str(sparse / "matrix.h5ad"))
    lacking = ~read_observed(str(sparse / "matrix.h5ad"), ["methylation"]).any(axis=1)
    assert lacking.sum() == 96 and observed.sum() == 240 * 100 + 144 * 60
    samples = read_table(sparse / "samples.tsv")
    assert (samples["blocks"] == "rna").to_numpy()[lacking].all()
    assert len(read_table(sparse / "both-vae/none/encoding.tsv.gz")) == 240
    coded = read_table(sparse / "meth-pca/none/encoding.tsv.gz")["sample"]
    assert list(coded) == list(samples["sample"][~lacking])
    history = read_table(sparse / "both-vae/none/history.tsv")
    assert {"reconstruction_rna", "validation_reconstruction_methylation"} <= set(history)
    for page in ("summary.html", "explorer.html", "study.h5ad"):
        assert (sparse / page).stat().st_size > 1000 and (mine / page).exists()


@pytest.mark.slow
def test_toys_are_tuned_kept_and_encoded(workflow):
    prepare(workflow, TOY_EXPERIMENTS)
    places = [f"results/mine/{model}/grid" for model in ("players", "predictions")]
    files = ("trials.tsv", "encoding.tsv.gz", "gene_weights.tsv.gz")
    targets = [f"{place}/{file}" for place in places for file in files]
    workflow.snakemake("--", *targets, overlay="config/omics.yaml")
    for place in places:
        assert len(read_table(workflow.path(f"{place}/trials.tsv"))) == 2
        assert read_json(workflow.path(f"{place}/best.json"))["score"] > 0
        assert len(read_table(workflow.path(f"{place}/encoding.tsv.gz"))) == 150
    record = read_record(str(workflow.path("results/mine/players/grid/model.zip")))
    assert {"encoder", "decoder"} <= set(record)
