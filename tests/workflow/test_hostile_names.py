"""Names that look like numbers, missing words, markup or mathematics stay what they are."""

import anndata
import numpy as np
import pandas as pd
import pytest

ODD = ["0001", "1", "1E5", "TRUE", "NA", "null", "None", "N/A", "nan", "inf", "1.10", "1.1", "-1"]
ODD += ["a b", "Pät/α", "<b>x</b>", "$x_{1$", 'it"s', "it's", "=1+1", "@x", "#x", "1_0", "0x1F"]
LABELS = ["1", "$y_{2$", "NA-like"]

HOSTILE = {
    "datasets": {
        "mine": {
            "kind": "local",
            "files": {
                "expression": "expression.tsv", "clinical": "clinical.tsv",
                "mutations": "mutations.tsv", "copy_number": "copy_number.tsv",
                "gene_types": "gene_types.tsv",
            },
            "clinical": {
                "barcodes": "none",
                "columns": {"sample": "id", "kind": "kind", "donor": "donor"},
            },
            "tables": ["clinical", "mutations", "copy_number", "status"],
            "roles": {"group": "donor", "label": "kind", "strata": ["kind"]},
            "genes": {"count": 60},
            "split": {"validation": 0.15, "test": 0.3},
            "contrasts": {"one": {"covariate": "kind", "positive": ["1"]}},
        },
        "new": {
            "kind": "local", "files": {"expression": "expression.tsv"},
            "project_onto": "mine/p/none",
        },
    },
    "models": {"p": {"module": "pca", "fixed": {"latent_dim": 4}}},
    "explain": {"gene_sets": ["sets.gmt"]},
    "experiments": [{"datasets": ["mine"], "models": ["p"]}],
}  # fmt: skip


def rows(*lines):
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)


def write_tables(folder):
    """Write 120 samples of 24 odd names, numbers and words, and 70 genes called alike."""
    rng = np.random.default_rng(1)
    samples = [*ODD, *(f"{i:04d}" for i in range(2, 98))]
    genes = [*ODD, *(str(100 + 7 * i) for i in range(70 - len(ODD)))]
    kinds = np.array([LABELS[i % 3] for i in range(len(samples))])
    values = rng.normal(6, 1, (len(genes), len(samples)))
    for i, kind in enumerate(LABELS):
        values[i * 8 : i * 8 + 8, kinds == kind] += 3
    values[:3] += 20 * (np.arange(len(samples)) % 4 == 0)  # a feature of three genes of one set
    cells = np.char.mod("%.3f", values)
    table = rows(["gene", *samples], *([g, *line] for g, line in zip(genes, cells, strict=True)))
    (folder / "expression.tsv").write_text(table)
    lines = [[s, k, f"{i // 2:03d}"] for i, (s, k) in enumerate(zip(samples, kinds, strict=True))]
    (folder / "clinical.tsv").write_text(rows(["id", "kind", "donor"], *lines))
    hits = [[s, "NA" if i % 2 else "1E5", "Missense_Mutation"] for i, s in enumerate(samples)]
    (folder / "mutations.tsv").write_text(rows(["sample", "gene", "effect"], *hits))
    calls = [[g, *rng.integers(-2, 3, len(samples))] for g in genes]
    (folder / "copy_number.tsv").write_text(rows(["gene", *samples], *calls))
    types = [["NA", "True", "False"], ["1E5", "False", "True"]]
    (folder / "gene_types.tsv").write_text(rows(["hugoSymbol", "oncogene", "tsg"], *types))
    sets = [["TRUE", "", *genes[:8]], ["0002", "", *genes[8:16]], ["NA", "", *genes[16:24]]]
    (folder / "sets.gmt").write_text(rows(*sets))
    return samples, genes


def names_in(path, column="sample"):
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return set(table[column])


@pytest.mark.slow
def test_hostile_names_come_out_of_every_table_as_they_went_in(workflow):
    samples, genes = write_tables(workflow.folder)
    workflow.configure(HOSTILE, "mine.yaml")
    workflow.snakemake(overlay="config/mine.yaml")
    mine = workflow.path("results/mine")
    for table in sorted(workflow.path("results").glob("[mn]*/**/*.tsv*")):
        if table.suffix not in (".tsv", ".gz") or "benchmarks" in str(table):
            continue
        head = pd.read_csv(table, sep="\t", nrows=0)
        if "sample" in head:
            assert names_in(table) <= set(samples), table
        for column in ("gene", "donor", "kind"):
            known = {"gene": genes, "donor": [f"{i:03d}" for i in range(60)], "kind": LABELS}
            # A table that is not of samples may have a kind of its own.
            if column in head and (column != "kind" or "sample" in head):
                assert names_in(table, column) <= set(known[column]), table
    for whole in ("samples.tsv", "p/none/encoding.tsv.gz", "p/none/embedding.tsv", "clinical.tsv"):
        assert names_in(mine / whole) == set(samples), whole
    assert names_in(mine / "p/none/features_with_clinical.tsv.gz") == set(samples)
    chosen = names_in(mine / "p/none/gene_weights.tsv.gz", "gene")
    assert len(chosen) == 60 and chosen <= set(genes)
    new = workflow.path("results/new/projection.tsv")
    assert names_in(new) == set(samples) == names_in(new, "nearest_sample") | set(samples)
    assert names_in(new, "predicted_label") == set(LABELS)
    status = anndata.read_h5ad(mine / "status.h5ad")
    assert set(status.obs_names) == set(samples) and set(status.var_names) == {"NA", "1E5"}
    findings = pd.read_csv(mine / "p/none/findings.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert set(findings["contrast"]) >= {"one", *(f"kind:{label}" for label in LABELS)}
    sets = names_in(mine / "p/none/gene_sets.tsv", "gene_set")
    assert sets and sets <= {"TRUE", "0002", "NA"}
    study = anndata.read_h5ad(mine / "study.h5ad")
    assert set(study.obs_names) == set(samples) and set(study.var_names) == chosen
    page = (mine / "summary.html").read_text()
    assert "<b>x</b>" not in page
