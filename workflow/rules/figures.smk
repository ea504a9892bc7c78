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
    """Draw the samples mapped by their genes, coloured by cancer type."""
    input:
        embedding=f"{DATASET}/gene_embedding.tsv",
        matrix=f"{DATASET}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        **figure("plot_gene_embedding", DATASET, "1 Maps", "genes"),
    log:
        log_of("plot_gene_embedding", DATASET),
    params:
        **drawing("plot_gene_embedding", title="{dataset}"),


use rule draw_experiment as plot_embedding with:
    """Draw the samples mapped by their codes, coloured by cancer type."""
    input:
        embedding=f"{EXPERIMENT}/embedding.tsv",
        matrix=f"{DATASET}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        **figure("plot_embedding", EXPERIMENT, "1 Maps", "codes"),
    log:
        log_of("plot_embedding", EXPERIMENT),
    params:
        **drawing("plot_embedding", title=experiment_title),


use rule draw_experiment as plot_contrast with:
    """Draw the pair of latent features that best separates a contrast."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        findings=f"{EXPERIMENT}/findings.tsv",
    output:
        **figure("plot_contrast", EXPERIMENT, "2 Biology", "{contrast}", "contrast_{contrast}"),
    log:
        log_of("plot_contrast", f"{EXPERIMENT}/{{contrast}}"),
    params:
        **drawing(
            "plot_contrast",
            contrast="{contrast}",
            definition=lambda wildcards: of_dataset("contrasts", wildcards.contrast)(wildcards),
            title=experiment_title,
        ),


use rule draw_experiment as plot_genes with:
    """Draw the genes behind the feature of a contrast."""
    input:
        gene_weights=f"{EXPERIMENT}/gene_weights.tsv.gz",
        gene_sets=f"{EXPERIMENT}/gene_sets.tsv",
        findings=f"{EXPERIMENT}/findings.tsv",
    output:
        **figure("plot_genes", EXPERIMENT, "2 Biology", "genes of {contrast}", "genes_{contrast}"),
    log:
        log_of("plot_genes", f"{EXPERIMENT}/{{contrast}}"),
    params:
        **drawing("plot_genes", contrast="{contrast}", title=experiment_title),


use rule draw_experiment as plot_findings with:
    """Draw what the features of a code are found to mean."""
    input:
        findings=f"{EXPERIMENT}/findings.tsv",
    output:
        **figure("plot_findings", EXPERIMENT, "2 Biology", "all contrasts"),
    log:
        log_of("plot_findings", EXPERIMENT),
    params:
        **drawing("plot_findings", title=experiment_title),


use rule draw_experiment as plot_encoding with:
    """Draw the codes of all samples as a heat map."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        colours=resource("cohorts.tsv"),
    output:
        **figure("plot_encoding", EXPERIMENT, "2 Biology", "heat map of codes"),
    log:
        log_of("plot_encoding", EXPERIMENT),
    resources:
        **needs(4000, 15, drawing=1),
    params:
        **drawing("plot_encoding", title=experiment_title),


use rule draw_experiment as plot_reconstruction with:
    """Draw the reconstruction error by gene and by cancer type."""
    input:
        reconstruction_genes=f"{EXPERIMENT}/reconstruction_genes.tsv.gz",
        reconstruction_samples=f"{EXPERIMENT}/reconstruction_samples.tsv.gz",
        colours=resource("cohorts.tsv"),
    output:
        **figure("plot_reconstruction", EXPERIMENT, "3 Training", "reconstruction error"),
    log:
        log_of("plot_reconstruction", EXPERIMENT),
    params:
        **drawing("plot_reconstruction", title=experiment_title),


use rule draw_experiment as plot_history with:
    """Draw every loss term by epoch."""
    input:
        history=f"{EXPERIMENT}/history.tsv",
    output:
        **figure("plot_history", EXPERIMENT, "3 Training", "loss curves"),
    log:
        log_of("plot_history", EXPERIMENT),
    params:
        **drawing(
            "plot_history",
            objective=lambda wildcards: experiment_of(wildcards).objective,
            title=experiment_title,
        ),


use rule draw_experiment as plot_published with:
    """Draw the loss curve of a model over the figures published for it."""
    input:
        history=f"{EXPERIMENT}/history.tsv",
        published=resource("published.tsv"),
    output:
        **figure("plot_published", EXPERIMENT, "3 Training", "beside published figures"),
    log:
        log_of("plot_published", EXPERIMENT),
    params:
        **drawing(
            "plot_published",
            module=lambda wildcards: experiment_of(wildcards).module,
            n_genes=of_dataset("genes", "count"),
            title=experiment_title,
        ),


use rule draw_experiment as plot_agreement with:
    """Draw true against reconstructed values, gene by gene."""
    input:
        values=f"{EXPERIMENT}/values.tsv.gz",
    output:
        **figure("plot_agreement", EXPERIMENT, "3 Training", "true and reconstructed"),
    log:
        log_of("plot_agreement", EXPERIMENT),
    params:
        **drawing("plot_agreement", title=experiment_title),


use rule draw_experiment as plot_published_search with:
    """Draw the settings of a search beside the scores published for them."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
        published=resource("published_basics.tsv"),
    output:
        **figure("plot_published_search", EXPERIMENT, "4 Tuning", "beside the published search"),
    log:
        log_of("plot_published_search", EXPERIMENT),
    params:
        **drawing(
            "plot_published_search",
            experiment=lambda wildcards: published_experiment(experiment_of(wildcards)),
            objective=lambda wildcards: experiment_of(wildcards).objective,
            title=experiment_title,
        ),


use rule draw_dataset as plot_curves with:
    """Draw the learning curves of all models of a dataset."""
    input:
        histories=lambda wildcards: files_of_experiments(wildcards.dataset, "history.tsv"),
        published=published_curves,
    output:
        **figure("plot_curves", DATASET, "3 Training", "learning curves of all models"),
    log:
        log_of("plot_curves", DATASET),
    params:
        **drawing(
            "plot_curves",
            experiments=lambda wildcards: [
                list(key[1:]) for key in experiments_of(wildcards.dataset)
            ],
            title="{dataset}",
        ),


use rule draw_experiment as plot_trials with:
    """Draw the score of every setting of a search."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
    output:
        **figure("plot_trials", EXPERIMENT, "4 Tuning", "scores of the search"),
    log:
        log_of("plot_trials", EXPERIMENT),
    params:
        **drawing(
            "plot_trials",
            objective=lambda wildcards: experiment_of(wildcards).objective,
            title=experiment_title,
        ),


use rule draw_experiment as plot_parallel with:
    """Draw every setting of a search as a line through its values to its score."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
    output:
        **figure("plot_parallel", EXPERIMENT, "4 Tuning", "settings as lines"),
    log:
        log_of("plot_parallel", EXPERIMENT),
    params:
        **drawing(
            "plot_parallel",
            objective=lambda wildcards: experiment_of(wildcards).objective,
            title=experiment_title,
        ),


use rule draw_experiment as plot_importance with:
    """Draw the importance of every hyperparameter of a search."""
    input:
        importance=f"{EXPERIMENT}/importance.tsv",
    output:
        **figure("plot_importance", EXPERIMENT, "4 Tuning", "importance of hyperparameters"),
    log:
        log_of("plot_importance", EXPERIMENT),
    params:
        **drawing("plot_importance", title=experiment_title),


use rule draw_dataset as plot_progress with:
    """Draw the best score so far by what it cost, all tuners of a model on one axis."""
    input:
        searches=lambda wildcards: [
            experiment_file(key, "trials.tsv")
            for key in searches_of(wildcards.dataset, wildcards.model)
        ],
    output:
        **figure("plot_progress", DATASET, "4 Tuning", "best so far, by tuner", "progress_{model}"),
    log:
        log_of("plot_progress", f"{DATASET}/{{model}}"),
    params:
        **drawing(
            "plot_progress",
            tuners=lambda wildcards: [
                tuner for _, _, tuner in searches_of(wildcards.dataset, wildcards.model)
            ],
            objective=lambda wildcards: STUDY.experiments[
                searches_of(wildcards.dataset, wildcards.model)[0]
            ].objective,
            title="{dataset} · {model}",
        ),


use rule draw_dataset as plot_leaderboard with:
    """Draw every measure of every model."""
    input:
        leaderboard=f"{DATASET}/leaderboard.tsv",
    output:
        **figure("plot_leaderboard", DATASET, "0 Models compared", "leaderboard"),
    log:
        log_of("plot_leaderboard", DATASET),
    params:
        **drawing("plot_leaderboard", title="{dataset}"),


use rule draw_dataset as plot_embedding_quality with:
    """Draw what every map keeps of the samples' neighbours and cancer types."""
    input:
        embedding_quality=f"{DATASET}/embedding_quality.tsv",
        embedding_purity=f"{DATASET}/embedding_purity.tsv",
    output:
        **figure("plot_embedding_quality", DATASET, "0 Models compared", "what the maps keep"),
    log:
        log_of("plot_embedding_quality", DATASET),
    params:
        **drawing("plot_embedding_quality", title="{dataset}"),


use rule draw_dataset as plot_matches with:
    """Draw how alike the codes of every pair of models are."""
    input:
        matched_features=f"{DATASET}/matched_features.tsv",
    output:
        **figure("plot_matches", DATASET, "0 Models compared", "codes compared"),
    log:
        log_of("plot_matches", DATASET),
    params:
        **drawing("plot_matches", title="{dataset}"),


use rule draw_dataset as plot_planted_factors with:
    """Draw how much of each planted factor every model has found."""
    input:
        planted_factors=f"{DATASET}/planted_factors.tsv",
    output:
        **figure("plot_planted_factors", DATASET, "0 Models compared", "planted factors found"),
    log:
        log_of("plot_planted_factors", DATASET),
    params:
        **drawing("plot_planted_factors", title="{dataset}"),


use rule draw_dataset as plot_projection with:
    """Draw new samples on the map that they were projected onto."""
    input:
        projection=f"{DATASET}/projection.tsv",
        diagnostics=f"{DATASET}/projection.json",
        embedding=of_target("embedding.tsv"),
        matrix=lambda wildcards: f"{RESULTS}/{target_of(wildcards).dataset}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        **figure("plot_projection", DATASET, "5 New samples", "projection"),
    log:
        log_of("plot_projection", DATASET),
    params:
        **drawing("plot_projection", title="{dataset}"),
