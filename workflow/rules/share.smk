# Stage 6: meaning -> things to share
#
# REQUIRES
#   the tables of the stages before; resources/cohorts.tsv for colours, resources/marker_genes.tsv
#   workflow/pages/: templates, style sheets and scripts of the pages
# PROVIDES
#   results/{dataset}/explorer.html         all maps, to be explored in a browser
#   results/{dataset}/summary.html          one page: what was trained and what was found
#   results/{dataset}/study.h5ad            everything in one file for scanpy
#   of datasets with `project_onto`, whose samples are new to the model:
#   results/{dataset}/projection.tsv, projected_encoding.tsv.gz, projection.json


rule build_explorer:
    """Put every map of a dataset on one page to explore, without a server."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        gene_embedding="results/{dataset}/gene_embedding.tsv",
        embedding_quality="results/{dataset}/embedding_quality.tsv",
        embeddings=of_every_experiment("embedding.tsv"),
        encodings=of_every_experiment("encoding.tsv.gz"),
        gene_weights=of_every_experiment("gene_weights.tsv.gz"),
        findings=of_every_experiment("findings.tsv"),
        markers=resource("marker_genes.tsv"),
        colours=resource("cohorts.tsv"),
    output:
        explorer="results/{dataset}/explorer.html",
    log:
        "results/logs/build_explorer/{dataset}.log",
    benchmark:
        "results/benchmarks/build_explorer/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        experiments=experiments_of_wildcard,
        title="{dataset}",
        code=code_hash("build_explorer", files=page_files("explorer")),
    script:
        "../scripts/build_explorer.py"


rule write_summary:
    """Write one page that says what was trained and what was found."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        leaderboard="results/{dataset}/leaderboard.tsv",
        best=of_every_experiment("best.json"),
        trials=of_every_experiment("trials.tsv"),
        findings=of_every_experiment("findings.tsv"),
        embedding_quality="results/{dataset}/embedding_quality.tsv",
        provenances=records_of_dataset,
        pictures=maps_of_dataset,
        citation=citation_file(),
    output:
        summary=report(
            "results/{dataset}/summary.html",
            caption="../report/write_summary.rst",
            category="0 At a glance",
            labels={"dataset": "{dataset}", "page": "summary"},
        ),
    log:
        "results/logs/write_summary/{dataset}.log",
    benchmark:
        "results/benchmarks/write_summary/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        experiments=experiments_of_wildcard,
        title="{dataset}",
        benchmarks="results/benchmarks",
        code=code_hash("write_summary", files=page_files("summary")),
    script:
        "../scripts/write_summary.py"


rule assemble_study:
    """Put matrix, codes, maps and findings of a dataset into one file for scanpy."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        gene_embedding="results/{dataset}/gene_embedding.tsv",
        leaderboard="results/{dataset}/leaderboard.tsv",
        encodings=of_every_experiment("encoding.tsv.gz"),
        embeddings=of_every_experiment("embedding.tsv"),
        gene_weights=of_every_experiment("gene_weights.tsv.gz"),
        associations=of_every_experiment("associations.tsv"),
        findings=of_every_experiment("findings.tsv"),
        colours=resource("cohorts.tsv"),
    output:
        study="results/{dataset}/study.h5ad",
    log:
        "results/logs/assemble_study/{dataset}.log",
    benchmark:
        "results/benchmarks/assemble_study/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        experiments=experiments_of_wildcard,
        code=code_hash("assemble_study"),
    script:
        "../scripts/assemble_study.py"


rule project_samples:
    """Place a new cohort on the map of a trained model."""
    input:
        expression=raw_file("expression"),
        model=of_target("model.zip"),
        matrix=lambda wildcards: f"results/{target_of(wildcards).dataset}/matrix.h5ad",
        encoding=of_target("encoding.tsv.gz"),
        embedding=of_target("embedding.tsv"),
    output:
        projection="results/{dataset}/projection.tsv",
        projected_encoding="results/{dataset}/projected_encoding.tsv.gz",
        diagnostics="results/{dataset}/projection.json",
    log:
        "results/logs/project_samples/{dataset}.log",
    benchmark:
        "results/benchmarks/project_samples/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=30,
    params:
        duplicates=of_dataset("genes", "duplicates"),
        target=lambda wildcards: "/".join(target_of(wildcards).key),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "projection"),
        code=projection_code,
    script:
        "../scripts/project_samples.py"


rule plot_projection:
    """Draw new samples on the map that they were projected onto."""
    input:
        projection="results/{dataset}/projection.tsv",
        diagnostics="results/{dataset}/projection.json",
        embedding=of_target("embedding.tsv"),
        matrix=lambda wildcards: f"results/{target_of(wildcards).dataset}/matrix.h5ad",
        colours=resource("cohorts.tsv"),
    output:
        png=report(
            "results/{dataset}/figures/projection.png",
            caption="../report/plot_projection.rst",
            category="5 New samples",
            labels={"dataset": "{dataset}", "figure": "projection"},
        ),
        pdf="results/{dataset}/figures/projection.pdf",
    log:
        "results/logs/plot_projection/{dataset}.log",
    benchmark:
        "results/benchmarks/plot_projection/{dataset}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        title="{dataset}",
        code=code_hash("plot_projection"),
    script:
        "../scripts/plot_projection.py"
