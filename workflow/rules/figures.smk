# Stage 5: everything -> figures
#
# REQUIRES
#   the tables of the stages before; resources/cohorts.tsv for colours; resources/published.tsv
# PROVIDES
#   results/{dataset}/figures/*.png and .pdf
#   results/{dataset}/{model}/{tuner}/figures/*.png and .pdf
#   results/{dataset}/{model}/{tuner}/settings.html     the 20 best settings of a search


localrules:
    list_settings,


rule plot_gene_embedding:
    """Draw the samples mapped by their genes, coloured by cancer type."""
    input:
        embedding="results/{dataset}/gene_embedding.tsv",
        matrix="results/{dataset}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        png=report(
            "results/{dataset}/figures/gene_embedding.png",
            caption="../report/plot_gene_embedding.rst",
            category="1 Maps",
            labels={"dataset": "{dataset}", "figure": "genes"},
        ),
        pdf="results/{dataset}/figures/gene_embedding.pdf",
    log:
        "results/logs/plot_gene_embedding/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_gene_embedding/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_gene_embedding"),
    script:
        "../scripts/plot_gene_embedding.py"


rule plot_embedding:
    """Draw the samples mapped by their codes, coloured by cancer type."""
    input:
        embedding="results/{dataset}/{model}/{tuner}/embedding.tsv",
        matrix="results/{dataset}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/embedding.png",
            caption="../report/plot_embedding.rst",
            category="1 Maps",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "codes",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/embedding.pdf",
    log:
        "results/logs/plot_embedding/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_embedding/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_embedding"),
    script:
        "../scripts/plot_embedding.py"


rule plot_contrast:
    """Draw the pair of latent features that best separates a contrast."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        findings="results/{dataset}/{model}/{tuner}/findings.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/contrast_{contrast}.png",
            caption="../report/plot_contrast.rst",
            category="2 Biology",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "{contrast}",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/contrast_{contrast}.pdf",
    log:
        "results/logs/plot_contrast/{dataset}/{model}/{tuner}/{contrast}.log",
    benchmark:
        "results/benchmarks/plot_contrast/{dataset}/{model}/{tuner}/{contrast}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        contrast="{contrast}",
        definition=lambda wildcards: of_dataset("contrasts", wildcards.contrast)(wildcards),
        title=experiment_title,
        code=code_hash("plot_contrast"),
    script:
        "../scripts/plot_contrast.py"


rule plot_genes:
    """Draw the genes behind the feature of a contrast."""
    input:
        gene_weights="results/{dataset}/{model}/{tuner}/gene_weights.tsv.gz",
        gene_sets="results/{dataset}/{model}/{tuner}/gene_sets.tsv",
        findings="results/{dataset}/{model}/{tuner}/findings.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/genes_{contrast}.png",
            caption="../report/plot_genes.rst",
            category="2 Biology",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "genes of {contrast}",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/genes_{contrast}.pdf",
    log:
        "results/logs/plot_genes/{dataset}/{model}/{tuner}/{contrast}.log",
    benchmark:
        "results/benchmarks/plot_genes/{dataset}/{model}/{tuner}/{contrast}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        contrast="{contrast}",
        title=experiment_title,
        code=code_hash("plot_genes"),
    script:
        "../scripts/plot_genes.py"


rule plot_findings:
    """Draw what the features of a code are found to mean."""
    input:
        findings="results/{dataset}/{model}/{tuner}/findings.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/findings.png",
            caption="../report/plot_findings.rst",
            category="2 Biology",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "all contrasts",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/findings.pdf",
    log:
        "results/logs/plot_findings/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_findings/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_findings"),
    script:
        "../scripts/plot_findings.py"


rule plot_encoding:
    """Draw the codes of all samples as a heat map."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        colours=resource("cohorts.tsv"),
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/encoding.png",
            caption="../report/plot_encoding.rst",
            category="2 Biology",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "heat map of codes",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/encoding.pdf",
    log:
        "results/logs/plot_encoding/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_encoding/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_encoding"),
    script:
        "../scripts/plot_encoding.py"


rule plot_reconstruction:
    """Draw the reconstruction error by gene and by cancer type."""
    input:
        reconstruction_genes="results/{dataset}/{model}/{tuner}/reconstruction_genes.tsv.gz",
        reconstruction_samples="results/{dataset}/{model}/{tuner}/reconstruction_samples.tsv.gz",
        colours=resource("cohorts.tsv"),
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/reconstruction.png",
            caption="../report/plot_reconstruction.rst",
            category="3 Training",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "reconstruction error",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/reconstruction.pdf",
    log:
        "results/logs/plot_reconstruction/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_reconstruction/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_reconstruction"),
    script:
        "../scripts/plot_reconstruction.py"


rule plot_history:
    """Draw every loss term by epoch."""
    input:
        history="results/{dataset}/{model}/{tuner}/history.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/history.png",
            caption="../report/plot_history.rst",
            category="3 Training",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "loss curves",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/history.pdf",
    log:
        "results/logs/plot_history/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_history/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        objective=lambda wildcards: experiment_of(wildcards).objective,
        title=experiment_title,
        code=code_hash("plot_history"),
    script:
        "../scripts/plot_history.py"


rule plot_published:
    """Draw the loss curve of a model over the figures published for it."""
    input:
        history="results/{dataset}/{model}/{tuner}/history.tsv",
        published=resource("published.tsv"),
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/published.png",
            caption="../report/plot_published.rst",
            category="3 Training",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "beside published figures",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/published.pdf",
    log:
        "results/logs/plot_published/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_published/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        module=lambda wildcards: experiment_of(wildcards).module,
        n_genes=of_dataset("genes", "count"),
        title=experiment_title,
        code=code_hash("plot_published"),
    script:
        "../scripts/plot_published.py"


rule plot_agreement:
    """Draw true against reconstructed values, gene by gene."""
    input:
        values="results/{dataset}/{model}/{tuner}/values.tsv.gz",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/agreement.png",
            caption="../report/plot_agreement.rst",
            category="3 Training",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "true and reconstructed",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/agreement.pdf",
    log:
        "results/logs/plot_agreement/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_agreement/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_agreement"),
    script:
        "../scripts/plot_agreement.py"


rule plot_published_search:
    """Draw the settings of a search beside the scores published for them."""
    input:
        trials="results/{dataset}/{model}/{tuner}/trials.tsv",
        published=resource("published_basics.tsv"),
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/published_search.png",
            caption="../report/plot_published_search.rst",
            category="4 Tuning",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "beside the published search",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/published_search.pdf",
    log:
        "results/logs/plot_published_search/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_published_search/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        experiment=lambda wildcards: published_experiment(experiment_of(wildcards)),
        objective=lambda wildcards: experiment_of(wildcards).objective,
        title=experiment_title,
        code=code_hash("plot_published_search"),
    script:
        "../scripts/plot_published_search.py"


rule plot_curves:
    """Draw the learning curves of all models of a dataset."""
    input:
        histories=lambda wildcards: files_of_experiments(wildcards.dataset, "history.tsv"),
        published=published_curves,
    output:
        png=report(
            "results/{dataset}/figures/curves.png",
            caption="../report/plot_curves.rst",
            category="3 Training",
            labels={"dataset": "{dataset}", "figure": "learning curves of all models"},
        ),
        pdf="results/{dataset}/figures/curves.pdf",
    log:
        "results/logs/plot_curves/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_curves/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        experiments=lambda wildcards: [list(key[1:]) for key in experiments_of(wildcards.dataset)],
        title="{dataset}",
        code=code_hash("plot_curves"),
    script:
        "../scripts/plot_curves.py"


rule plot_trials:
    """Draw the score of every setting of a search."""
    input:
        trials="results/{dataset}/{model}/{tuner}/trials.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/trials.png",
            caption="../report/plot_trials.rst",
            category="4 Tuning",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "scores of the search",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/trials.pdf",
    log:
        "results/logs/plot_trials/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_trials/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        objective=lambda wildcards: experiment_of(wildcards).objective,
        title=experiment_title,
        code=code_hash("plot_trials"),
    script:
        "../scripts/plot_trials.py"


rule plot_parallel:
    """Draw every setting of a search as a line through its values to its score."""
    input:
        trials="results/{dataset}/{model}/{tuner}/trials.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/parallel.png",
            caption="../report/plot_parallel.rst",
            category="4 Tuning",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "settings as lines",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/parallel.pdf",
    log:
        "results/logs/plot_parallel/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_parallel/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        objective=lambda wildcards: experiment_of(wildcards).objective,
        title=experiment_title,
        code=code_hash("plot_parallel"),
    script:
        "../scripts/plot_parallel.py"


rule plot_importance:
    """Draw the importance of every hyperparameter of a search."""
    input:
        importance="results/{dataset}/{model}/{tuner}/importance.tsv",
    output:
        png=report(
            "results/{dataset}/{model}/{tuner}/figures/importance.png",
            caption="../report/plot_importance.rst",
            category="4 Tuning",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "importance of hyperparameters",
            },
        ),
        pdf="results/{dataset}/{model}/{tuner}/figures/importance.pdf",
    log:
        "results/logs/plot_importance/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/plot_importance/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title=experiment_title,
        code=code_hash("plot_importance"),
    script:
        "../scripts/plot_importance.py"


rule plot_progress:
    """Draw the best score so far by what it cost, all tuners of a model on one axis."""
    input:
        searches=lambda wildcards: [
            experiment_file(key, "trials.tsv")
            for key in searches_of(wildcards.dataset, wildcards.model)
        ],
    output:
        png=report(
            "results/{dataset}/figures/progress_{model}.png",
            caption="../report/plot_progress.rst",
            category="4 Tuning",
            labels={"dataset": "{dataset}", "model": "{model}", "figure": "best so far, by tuner"},
        ),
        pdf="results/{dataset}/figures/progress_{model}.pdf",
    log:
        "results/logs/plot_progress/{dataset}/{model}.log",
    benchmark:
        "results/benchmarks/plot_progress/{dataset}/{model}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        tuners=lambda wildcards: [
            tuner for _, _, tuner in searches_of(wildcards.dataset, wildcards.model)
        ],
        objective=lambda wildcards: STUDY.experiments[
            searches_of(wildcards.dataset, wildcards.model)[0]
        ].objective,
        title="{dataset} · {model}",
        code=code_hash("plot_progress"),
    script:
        "../scripts/plot_progress.py"


rule list_settings:
    """List the best settings of a search on a page."""
    input:
        trials="results/{dataset}/{model}/{tuner}/trials.tsv",
    output:
        page=report(
            "results/{dataset}/{model}/{tuner}/settings.html",
            caption="../report/list_settings.rst",
            category="4 Tuning",
            labels={
                "dataset": "{dataset}",
                "model": "{model}",
                "tuner": "{tuner}",
                "figure": "the 20 best settings",
            },
        ),
    log:
        "results/logs/list_settings/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/list_settings/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        searched=lambda wildcards: list(experiment_of(wildcards).searched),
        title=experiment_title,
        code=code_hash("list_settings"),
    script:
        "../scripts/list_settings.py"


rule plot_leaderboard:
    """Draw every measure of every model."""
    input:
        leaderboard="results/{dataset}/leaderboard.tsv",
    output:
        png=report(
            "results/{dataset}/figures/leaderboard.png",
            caption="../report/plot_leaderboard.rst",
            category="0 Models compared",
            labels={"dataset": "{dataset}", "figure": "leaderboard"},
        ),
        pdf="results/{dataset}/figures/leaderboard.pdf",
    log:
        "results/logs/plot_leaderboard/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_leaderboard/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_leaderboard"),
    script:
        "../scripts/plot_leaderboard.py"


rule plot_embedding_quality:
    """Draw what every map keeps of the samples' neighbours and cancer types."""
    input:
        embedding_quality="results/{dataset}/embedding_quality.tsv",
        embedding_purity="results/{dataset}/embedding_purity.tsv",
    output:
        png=report(
            "results/{dataset}/figures/embedding_quality.png",
            caption="../report/plot_embedding_quality.rst",
            category="0 Models compared",
            labels={"dataset": "{dataset}", "figure": "what the maps keep"},
        ),
        pdf="results/{dataset}/figures/embedding_quality.pdf",
    log:
        "results/logs/plot_embedding_quality/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_embedding_quality/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_embedding_quality"),
    script:
        "../scripts/plot_embedding_quality.py"


rule plot_matches:
    """Draw how alike the codes of every pair of models are."""
    input:
        matched_features="results/{dataset}/matched_features.tsv",
    output:
        png=report(
            "results/{dataset}/figures/matches.png",
            caption="../report/plot_matches.rst",
            category="0 Models compared",
            labels={"dataset": "{dataset}", "figure": "codes compared"},
        ),
        pdf="results/{dataset}/figures/matches.pdf",
    log:
        "results/logs/plot_matches/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_matches/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_matches"),
    script:
        "../scripts/plot_matches.py"


rule plot_planted_factors:
    """Draw how much of each planted factor every model has found."""
    input:
        planted_factors="results/{dataset}/planted_factors.tsv",
    output:
        png=report(
            "results/{dataset}/figures/planted_factors.png",
            caption="../report/plot_planted_factors.rst",
            category="0 Models compared",
            labels={"dataset": "{dataset}", "figure": "planted factors found"},
        ),
        pdf="results/{dataset}/figures/planted_factors.pdf",
    log:
        "results/logs/plot_planted_factors/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_planted_factors/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_planted_factors"),
    script:
        "../scripts/plot_planted_factors.py"
