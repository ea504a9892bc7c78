# Stage 6: findings -> things to share
#
# REQUIRES
#   the tables of the stages before; resources/cohorts.tsv for colours, resources/marker_genes.tsv
#   workflow/pages/: templates, style sheets and scripts of the pages
# PROVIDES
#   results/{dataset}/explorer.html         all embeddings, to be explored in a browser
#   results/{dataset}/summary.html          one page: what was trained and what was found
#   results/{dataset}/study.h5ad            everything in one file for scanpy
#   of datasets with `project_onto`, whose samples are new to the model:
#   results/{dataset}/projection.tsv, projected_encoding.tsv.gz, projection.json


rule build_explorer:
    """Put every embedding of a dataset on one page to explore, without a server."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        gene_embedding=f"{DATASET}/gene_embedding.tsv",
        embedding_quality=f"{DATASET}/embedding_quality.tsv",
        embeddings=of_every_experiment("embedding.tsv"),
        encodings=of_every_experiment("encoding.tsv.gz"),
        gene_weights=of_every_experiment("gene_weights.tsv.gz"),
        findings=of_every_experiment("findings.tsv"),
        markers=PLACES.resource("marker_genes.tsv"),
        colours=PLACES.resource("cohorts.tsv"),
        projections=of_projections("projection.tsv"),
    output:
        explorer=f"{DATASET}/explorer.html",
    log:
        log_of("build_explorer", DATASET),
    benchmark:
        benchmark_of("build_explorer", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        dataset=lambda wildcards: {
            "name": wildcards.dataset,
            "experiments": experiments_of_dataset(wildcards),
            "projected": projections.projected_onto(STUDY, wildcards.dataset),
            "label": STUDY.dataset(wildcards.dataset)["roles"].get("label"),
        },
        code=code_hash("build_explorer", files=sorted((HOME / "workflow/pages").glob("explorer.*"))),
    script:
        "../scripts/build_explorer.py"


rule write_summary:
    """Write one page that says what was trained and what was found."""
    input:
        samples=f"{DATASET}/samples.tsv",
        matrix=f"{DATASET}/matrix.h5ad",
        tables=lambda wildcards: planned_names(
            "columns.tsv",
            "testable.tsv",
            "embedding_quality.tsv",
            "repeats.tsv",
            dataset=wildcards.dataset,
        ),
        leaderboard=f"{DATASET}/leaderboard.tsv",
        trials=of_every_experiment("trials.tsv"),
        findings=of_every_experiment("findings.tsv"),
        provenances=lambda wildcards: [
            f"{DATASET}/matrix.provenance.json".format(**wildcards),
            *of_every_experiment("model.provenance.json")(wildcards),
        ],
        rotations=lambda wildcards: planned_names("rotation.tsv", dataset=wildcards.dataset),
        pictures=lambda wildcards: planned_names(
            "figures/gene_embedding.png", "figures/embedding.png", dataset=wildcards.dataset
        ),
    output:
        summary=report(
            f"{DATASET}/summary.html",
            caption="../report/write_summary.rst",
            category="0 At a glance",
            labels={"dataset": "{dataset}", "page": "summary"},
        ),
    log:
        log_of("write_summary", DATASET),
    benchmark:
        benchmark_of("write_summary", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        dataset=lambda wildcards: {
            "name": wildcards.dataset,
            "experiments": experiments_of_dataset(wildcards),
            "rotated": experiments_of_dataset(wildcards, rotated=True),
            "roles": STUDY.dataset(wildcards.dataset)["roles"],
            "repeats": STUDY.repeats(wildcards.dataset),
            "split": STUDY.dataset(wildcards.dataset)["split"],
            "gene_sets": gene_set_files(),
            "benchmarks": f"{RESULTS}/benchmarks",
        },
        code=code_hash(
            "write_summary",
            files=[*sorted((HOME / "workflow/pages").glob("summary.*")), HOME / "CITATION.cff"],
        ),
    script:
        "../scripts/write_summary.py"


rule assemble_study:
    """Put matrix, codes, embeddings and findings of a dataset into one file for scanpy."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        gene_embedding=f"{DATASET}/gene_embedding.tsv",
        leaderboard=f"{DATASET}/leaderboard.tsv",
        encodings=of_every_experiment("encoding.tsv.gz"),
        embeddings=of_every_experiment("embedding.tsv"),
        gene_weights=of_every_experiment("gene_weights.tsv.gz"),
        associations=of_every_experiment("associations.tsv"),
        findings=of_every_experiment("findings.tsv"),
        colours=PLACES.resource("cohorts.tsv"),
        projections=of_projections("projection.tsv", "projected_encoding.tsv.gz"),
    output:
        study=f"{DATASET}/study.h5ad",
    log:
        log_of("assemble_study", DATASET),
    benchmark:
        benchmark_of("assemble_study", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        dataset=lambda wildcards: {
            "experiments": experiments_of_dataset(wildcards),
            "projected": projections.projected_onto(STUDY, wildcards.dataset),
            "label": STUDY.dataset(wildcards.dataset)["roles"].get("label"),
        },
        code=code_hash("assemble_study"),
    script:
        "../scripts/assemble_study.py"


rule project_samples:
    """Place a new cohort in the embedding of a trained model."""
    input:
        expression=given(of_new_samples("expression"), f"{DATASET}/projection.tsv"),
        clinical=given(of_new_samples("clinical"), f"{DATASET}/projection.tsv"),
        model=of_target("model.zip"),
        matrix=of_target_dataset("matrix.h5ad"),
        samples=of_target_dataset("samples.tsv"),
        embedding=of_target("embedding.tsv"),
    output:
        projection=f"{DATASET}/projection.tsv",
        projected_encoding=f"{DATASET}/projected_encoding.tsv.gz",
        diagnostics=f"{DATASET}/projection.json",
    log:
        log_of("project_samples", DATASET),
    benchmark:
        benchmark_of("project_samples", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(6000, 30),
    params:
        options=lambda wildcards: {
            "blocks": projections.blocks_to_project(STUDY, wildcards.dataset),
            "rows": STUDY.dataset(wildcards.dataset)["rows"],
            "clinical": projections.clinical_to_project(STUDY, wildcards.dataset),
            "target": "/".join(target_of(wildcards).key),
            "roles": STUDY.dataset(target_of(wildcards).dataset)["roles"],
        },
        seed=seed_of("{dataset}", "projection"),
        content=content_of(of_new_samples("expression", "clinical")),
        code=lambda wildcards: code_hash(
            "project_samples",
            *STUDY.modules_of(target_of(wildcards)),
            files=target_of(wildcards).files,
        ),
    script:
        "../scripts/project_samples.py"
