"""A matrix of tissues and donors: no column has a name that the TCGA uses."""

import re

import numpy as np
import pandas as pd
import pytest

from tybalt.plan import outputs

TISSUES = {
    "datasets": {
        "mine": {
            "kind": "local",
            "files": {"expression": "expression.tsv", "clinical": "samples.tsv"},
            "clinical": {
                "barcodes": "none",
                "columns": {"sample": "id", "tissue": "tissue", "donor": "donor", "batch": "batch"},
            },
            "roles": {"group": "donor", "label": "tissue", "strata": ["tissue"]},
            "genes": {"count": 200},
            "split": {"validation": 0.15, "test": 0.25},
            "contrasts": {"batch": {"covariate": "batch", "positive": ["b2"], "within": "label"}},
        }
    },
    "models": {
        "small-vae": {
            "module": "vae",
            "fixed": {"latent_dim": 5, "epochs": 3, "batch_size": 20},
            "space": {"depth": [0, 1]},
        },
        "small-pca": {"module": "pca", "fixed": {"latent_dim": 5}},
    },
    "explain": {"stability_seeds": 1},
    "experiments": [
        {"datasets": ["mine"], "models": ["small-vae", "small-pca"], "tuners": ["grid"]}
    ],
}


def write_tissues(folder):
    """160 samples of 80 donors: four tissues, each with genes of its own; two batches."""
    rng = np.random.default_rng(1)
    samples = pd.DataFrame({"id": [f"s{i:03d}" for i in range(160)]})
    samples["donor"] = [f"{i // 2:03d}" for i in range(160)]
    samples["tissue"] = np.tile(["blood", "heart", "liver", "lung"], 40)
    samples["batch"] = np.where(rng.random(160) < 0.5, "b1", "b2")
    values = rng.normal(6, 1, size=(300, 160))
    for i, tissue in enumerate(["blood", "heart", "liver", "lung"]):
        values[i * 40 : i * 40 + 40, samples["tissue"] == tissue] += 3
    values[200:230, samples["batch"] == "b2"] += 2
    table = pd.DataFrame(values.clip(0), columns=samples["id"])
    table.insert(0, "gene", [f"GENE{i}" for i in range(300)])
    table.to_csv(folder / "expression.tsv", sep="\t", index=False)
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)


@pytest.mark.slow
def test_tissues_of_donors_are_explained_under_their_own_names(workflow):
    write_tissues(workflow.folder)
    workflow.configure(TISSUES, "mine.yaml")
    workflow.snakemake(overlay="config/mine.yaml")
    mine = workflow.path("results/mine")

    allowed = {"explain", "cohort", "label", "contrasts", "several models", "searched"}
    drawn = {path.stem for path in mine.rglob("figures/*.png")}
    for figure in outputs.figures().values():
        if set(figure.needs) <= allowed and "published" not in figure.path:
            stem = figure.path.rpartition("/")[2]
            assert stem.format(model="small-vae", contrast="batch") in drawn
    for page in ("summary.html", "explorer.html"):
        text = (mine / page).read_text()
        assert "tissue" in text, page
        assert not re.search(r"cancer.type|patient", text), page
    findings = pd.read_csv(mine / "small-pca/none/findings.tsv", sep="\t")
    batch = findings[findings["contrast"] == "batch"].iloc[0]
    assert batch["description"].endswith("within tissues")
    assert batch["separates"] == "yes"
    assert set(pd.read_csv(mine / "samples.tsv", sep="\t", dtype=str)["donor"]) >= {"000", "079"}
