"""Datasets of two blocks, from raw files to the matrix, and new samples of one block."""

import json

import numpy as np
import pandas as pd
import pytest

from tybalt.data.matrix import read_blocks, read_notes, read_obs, read_observed, read_values

TWO = {
    "datasets": {
        "mine": {
            "kind": "local",
            "files": {"clinical": "samples.tsv"},
            "clinical": {"barcodes": "none", "columns": {"sample": "id", "tissue": "tissue"}},
            "roles": {"label": "tissue", "strata": ["tissue"]},
            "blocks": {
                "rna": {"file": "rna.tsv", "features": {"count": 60}},
                "cnv": {
                    "file": "cnv.tsv",
                    "features": {"count": 40},
                    "scaling": {"method": "z_score"},
                    "prefix": "cnv:",
                },
            },
            "rows": "any",
            "split": {"validation": 0.2, "test": 0.2},
        },
        "cohort": {
            "kind": "simulated",
            "simulation": {
                "samples": 120,
                "genes": 400,
                "cancer_types": ["BRCA", "KIRC"],
                "methylation": {"features": 50, "measured": 0.8},
            },
            "blocks": {
                "rna": {"features": {"count": 100}},
                "methylation": {"features": {"count": 30}, "scaling": {"method": "none"}},
            },
        },
        "alone": {
            "kind": "simulated",
            "simulation": {"samples": 120, "genes": 400, "cancer_types": ["BRCA", "KIRC"]},
            "genes": {"count": 100},
        },
        "new": {
            "kind": "local",
            "project_onto": "mine/small-pca/none",
            "blocks": {"cnv": {"file": "new.tsv"}},
        },
    },
    "models": {"small-pca": {"module": "pca", "fixed": {"latent_dim": 4}}},
    "experiments": [{"datasets": ["mine", "cohort", "alone"], "models": ["small-pca"]}],
}


def write_blocks(folder):
    """100 samples of two tissues with the same genes in both tables, and 10 others of either."""
    rng = np.random.default_rng(1)
    ids = [f"s{i:03d}" for i in range(120)]
    tissue = np.tile(["heart", "liver"], 60)
    genes = [f"GENE{i}" for i in range(80)]
    shift = np.where(tissue == "liver", 2.0, 0.0) * (np.arange(80) < 20)[:, None]
    for name, chosen in (("rna", slice(0, 110)), ("cnv", slice(10, 120))):
        values = pd.DataFrame(rng.normal(6, 1, (80, 120)) + shift, genes, ids).round(3)
        if name == "cnv":
            values = values - 6
            values.iloc[3, 50:55] = np.nan
        values.iloc[:, chosen].to_csv(folder / f"{name}.tsv", sep="\t", na_rep="NA")
    values.iloc[:, 20:50].add_prefix("n").to_csv(folder / "new.tsv", sep="\t", na_rep="NA")
    pd.DataFrame({"id": ids, "tissue": tissue}).to_csv(
        folder / "samples.tsv", sep="\t", index=False
    )


@pytest.mark.slow
def test_two_blocks_become_one_matrix_and_new_samples_of_one_are_placed(workflow):
    write_blocks(workflow.folder)
    workflow.configure(TWO, "two.yaml")
    wanted = [f"results/{name}/matrix.h5ad" for name in ("mine", "cohort", "alone")]
    wanted += ["results/new/projection.tsv"]
    workflow.snakemake("--", *wanted, overlay="config/two.yaml")

    mine = str(workflow.path("results/mine/matrix.h5ad"))
    assert read_blocks(mine) == {"rna": 60, "cnv": 40}
    assert read_notes(mine)["scaling"] == {"rna": "zero_one", "cnv": "z_score"}
    assert read_values(mine).shape == (120, 100) and np.isfinite(read_values(mine)).all()
    observed = read_observed(mine)
    # Ten samples lack each block, and five cells of one row are empty, if that row was chosen.
    assert (~observed).sum() - 10 * 60 - 10 * 40 in (0, 5)
    table = pd.read_csv(workflow.path("results/mine/samples.tsv"), sep="\t", dtype=str)
    # In the order of the config, which `configure` has sorted.
    assert table["blocks"].value_counts().to_dict() == {"cnv, rna": 100, "rna": 10, "cnv": 10}
    assert list(table["sample"]) == list(read_obs(mine).index)

    cohort = str(workflow.path("results/cohort/matrix.h5ad"))
    assert read_blocks(cohort) == {"rna": 100, "methylation": 30}
    assert len(read_obs(cohort)) == 96  # rows: all, and 0.8 of them have methylation
    assert read_notes(cohort)["counts"]["blocks"]["rna"]["left_out"] == 24
    raw = workflow.path("results/cohort/raw")
    assert len(pd.read_csv(raw / "planted_methylation.tsv", sep="\t")) == 50

    alone = workflow.path("results/alone/raw")
    assert not (alone / "HumanMethylation450.gz").exists()
    assert read_blocks(str(workflow.path("results/alone/matrix.h5ad"))) == {"expression": 100}

    record = json.loads(workflow.path("results/new/projection.json").read_text())
    assert record["samples"] == 30
    assert record["blocks"]["cnv"]["missing"] == 0
    assert record["blocks"]["rna"] == {"genes": 60, "missing": 60}


@pytest.mark.slow
def test_a_wrong_block_ends_with_one_message(workflow):
    config = {**TWO, "datasets": {**TWO["datasets"], "new": {**TWO["datasets"]["new"]}}}
    config["datasets"]["new"]["blocks"] = {"protein": {"file": "new.tsv"}}
    workflow.configure(config, "two.yaml")
    done = workflow.snakemake("-n", overlay="config/two.yaml", check=False)
    assert done.returncode == 1
    expected = (
        "ERROR in the config: datasets.new.blocks: mine/small-pca/none sees no block 'protein'"
    )
    assert expected in done.stdout and "Traceback" not in done.stdout
    twice = workflow.path("config/two.yaml")
    twice.write_text("seed: 1\nseed: 2\n")
    done = workflow.snakemake("-n", overlay="config/two.yaml", check=False)
    assert f"{twice}, line 2: the key seed stands here again" in done.stdout
