"""Files of users: what is in them decides what runs again, not when they were written."""

import os
import shutil

import numpy as np
import pandas as pd
from conftest import job_counts

STUDY = {
    "datasets": {
        "mine": {
            "kind": "local",
            "files": {"expression": "expression.tsv", "clinical": "clinical.tsv"},
            "clinical": {"barcodes": "none", "columns": {"sample": "id", "type": "type"}},
            "roles": {"label": "type"},
            "genes": {"count": 20},
        }
    },
    "models": {"p": {"module": "pca", "fixed": {"latent_dim": 2}}},
    "experiments": [{"datasets": ["mine"], "models": ["p"]}],
}

OWN_RULE = """
VERSION = 1
include: "Snakefile"
rule make_it:
    input: "raw.tsv"
    output: "expression.tsv"
    params: version=VERSION
    shell: "cp {input} {output}"
"""


def write_tables(folder):
    rng = np.random.default_rng(1)
    samples = [f"s{i}" for i in range(60)]
    table = pd.DataFrame(rng.normal(6, 1, (30, 60)).round(3), [f"G{i}" for i in range(30)], samples)
    table.rename_axis("gene").to_csv(folder / "expression.tsv", sep="\t")
    clinical = pd.DataFrame({"id": samples, "type": ["A", "B"] * 30})
    clinical.to_csv(folder / "clinical.tsv", sep="\t", index=False)
    return table, clinical


TARGET = "results/mine/p/none/encoding.tsv.gz"


def planned(workflow, *options):
    arguments = ("-n", "--quiet", "rules", *options, "--", TARGET)
    return job_counts(workflow.snakemake(*arguments, overlay="config/mine.yaml").stdout)


def test_an_older_file_with_other_content_is_noticed_and_a_touched_one_is_not(workflow):
    table, clinical = write_tables(workflow.folder)
    workflow.configure(STUDY, "mine.yaml")
    workflow.snakemake("--", TARGET, overlay="config/mine.yaml")
    assert planned(workflow) == {}
    for name in ("expression.tsv", "clinical.tsv"):
        os.utime(workflow.path(name))
    assert planned(workflow) == {}
    for name, changed in (
        ("expression.tsv", table.iloc[:, ::-1].rename_axis("gene").reset_index()),
        ("clinical.tsv", clinical.iloc[::-1]),
    ):
        before = workflow.path(name).read_bytes()
        changed.to_csv(workflow.path(name), sep="\t", index=False)
        os.utime(workflow.path(name), (10**9, 10**9))
        assert {"read_dataset", "fit_trial", "encode_samples"} <= set(planned(workflow)), name
        workflow.path(name).write_bytes(before)
        assert planned(workflow) == {}


def test_of_copied_results_the_time_decides(workflow):
    """Snakemake's records stay behind, and with them what the content was."""
    table, _ = write_tables(workflow.folder)
    workflow.configure(STUDY, "mine.yaml")
    workflow.snakemake("--", TARGET, overlay="config/mine.yaml")
    shutil.rmtree(workflow.path(".snakemake"))
    assert planned(workflow) == {}
    table.iloc[:, ::-1].rename_axis("gene").to_csv(workflow.path("expression.tsv"), sep="\t")
    for _ in range(2):  # a look at the plan changes nothing
        assert {"read_dataset", "fit_trial"} <= set(planned(workflow))


def test_a_file_that_a_rule_makes_is_watched_as_any_other(workflow):
    write_tables(workflow.folder)
    workflow.path("expression.tsv").rename(workflow.path("raw.tsv"))
    workflow.configure(STUDY, "mine.yaml")
    own = workflow.path("own.smk")
    own.write_text(OWN_RULE)
    options = ("--snakefile", "own.smk")
    workflow.snakemake(*options, "--", TARGET, overlay="config/mine.yaml")
    assert planned(workflow, *options) == {}
    own.write_text(OWN_RULE.replace("VERSION = 1", "VERSION = 2"))
    assert {"make_it", "read_dataset", "fit_trial"} <= set(planned(workflow, *options))
