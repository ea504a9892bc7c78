# The lecture's and the papers' published figures, beside ours.
#
# REQUIRES
#   resources/published.tsv, resources/published_basics.tsv; tables of the stages before
# PROVIDES
#   results/{dataset}/published_check.json                             is it the published matrix?
#   results/{dataset}/figures/published_curves.*
#   results/{dataset}/{model}/{tuner}/figures/published.*, published_search.*


rule check_published:
    """Hold the matrix of the published freeze against published facts."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        record=lambda wildcards: raw_file("expression")(wildcards).replace(".tsv.gz", ".json"),
    output:
        published_check=report(
            f"{DATASET}/published_check.json",
            caption="../report/check_published.rst",
            category="0 Models compared",
            labels={"dataset": "{dataset}", "figure": "published matrix?"},
        ),
    log:
        log_of("check_published", DATASET),
    benchmark:
        benchmark_of("check_published", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 10),
    params:
        expected=of_dataset("published"),
        genes=of_dataset("genes"),
        scaling=of_dataset("scaling"),
        code=code_hash("check_published"),
    script:
        "../scripts/check_published.py"


use rule draw_experiment as plot_published with:
    """Draw the loss curve of a model over the figures published for it."""
    input:
        history=f"{EXPERIMENT}/history.tsv",
        published=PLACES.resource("published.tsv"),
    output:
        **figure("plot_published", "3 Training", "beside published figures"),
    log:
        log_of("plot_published", EXPERIMENT),
    params:
        **drawing(
            "plot_published",
            module=of_experiment("module"),
            n_genes=of_dataset("genes", "count"),
            title=experiment_title,
        ),


use rule draw_experiment as plot_published_search with:
    """Draw the settings of a search beside the scores published for them."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
        published=PLACES.resource("published_basics.tsv"),
    output:
        **figure("plot_published_search", "4 Tuning", "beside the published search"),
    log:
        log_of("plot_published_search", EXPERIMENT),
    params:
        **drawing(
            "plot_published_search",
            published_as=lambda wildcards: reproduction.published_search(
                STUDY.dataset(wildcards.dataset), experiment_of(wildcards)
            ),
            objective=of_experiment("objective"),
            title=experiment_title,
        ),


use rule draw_dataset as plot_published_curves with:
    """Draw the learning curves of all models of a dataset beside published ones."""
    input:
        histories=of_every_experiment("history.tsv"),
        published=PLACES.resource("published_basics.tsv"),
    output:
        **figure("plot_published_curves", "3 Training", "learning curves, published"),
    log:
        log_of("plot_published_curves", DATASET),
    params:
        **drawing("plot_published_curves", experiments=experiments_of_dataset, title="{dataset}"),
