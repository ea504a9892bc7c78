"""Tybalt workflow: cancer transcriptomes to tuned, checked and readable latent spaces.

sources -> matrix -> trials -> best -> model -> encoding -> embedding -> findings -> report
"""

from snakemake.utils import min_version

min_version("9.23")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/share.smk"


report: "workflow/report/workflow.rst"


localrules:
    all,
    download,
    preprocess,
    tune,
    train,
    encode,
    embed,
    figures,
    share,
    project,


rule all:
    """Everything up to the figures; `snakemake --report results/report.html` binds them."""
    default_target: True
    input:
        figure_files(),
        shared_files(),
        dataset_files(),
        experiment_files("gene_weights.tsv.gz"),
        finding_files(),
        joined_files(),


rule download:
    """The source files of every dataset of kind `xena`."""
    input:
        source_files(),


rule preprocess:
    """The matrix and the companion tables of every dataset."""
    input:
        dataset_files(),


rule tune:
    """The ranking of every search."""
    input:
        experiment_files("best.json"),


rule train:
    """The final model of every experiment."""
    input:
        experiment_files("model.zip"),


rule encode:
    """The codes of all samples, and the genes behind them."""
    input:
        experiment_files("encoding.tsv.gz", "gene_weights.tsv.gz"),


rule embed:
    """The maps of every dataset and experiment."""
    input:
        [f"results/{dataset}/gene_embedding.tsv" for dataset in STUDY.datasets],
        experiment_files("embedding.tsv"),


rule figures:
    """All figures."""
    input:
        figure_files(),


rule share:
    """What can be sent on: explorer, summary and study file of every dataset."""
    input:
        shared_files(),


rule project:
    """New samples, encoded and placed on the map of a model."""
    input:
        [f"results/{dataset}/projection.tsv" for dataset in STUDY.projections],
        [f"{stem}.png" for stem in projection_figures()],
