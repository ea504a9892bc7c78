# Stage 4: encoding -> embedding -> meaning
#
# REQUIRES
#   results/{dataset}/expression.h5ad, results/{dataset}/{model}/{tuner}/encoding.tsv.gz
# PROVIDES
#   results/{dataset}/gene_embedding.tsv                        map of the samples by their genes
#   results/{dataset}/{model}/{tuner}/embedding.tsv             map of the samples by their codes
#   results/{dataset}/{model}/{tuner}/associations.tsv          every feature asked every question
#   results/{dataset}/{model}/{tuner}/evaluation.json           one row of the leaderboard
#   results/{dataset}/leaderboard.tsv                           every model on one scale
# and for simulated cohorts
#   results/{dataset}/{model}/{tuner}/grades.tsv                planted factors found by the code
#   results/{dataset}/truth.tsv                                 those of all models


localrules:
    compare_models,
    compare_grades,


rule embed_genes:
    """Map the samples by their genes."""
    input:
        matrix="results/{dataset}/expression.h5ad",
    output:
        gene_embedding="results/{dataset}/gene_embedding.tsv",
    log:
        "results/logs/embed_genes/{dataset}.log",
    benchmark:
        "results/benchmarks/embed_genes/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "embedding"),
        code=code_hash("embed_genes"),
    script:
        "../scripts/embed_genes.py"


rule embed_samples:
    """Map the samples by their codes."""
    input:
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
    output:
        embedding="results/{dataset}/{model}/{tuner}/embedding.tsv",
    log:
        "results/logs/embed_samples/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/embed_samples/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "embedding"),
        code=code_hash("embed_samples"),
    script:
        "../scripts/embed_samples.py"


rule associate_features:
    """Ask every latent feature every question of the dataset."""
    input:
        matrix="results/{dataset}/expression.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
    output:
        associations="results/{dataset}/{model}/{tuner}/associations.tsv",
    log:
        "results/logs/associate_features/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/associate_features/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        signals=of_dataset("signals"),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "bootstrap"),
        code=code_hash("associate_features"),
    script:
        "../scripts/associate_features.py"


rule evaluate_model:
    """Judge one model on the test samples."""
    input:
        matrix="results/{dataset}/expression.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        best="results/{dataset}/{model}/{tuner}/best.json",
        model="results/{dataset}/{model}/{tuner}/model.zip",
        history="results/{dataset}/{model}/{tuner}/history.tsv",
        reconstruction_genes="results/{dataset}/{model}/{tuner}/reconstruction_genes.tsv.gz",
        reconstruction_samples="results/{dataset}/{model}/{tuner}/reconstruction_samples.tsv.gz",
        associations="results/{dataset}/{model}/{tuner}/associations.tsv",
    output:
        evaluation="results/{dataset}/{model}/{tuner}/evaluation.json",
    log:
        "results/logs/evaluate_model/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/evaluate_model/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "bootstrap"),
        code=code_hash("evaluate_model"),
    script:
        "../scripts/evaluate_model.py"


rule compare_models:
    """Put the models of a dataset into one table."""
    input:
        evaluations=lambda wildcards: files_of_cells(wildcards.dataset, "evaluation.json"),
    output:
        leaderboard="results/{dataset}/leaderboard.tsv",
    log:
        "results/logs/compare_models/{dataset}.log",
    benchmark:
        "results/benchmarks/compare_models/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        cells=lambda wildcards: [list(key[1:]) for key in cells_of(wildcards.dataset)],
        code=code_hash("compare_models"),
    script:
        "../scripts/compare_models.py"


rule grade_factors:
    """Measure how much of every planted factor a code explains."""
    input:
        matrix="results/{dataset}/expression.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        truth="results/{dataset}/raw/truth.h5ad",
    output:
        grades="results/{dataset}/{model}/{tuner}/grades.tsv",
    log:
        "results/logs/grade_factors/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/grade_factors/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_hash("grade_factors"),
    script:
        "../scripts/grade_factors.py"


rule compare_grades:
    """Put the grades of the models of a simulated cohort side by side."""
    input:
        grades=lambda wildcards: files_of_cells(wildcards.dataset, "grades.tsv"),
    output:
        truth_table="results/{dataset}/truth.tsv",
    log:
        "results/logs/compare_grades/{dataset}.log",
    benchmark:
        "results/benchmarks/compare_grades/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        cells=lambda wildcards: [list(key[1:]) for key in cells_of(wildcards.dataset)],
        code=code_hash("compare_grades"),
    script:
        "../scripts/compare_grades.py"
