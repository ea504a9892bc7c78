"""Tybalt workflow: cancer transcriptomes to tuned, checked and readable latent spaces.

sources -> matrix -> trials -> best -> model -> encoding -> embedding -> findings -> report
"""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.23")

# Everything is found from this folder, also by a workflow that imports this one as a module.
HERE = Path(str(workflow.current_basedir))
if not HERE.is_dir():
    raise WorkflowError(
        f"{workflow.current_basedir}: this workflow brings a Python library along, which a remote module does not "
        "fetch; clone the repository and name its Snakefile by a local path"
    )
sys.path.insert(0, str(HERE / "workflow" / "scripts"))

from tybalt.jobs.driver import checked, let_go, say_again
from tybalt.plan.config_files import check_file

# Snakemake would not say what it cannot read. Of files named on its command line it says so before
# this line: tools/check_config.py does better.
checked(lambda: check_file(HERE / "config" / "config.yaml"), "the config")


configfile: str(HERE / "config" / "config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/files.smk"
include: "workflow/rules/forms.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/share.smk"
include: "workflow/rules/reproduction.smk"


report: "workflow/report/workflow.rst"


rule all:
    """Everything up to the figures; `snakemake --report results/report.html` binds them."""
    input:
        planned(),


rule download:
    """The source files of every dataset of kind `xena`."""
    input:
        STUDY.downloads(PLACES),


rule preprocess:
    """The matrix and the companion tables of every dataset."""
    input:
        planned("data"),


rule tune:
    """The ranking of every search."""
    input:
        planned_names("best.json"),


rule train:
    """The final model of every experiment."""
    input:
        planned_names("model.zip"),


rule encode:
    """The codes of all samples, and the genes behind them."""
    input:
        planned_names("encoding.tsv.gz", "gene_weights.tsv.gz"),


rule embed:
    """The embeddings of every dataset and experiment."""
    input:
        planned_names("gene_embedding.tsv", "embedding.tsv"),


rule figures:
    """All figures."""
    input:
        planned("figure"),


rule share:
    """What can be sent on: explorer, summary and study file of every dataset."""
    input:
        planned("share", "project"),


rule project:
    """New samples, encoded and placed on the embedding of a model."""
    input:
        planned("project"),
        planned_names("figures/projection.png"),


# Not of a workflow that imports this one, which has handlers of its own.


onstart:
    let_go(workflow)


onsuccess:
    let_go(workflow)


onerror:
    let_go(workflow)
