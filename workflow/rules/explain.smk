# Stage 4: encoding -> embedding -> findings
#
# REQUIRES
#   results/{dataset}/matrix.h5ad, samples.tsv, results/{dataset}/{model}/{tuner}/encoding.tsv.gz
# PROVIDES
#   results/{dataset}/gene_embedding.tsv                        embedding of the samples by their genes
#   results/{dataset}/{model}/{tuner}/embedding.tsv             embedding of the samples by their codes
#   results/{dataset}/embedding_quality.tsv, embedding_purity.tsv                 neighbours preserved by each embedding
#   results/{dataset}/{model}/{tuner}/associations.tsv          every feature tested for every contrast
#   results/{dataset}/{model}/{tuner}/contrasts.tsv             what was compared, and of how many
#   results/{dataset}/{model}/{tuner}/readouts.tsv              every contrast read out of the whole code
#   results/{dataset}/readouts.tsv                              those of all models side by side
#   results/{dataset}/{model}/{tuner}/high_weight_genes.tsv, gene_sets.tsv
#   results/{dataset}/{model}/{tuner}/replicates/{replicate}.tsv.gz   codes of trainings with other
#                                                               seeds, and on bootstrap samples
#   results/{dataset}/{model}/{tuner}/stability.tsv             each feature found again in them
#   results/{dataset}/{model}/{tuner}/refits.tsv                the best feature of each contrast in them
#   results/{dataset}/{model}/{tuner}/gene_differences.tsv      do its high-weight genes differ?
#   results/{dataset}/{model}/{tuner}/rotation.tsv              features beside the codes before their rotation
#   results/{dataset}/{model}/{tuner}/unrotated/                tables of those codes
#   results/{dataset}/{model}/{tuner}/feature_pairs.tsv, pair_points.tsv.gz   two features for each named contrast
#   results/{dataset}/{model}/{tuner}/findings.tsv              one row for each contrast: the verdict
#   results/{dataset}/matched_features.tsv                      features that models share
#   results/{dataset}/{model}/{tuner}/evaluation.json           one row of the leaderboard
#   results/{dataset}/leaderboard.tsv                           every model on one scale
#   results/{dataset}/repeats.tsv                               all repeats of the split side by side
# and for simulated cohorts
#   results/{dataset}/{model}/{tuner}/planted_factors.tsv                planted factors found by the code
#   results/{dataset}/planted_factors.tsv                                 those of all models


rule embed_genes:
    """Embed the samples by their genes."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
    output:
        gene_embedding=f"{DATASET}/gene_embedding.tsv",
    log:
        log_of("embed_genes", DATASET),
    benchmark:
        benchmark_of("embed_genes", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(4000, 30),
    params:
        kinds=STUDY.config["explain"]["embeddings"],
        seed=seed_of("{dataset}", "embedding"),
        code=code_hash("embed_genes"),
    script:
        "../scripts/embed_genes.py"


rule embed_samples:
    """Embed the samples by their codes."""
    input:
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
    output:
        embedding=f"{EXPERIMENT}/embedding.tsv",
    log:
        log_of("embed_samples", EXPERIMENT),
    benchmark:
        benchmark_of("embed_samples", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(4000, 30),
    params:
        kinds=STUDY.config["explain"]["embeddings"],
        seed=seed_of("{dataset}", "embedding"),
        code=code_hash("embed_samples"),
    script:
        "../scripts/embed_samples.py"


rule associate_features:
    """Test every latent feature for every contrast of the dataset."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        associations=f"{EXPERIMENT}/associations.tsv",
        contrasts=f"{EXPERIMENT}/contrasts.tsv",
    log:
        log_of("associate_features", EXPERIMENT),
    benchmark:
        benchmark_of("associate_features", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        seed=seed_of("{dataset}", "bootstrap"),
        code=code_hash("associate_features"),
    script:
        "../scripts/associate_features.py"


rule measure_readouts:
    """Read every contrast out of the whole code."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        readouts=f"{EXPERIMENT}/readouts.tsv",
    log:
        log_of("measure_readouts", EXPERIMENT),
    benchmark:
        benchmark_of("measure_readouts", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 30),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        seed=seed_of("{dataset}", "bootstrap"),
        code=code_hash("measure_readouts"),
    script:
        "../scripts/measure_readouts.py"


rule find_gene_sets:
    """List the genes behind every feature, and the gene sets among them."""
    input:
        gene_weights=f"{EXPERIMENT}/gene_weights.tsv.gz",
        gmt=given(lambda wildcards: gene_set_files(), f"{EXPERIMENT}/gene_sets.tsv"),
    output:
        high_weight_genes=f"{EXPERIMENT}/high_weight_genes.tsv",
        gene_sets=f"{EXPERIMENT}/gene_sets.tsv",
    log:
        log_of("find_gene_sets", EXPERIMENT),
    benchmark:
        benchmark_of("find_gene_sets", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        content=content_of(lambda wildcards: gene_set_files()),
        code=code_hash("find_gene_sets"),
    script:
        "../scripts/find_gene_sets.py"


rule train_replicate:
    """Train the winning setting again, with another seed or on a bootstrap sample; keep the codes."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        bases=bases_of,
        best=f"{EXPERIMENT}/best.json",
    output:
        replicate=f"{EXPERIMENT}/replicates/{{replicate}}.tsv.gz",
        replicate_rotation=f"{EXPERIMENT}/replicates/{{replicate}}.rotation.tsv",
    log:
        log_of("train_replicate", f"{EXPERIMENT}/{{replicate}}"),
    benchmark:
        benchmark_of("train_replicate", f"{EXPERIMENT}/{{replicate}}")
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=True)}),
    conda:
        "../../envs/gpu.yaml"
    resources:
        **needs(6000, 60, accelerator=1),
    params:
        training=lambda wildcards: STUDY.training_options(experiment_of(wildcards)),
        drawn=of_replicate(replicates.groups_of),
        seed=of_replicate(replicates.seed_of),
        rotation=of_experiment("rotation"),
        code=model_code("train_replicate"),
    script:
        "../scripts/train_replicate.py"


use rule train_replicate as fit_replicate with:
    """Fit the winning setting of a model in closed form again, on a bootstrap sample."""
    log:
        log_of("fit_replicate", f"{EXPERIMENT}/{{replicate}}"),
    benchmark:
        benchmark_of("fit_replicate", f"{EXPERIMENT}/{{replicate}}")
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=False)}),
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15, accelerator=0),


rule measure_stability:
    """Find each feature again in trainings with other seeds and on bootstrap samples."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        replicates=replicates_of,
        rotations=[],
    output:
        stability=f"{EXPERIMENT}/stability.tsv",
    log:
        log_of("measure_stability", EXPERIMENT),
    benchmark:
        benchmark_of("measure_stability", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        names=lambda wildcards: replicates.names_of(STUDY, experiment_of(wildcards)),
        roles=of_dataset("roles"),
        code=code_hash("measure_stability"),
    script:
        "../scripts/measure_stability.py"


rule compare_refits:
    """Look for the association of each contrast in the trainings on bootstrap samples."""
    input:
        samples=f"{DATASET}/samples.tsv",
        replicates=lambda wildcards: replicates_of(wildcards, replicates.BOOTSTRAP),
        stability=f"{EXPERIMENT}/stability.tsv",
        associations=f"{EXPERIMENT}/associations.tsv",
        columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        refits=f"{EXPERIMENT}/refits.tsv",
    log:
        log_of("compare_refits", EXPERIMENT),
    benchmark:
        benchmark_of("compare_refits", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        code=code_hash("compare_refits"),
    script:
        "../scripts/compare_refits.py"


rule measure_gene_differences:
    """Measure whether the high-weight genes of each contrast's feature differ in expression."""
    input:
        samples=f"{DATASET}/samples.tsv",
        matrix=f"{DATASET}/matrix.h5ad",
        associations=f"{EXPERIMENT}/associations.tsv",
        high_weight_genes=f"{EXPERIMENT}/high_weight_genes.tsv",
        columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        gene_differences=f"{EXPERIMENT}/gene_differences.tsv",
    log:
        log_of("measure_gene_differences", EXPERIMENT),
    benchmark:
        benchmark_of("measure_gene_differences", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        code=code_hash("measure_gene_differences"),
    script:
        "../scripts/measure_gene_differences.py"


rule unrotate_features:
    """Write codes and weights as the model gives them, before their rotation."""
    input:
        model=f"{EXPERIMENT}/model.zip",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        gene_weights=f"{EXPERIMENT}/gene_weights.tsv.gz",
    output:
        unrotated_encoding=f"{UNROTATED}/encoding.tsv.gz",
        unrotated_weights=f"{UNROTATED}/gene_weights.tsv.gz",
    log:
        log_of("unrotate_features", EXPERIMENT),
    benchmark:
        benchmark_of("unrotate_features", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        code=code_hash("unrotate_features"),
    script:
        "../scripts/unrotate_features.py"


use rule associate_features as associate_unrotated with:
    input:
        **(dict(rules.associate_features.input) | {"encoding": f"{UNROTATED}/encoding.tsv.gz"}),
    output:
        associations=f"{UNROTATED}/associations.tsv",
        contrasts=f"{UNROTATED}/contrasts.tsv",
    log:
        log_of("associate_unrotated", EXPERIMENT),
    benchmark:
        benchmark_of("associate_unrotated", EXPERIMENT)


use rule find_gene_sets as find_unrotated_gene_sets with:
    input:
        gene_weights=f"{UNROTATED}/gene_weights.tsv.gz",
        gmt=given(lambda wildcards: gene_set_files(), f"{UNROTATED}/gene_sets.tsv"),
    output:
        high_weight_genes=f"{UNROTATED}/high_weight_genes.tsv",
        gene_sets=f"{UNROTATED}/gene_sets.tsv",
    log:
        log_of("find_unrotated_gene_sets", EXPERIMENT),
    benchmark:
        benchmark_of("find_unrotated_gene_sets", EXPERIMENT)


use rule measure_stability as measure_unrotated_stability with:
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{UNROTATED}/encoding.tsv.gz",
        replicates=replicates_of,
        rotations=lambda wildcards: replicates_of(wildcards, name="{replicate}.rotation.tsv"),
    output:
        stability=f"{UNROTATED}/stability.tsv",
    log:
        log_of("measure_unrotated_stability", EXPERIMENT),
    benchmark:
        benchmark_of("measure_unrotated_stability", EXPERIMENT)


rule compare_rotations:
    """Put what rotated features say beside what the codes say."""
    input:
        associations=f"{EXPERIMENT}/associations.tsv",
        gene_sets=f"{EXPERIMENT}/gene_sets.tsv",
        stability=if_replicated("stability.tsv"),
        unrotated_associations=f"{UNROTATED}/associations.tsv",
        unrotated_gene_sets=f"{UNROTATED}/gene_sets.tsv",
        unrotated_stability=if_replicated("stability.tsv", folder=UNROTATED),
    output:
        comparison=f"{EXPERIMENT}/rotation.tsv",
    log:
        log_of("compare_rotations", EXPERIMENT),
    benchmark:
        benchmark_of("compare_rotations", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        rotation=of_experiment("rotation"),
        code=code_hash("compare_rotations"),
    script:
        "../scripts/compare_rotations.py"


rule pair_features:
    """Find the feature that best helps another one to separate each named contrast."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        associations=f"{EXPERIMENT}/associations.tsv",
    output:
        feature_pairs=f"{EXPERIMENT}/feature_pairs.tsv",
        pair_points=f"{EXPERIMENT}/pair_points.tsv.gz",
    log:
        log_of("pair_features", EXPERIMENT),
    benchmark:
        benchmark_of("pair_features", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        code=code_hash("pair_features"),
    script:
        "../scripts/pair_features.py"


rule list_findings:
    """Sum up every contrast in one row."""
    input:
        associations=f"{EXPERIMENT}/associations.tsv",
        contrasts=f"{EXPERIMENT}/contrasts.tsv",
        gene_differences=f"{EXPERIMENT}/gene_differences.tsv",
        gene_sets=f"{EXPERIMENT}/gene_sets.tsv",
        stability=if_replicated("stability.tsv"),
        refits=if_replicated("refits.tsv", replicates.BOOTSTRAP),
        readouts=f"{EXPERIMENT}/readouts.tsv",
    output:
        findings=f"{EXPERIMENT}/findings.tsv",
    log:
        log_of("list_findings", EXPERIMENT),
    benchmark:
        benchmark_of("list_findings", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        code=code_hash("list_findings"),
    script:
        "../scripts/list_findings.py"


rule match_models:
    """Match the features of every pair of models."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encodings=of_every_experiment("encoding.tsv.gz"),
    output:
        matched_features=f"{DATASET}/matched_features.tsv",
    log:
        log_of("match_models", DATASET),
    benchmark:
        benchmark_of("match_models", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        roles=of_dataset("roles"),
        experiments=experiments_of_dataset,
        code=code_hash("match_models"),
    script:
        "../scripts/match_models.py"


rule measure_embeddings:
    """Measure every embedding against what it embeds."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        samples=f"{DATASET}/samples.tsv",
        gene_embedding=f"{DATASET}/gene_embedding.tsv",
        encodings=of_every_experiment("encoding.tsv.gz"),
        embeddings=of_every_experiment("embedding.tsv"),
    output:
        embedding_quality=f"{DATASET}/embedding_quality.tsv",
        embedding_purity=f"{DATASET}/embedding_purity.tsv",
    log:
        log_of("measure_embeddings", DATASET),
    benchmark:
        benchmark_of("measure_embeddings", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 30),
    params:
        roles=of_dataset("roles"),
        experiments=experiments_of_dataset,
        seed=seed_of("{dataset}", "embedding"),
        code=code_hash("measure_embeddings"),
    script:
        "../scripts/measure_embeddings.py"


rule compare_readouts:
    """Put the read-outs of all models side by side."""
    input:
        readouts=of_every_experiment("readouts.tsv"),
        trial_readouts=of_every_experiment("trial_readouts.tsv"),
    output:
        comparison=f"{DATASET}/readouts.tsv",
    log:
        log_of("compare_readouts", DATASET),
    benchmark:
        benchmark_of("compare_readouts", DATASET)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        experiments=experiments_of_dataset,
        declared=of_dataset("contrasts"),
        code=code_hash("compare_readouts"),
    script:
        "../scripts/compare_readouts.py"


rule evaluate_model:
    """Evaluate one model on held-out samples."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        best=f"{EXPERIMENT}/best.json",
        model=f"{EXPERIMENT}/model.zip",
        history=f"{EXPERIMENT}/history.tsv",
        reconstruction_genes=f"{EXPERIMENT}/reconstruction_genes.tsv.gz",
        reconstruction_samples=f"{EXPERIMENT}/reconstruction_samples.tsv.gz",
        associations=f"{EXPERIMENT}/associations.tsv",
        readouts=f"{EXPERIMENT}/readouts.tsv",
    output:
        evaluation=f"{EXPERIMENT}/evaluation.json",
    log:
        log_of("evaluate_model", EXPERIMENT),
    benchmark:
        benchmark_of("evaluate_model", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        roles=of_dataset("roles"),
        seed=seed_of("{dataset}", "bootstrap"),
        code=code_hash("evaluate_model"),
    script:
        "../scripts/evaluate_model.py"


rule compare_models:
    """Put the models of a dataset into one table."""
    input:
        evaluations=of_every_experiment("evaluation.json"),
        readouts=f"{DATASET}/readouts.tsv",
    output:
        leaderboard=f"{DATASET}/leaderboard.tsv",
    log:
        log_of("compare_models", DATASET),
    benchmark:
        benchmark_of("compare_models", DATASET)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        experiments=experiments_of_dataset,
        code=code_hash("compare_models"),
    script:
        "../scripts/compare_models.py"


rule compare_repeats:
    """Put the results of all repeats of a dataset side by side."""
    input:
        leaderboards=lambda wildcards: of_every_repeat("leaderboard.tsv", wildcards.dataset),
        findings=lambda wildcards: of_every_repeat("findings.tsv", wildcards.dataset),
    output:
        repeats=f"{DATASET}/repeats.tsv",
    log:
        log_of("compare_repeats", DATASET),
    benchmark:
        benchmark_of("compare_repeats", DATASET)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        experiments=experiments_of_dataset,
        code=code_hash("compare_repeats"),
    script:
        "../scripts/compare_repeats.py"


rule measure_planted_factors:
    """Measure how much of every planted factor a code explains."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        planted=raw_file("planted_factors"),
    output:
        planted_factors=f"{EXPERIMENT}/planted_factors.tsv",
    log:
        log_of("measure_planted_factors", EXPERIMENT),
    benchmark:
        benchmark_of("measure_planted_factors", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        roles=of_dataset("roles"),
        code=code_hash("measure_planted_factors"),
    script:
        "../scripts/measure_planted_factors.py"


rule compare_planted_factors:
    """Put the planted factors that each model found side by side."""
    input:
        found=of_every_experiment("planted_factors.tsv"),
    output:
        planted_factors=f"{DATASET}/planted_factors.tsv",
    log:
        log_of("compare_planted_factors", DATASET),
    benchmark:
        benchmark_of("compare_planted_factors", DATASET)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        experiments=experiments_of_dataset,
        code=code_hash("compare_planted_factors"),
    script:
        "../scripts/compare_planted_factors.py"
