# Stage 4: encoding -> embedding -> meaning
#
# REQUIRES
#   results/{dataset}/matrix.h5ad, results/{dataset}/{model}/{tuner}/encoding.tsv.gz
# PROVIDES
#   results/{dataset}/gene_embedding.tsv                        map of the samples by their genes
#   results/{dataset}/{model}/{tuner}/embedding.tsv             map of the samples by their codes
#   results/{dataset}/embedding_quality.tsv, embedding_purity.tsv                 what each map keeps of the truth
#   results/{dataset}/{model}/{tuner}/associations.tsv          every feature asked every contrast
#   results/{dataset}/{model}/{tuner}/contrasts.tsv             what was compared, and of how many
#   results/{dataset}/{model}/{tuner}/high_weight_genes.tsv, gene_sets.tsv
#   results/{dataset}/{model}/{tuner}/replicates/{replicate}.tsv.gz   codes of trainings with other seeds
#   results/{dataset}/{model}/{tuner}/stability.tsv             each feature found again in them
#   results/{dataset}/{model}/{tuner}/findings.tsv              one row for each contrast: the claim
#   results/{dataset}/matched_features.tsv                      features that models share
#   results/{dataset}/{model}/{tuner}/evaluation.json           one row of the leaderboard
#   results/{dataset}/leaderboard.tsv                           every model on one scale
# and for simulated cohorts
#   results/{dataset}/{model}/{tuner}/planted_factors.tsv                planted factors found by the code
#   results/{dataset}/planted_factors.tsv                                 those of all models


localrules:
    compare_models,
    compare_planted_factors,
    list_findings,


rule embed_genes:
    """Map the samples by their genes."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
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
        kinds=STUDY.config["explain"]["embeddings"],
        n_seeds=STUDY.config["explain"]["map_seeds"],
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
        kinds=STUDY.config["explain"]["embeddings"],
        n_seeds=STUDY.config["explain"]["map_seeds"],
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "embedding"),
        code=code_hash("embed_samples"),
    script:
        "../scripts/embed_samples.py"


rule associate_features:
    """Ask every latent feature every contrast of the dataset."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        status=of_tables("status", "status.h5ad"),
        mutation_burden=of_tables("mutations", "mutation_burden.tsv"),
        driver_genes=resource("driver_mutations.tsv"),
    output:
        associations="results/{dataset}/{model}/{tuner}/associations.tsv",
        contrasts="results/{dataset}/{model}/{tuner}/contrasts.tsv",
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
        declared=of_dataset("contrasts"),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "bootstrap"),
        code=code_hash("associate_features"),
    script:
        "../scripts/associate_features.py"


rule find_gene_sets:
    """List the genes behind every feature, and the gene sets among them."""
    input:
        gene_weights="results/{dataset}/{model}/{tuner}/gene_weights.tsv.gz",
        gmt=gene_set_files(),
    output:
        high_weight_genes="results/{dataset}/{model}/{tuner}/high_weight_genes.tsv",
        gene_sets="results/{dataset}/{model}/{tuner}/gene_sets.tsv",
    log:
        "results/logs/find_gene_sets/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/find_gene_sets/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_hash("find_gene_sets"),
    script:
        "../scripts/find_gene_sets.py"


rule train_replicate:
    """Train the winning setting with another seed, and keep the codes."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        best="results/{dataset}/{model}/{tuner}/best.json",
    output:
        replicate="results/{dataset}/{model}/{tuner}/replicates/{replicate}.tsv.gz",
    log:
        "results/logs/train_replicate/{dataset}/{model}/{tuner}/{replicate}.log",
    benchmark:
        "results/benchmarks/train_replicate/{dataset}/{model}/{tuner}/{replicate}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
        accelerator=1,
    params:
        training=training_options,
        seed=lambda wildcards: STUDY.seed(
            *experiment_of(wildcards).key, "replicate", wildcards.replicate
        ),
        code=model_code("train_replicate"),
    script:
        "../scripts/train_replicate.py"


rule measure_stability:
    """Find each feature again in trainings with other seeds."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        replicates=replicates_of_experiment,
    output:
        stability="results/{dataset}/{model}/{tuner}/stability.tsv",
    log:
        "results/logs/measure_stability/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/measure_stability/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_hash("measure_stability"),
    script:
        "../scripts/measure_stability.py"


rule list_findings:
    """Sum up every contrast in one row."""
    input:
        associations="results/{dataset}/{model}/{tuner}/associations.tsv",
        contrasts="results/{dataset}/{model}/{tuner}/contrasts.tsv",
        high_weight_genes="results/{dataset}/{model}/{tuner}/high_weight_genes.tsv",
        gene_sets="results/{dataset}/{model}/{tuner}/gene_sets.tsv",
        stability=stability_of_experiment,
    output:
        findings="results/{dataset}/{model}/{tuner}/findings.tsv",
    log:
        "results/logs/list_findings/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/list_findings/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=code_hash("list_findings"),
    script:
        "../scripts/list_findings.py"


rule match_models:
    """Match the features of every pair of models."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encodings=lambda wildcards: files_of_experiments(wildcards.dataset, "encoding.tsv.gz"),
    output:
        matched_features="results/{dataset}/matched_features.tsv",
    log:
        "results/logs/match_models/{dataset}.log",
    benchmark:
        "results/benchmarks/match_models/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        experiments=lambda wildcards: [list(key[1:]) for key in experiments_of(wildcards.dataset)],
        code=code_hash("match_models"),
    script:
        "../scripts/match_models.py"


rule measure_embeddings:
    """Measure every map against what it is a map of."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        gene_embedding="results/{dataset}/gene_embedding.tsv",
        encodings=lambda wildcards: files_of_experiments(wildcards.dataset, "encoding.tsv.gz"),
        embeddings=lambda wildcards: files_of_experiments(wildcards.dataset, "embedding.tsv"),
    output:
        embedding_quality="results/{dataset}/embedding_quality.tsv",
        embedding_purity="results/{dataset}/embedding_purity.tsv",
    log:
        "results/logs/measure_embeddings/{dataset}.log",
    benchmark:
        "results/benchmarks/measure_embeddings/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        experiments=lambda wildcards: [list(key[1:]) for key in experiments_of(wildcards.dataset)],
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "embedding"),
        code=code_hash("measure_embeddings"),
    script:
        "../scripts/measure_embeddings.py"


rule evaluate_model:
    """Judge one model on the test samples."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
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
        evaluations=lambda wildcards: files_of_experiments(wildcards.dataset, "evaluation.json"),
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
        experiments=lambda wildcards: [list(key[1:]) for key in experiments_of(wildcards.dataset)],
        code=code_hash("compare_models"),
    script:
        "../scripts/compare_models.py"


rule measure_planted_factors:
    """Measure how much of every planted factor a code explains."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        planted="results/{dataset}/raw/planted_factors.h5ad",
    output:
        planted_factors="results/{dataset}/{model}/{tuner}/planted_factors.tsv",
    log:
        "results/logs/measure_planted_factors/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/measure_planted_factors/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=code_hash("measure_planted_factors"),
    script:
        "../scripts/measure_planted_factors.py"


rule compare_planted_factors:
    """Put the grades of the models of a simulated cohort side by side."""
    input:
        found=lambda wildcards: files_of_experiments(wildcards.dataset, "planted_factors.tsv"),
    output:
        planted_factors="results/{dataset}/planted_factors.tsv",
    log:
        "results/logs/compare_planted_factors/{dataset}.log",
    benchmark:
        "results/benchmarks/compare_planted_factors/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        experiments=lambda wildcards: [list(key[1:]) for key in experiments_of(wildcards.dataset)],
        code=code_hash("compare_planted_factors"),
    script:
        "../scripts/compare_planted_factors.py"
