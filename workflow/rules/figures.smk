# Stage 5: everything -> figures
#
# REQUIRES
#   the tables of the stages before; resources/cohorts.tsv for colours; resources/published.tsv
# PROVIDES
#   results/{dataset}/figures/*.png and .pdf
#   results/{dataset}/{model}/{tuner}/figures/*.png and .pdf


# What the figures of a dataset, and those of an experiment, have in common: one CPU, seconds, and on
# a cluster an allocation that several share, one after another (`drawing`).
rule draw_dataset:
    log:
        f"{RESULTS}/logs/draw_dataset.log",
    wildcard_constraints:
        **NAMES,
    group:
        "figures_{dataset}"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15, drawing=1),
    script:
        "../scripts/{params.script}.py"


use rule draw_dataset as draw_experiment with:
    log:
        f"{RESULTS}/logs/draw_experiment.log",
    group:
        "figures_{dataset}_{model}_{tuner}"


use rule draw_dataset as plot_gene_embedding with:
    """Draw the samples embedded by their genes, coloured by label."""
    input:
        embedding=f"{DATASET}/gene_embedding.tsv",
        samples=f"{DATASET}/samples.tsv",
        colours=PLACES.resource("cohorts.tsv"),
    output:
        **figure("plot_gene_embedding", "1 Embeddings", "genes"),
    log:
        log_of("plot_gene_embedding", DATASET),
    params:
        **drawing("plot_gene_embedding", roles=of_dataset("roles"), title="{dataset}"),


use rule draw_experiment as plot_embedding with:
    """Draw the samples embedded by their codes, coloured by label."""
    input:
        embedding=f"{EXPERIMENT}/embedding.tsv",
        samples=f"{DATASET}/samples.tsv",
        colours=PLACES.resource("cohorts.tsv"),
    output:
        **figure("plot_embedding", "1 Embeddings", "codes"),
    log:
        log_of("plot_embedding", EXPERIMENT),
    params:
        **drawing("plot_embedding", roles=of_dataset("roles"), title=experiment_title),


use rule draw_experiment as plot_contrast with:
    """Draw the pair of latent features that best separates a contrast."""
    input:
        findings=f"{EXPERIMENT}/findings.tsv",
        feature_pairs=f"{EXPERIMENT}/feature_pairs.tsv",
        pair_points=f"{EXPERIMENT}/pair_points.tsv.gz",
    output:
        **figure("plot_contrast", "2 Biology", "{contrast}"),
    log:
        log_of("plot_contrast", f"{EXPERIMENT}/{{contrast}}"),
    params:
        **drawing("plot_contrast", contrast="{contrast}", title=experiment_title),


use rule draw_experiment as plot_genes with:
    """Draw the genes behind the feature of a contrast."""
    input:
        gene_weights=f"{EXPERIMENT}/gene_weights.tsv.gz",
        gene_sets=f"{EXPERIMENT}/gene_sets.tsv",
        gene_differences=f"{EXPERIMENT}/gene_differences.tsv",
        findings=f"{EXPERIMENT}/findings.tsv",
    output:
        **figure("plot_genes", "2 Biology", "genes of {contrast}"),
    log:
        log_of("plot_genes", f"{EXPERIMENT}/{{contrast}}"),
    params:
        **drawing("plot_genes", contrast="{contrast}", title=experiment_title),


use rule draw_experiment as plot_findings with:
    """Draw what the features of a code are found to mean."""
    input:
        findings=f"{EXPERIMENT}/findings.tsv",
    output:
        **figure("plot_findings", "2 Biology", "all contrasts"),
    log:
        log_of("plot_findings", EXPERIMENT),
    params:
        **drawing("plot_findings", title=experiment_title),


use rule draw_experiment as plot_encoding with:
    """Draw the codes of all samples as a heat map."""
    input:
        samples=f"{DATASET}/samples.tsv",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        columns=known_columns,
        colours=PLACES.resource("cohorts.tsv"),
    output:
        **figure("plot_encoding", "2 Biology", "heat map of codes"),
    log:
        log_of("plot_encoding", EXPERIMENT),
    resources:
        **needs(4000, 15, drawing=1),
    params:
        **drawing("plot_encoding", roles=of_dataset("roles"), title=experiment_title),


use rule draw_experiment as plot_reconstruction with:
    """Draw the reconstruction error by gene and by label."""
    input:
        reconstruction_genes=f"{EXPERIMENT}/reconstruction_genes.tsv.gz",
        reconstruction_samples=f"{EXPERIMENT}/reconstruction_samples.tsv.gz",
        colours=PLACES.resource("cohorts.tsv"),
    output:
        **figure("plot_reconstruction", "3 Training", "reconstruction error"),
    log:
        log_of("plot_reconstruction", EXPERIMENT),
    params:
        **drawing("plot_reconstruction", label=of_dataset("roles", "label"), title=experiment_title),


use rule draw_experiment as plot_history with:
    """Draw every loss term by epoch."""
    input:
        history=f"{EXPERIMENT}/history.tsv",
    output:
        **figure("plot_history", "3 Training", "loss curves"),
    log:
        log_of("plot_history", EXPERIMENT),
    params:
        **drawing(
            "plot_history",
            objective=of_experiment("objective"),
            title=experiment_title,
        ),


use rule draw_experiment as plot_agreement with:
    """Draw true against reconstructed values, gene by gene."""
    input:
        values=f"{EXPERIMENT}/values.tsv.gz",
    output:
        **figure("plot_agreement", "3 Training", "true and reconstructed"),
    log:
        log_of("plot_agreement", EXPERIMENT),
    params:
        **drawing("plot_agreement", title=experiment_title),


use rule draw_dataset as plot_curves with:
    """Draw the learning curves of all models of a dataset."""
    input:
        histories=of_every_experiment("history.tsv"),
    output:
        **figure("plot_curves", "3 Training", "learning curves of all models"),
    log:
        log_of("plot_curves", DATASET),
    params:
        **drawing("plot_curves", experiments=experiments_of_dataset, title="{dataset}"),


use rule draw_experiment as plot_trials with:
    """Draw the score of every setting of a search."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
    output:
        **figure("plot_trials", "4 Tuning", "scores of the search"),
    log:
        log_of("plot_trials", EXPERIMENT),
    params:
        **drawing(
            "plot_trials",
            objective=of_experiment("objective"),
            title=experiment_title,
        ),


use rule draw_experiment as plot_parallel with:
    """Draw every setting of a search as a line through its values to its score."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
    output:
        **figure("plot_parallel", "4 Tuning", "settings as lines"),
    log:
        log_of("plot_parallel", EXPERIMENT),
    params:
        **drawing(
            "plot_parallel",
            objective=of_experiment("objective"),
            title=experiment_title,
        ),


use rule draw_experiment as plot_importance with:
    """Draw the importance of every hyperparameter of a search."""
    input:
        importance=f"{EXPERIMENT}/importance.tsv",
    output:
        **figure("plot_importance", "4 Tuning", "importance of hyperparameters"),
    log:
        log_of("plot_importance", EXPERIMENT),
    params:
        **drawing("plot_importance", title=experiment_title),


use rule draw_dataset as plot_progress with:
    """Draw the best score against the number of trainings, all tuners of a model on one axis."""
    input:
        progress=f"{DATASET}/progress_{{model}}.tsv",
    output:
        **figure("plot_progress", "4 Tuning", "best so far, by tuner"),
    log:
        log_of("plot_progress", f"{DATASET}/{{model}}"),
    params:
        **drawing(
            "plot_progress",
            objective=lambda wildcards: STUDY.searches_of(wildcards.dataset, wildcards.model)[
                0
            ].objective,
            title="{dataset} · {model}",
        ),


use rule draw_dataset as plot_leaderboard with:
    """Draw every measure of every model."""
    input:
        leaderboard=f"{DATASET}/leaderboard.tsv",
    output:
        **figure("plot_leaderboard", "0 Models compared", "leaderboard"),
    log:
        log_of("plot_leaderboard", DATASET),
    params:
        **drawing("plot_leaderboard", title="{dataset}"),


use rule draw_dataset as plot_embedding_quality with:
    """Draw what every embedding preserves of the samples' neighbours and labels."""
    input:
        embedding_quality=f"{DATASET}/embedding_quality.tsv",
        embedding_purity=f"{DATASET}/embedding_purity.tsv",
    output:
        **figure("plot_embedding_quality", "0 Models compared", "neighbours preserved"),
    log:
        log_of("plot_embedding_quality", DATASET),
    params:
        **drawing("plot_embedding_quality", label=of_dataset("roles", "label"), title="{dataset}"),


use rule draw_dataset as plot_matches with:
    """Draw how alike the codes of every pair of models are."""
    input:
        matched_features=f"{DATASET}/matched_features.tsv",
    output:
        **figure("plot_matches", "0 Models compared", "codes compared"),
    log:
        log_of("plot_matches", DATASET),
    params:
        **drawing("plot_matches", title="{dataset}"),


use rule draw_dataset as plot_planted_factors with:
    """Draw how much of each planted factor every model has found."""
    input:
        planted_factors=f"{DATASET}/planted_factors.tsv",
    output:
        **figure("plot_planted_factors", "0 Models compared", "planted factors found"),
    log:
        log_of("plot_planted_factors", DATASET),
    params:
        **drawing("plot_planted_factors", title="{dataset}"),


use rule draw_dataset as plot_projection with:
    """Draw new samples in the embedding that they were projected onto."""
    input:
        projection=f"{DATASET}/projection.tsv",
        diagnostics=f"{DATASET}/projection.json",
        embedding=of_target("embedding.tsv"),
        samples=of_target_dataset("samples.tsv"),
        colours=PLACES.resource("cohorts.tsv"),
    output:
        **figure("plot_projection", "5 New samples", "projection"),
    log:
        log_of("plot_projection", DATASET),
    params:
        **drawing(
            "plot_projection",
            roles=lambda wildcards: STUDY.dataset(target_of(wildcards).dataset)["roles"],
            title="{dataset}",
        ),
