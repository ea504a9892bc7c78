# Stage 1: sources -> matrix and companion tables
#
# REQUIRES
#   config: datasets.{dataset}; resources/sources.yaml; for kind local the files it names
# PROVIDES
#   resources/downloads/{source}/{table}.tsv.gz and .json   downloaded and checked (kind xena)
#   results/{dataset}/raw/...                               a simulated cohort in the raw formats
#   results/{dataset}/matrix.h5ad, .provenance.json     samples x genes, clinical columns, split
#   results/{dataset}/published_check.json              is it the published matrix? (kind xena)
#   results/{dataset}/clinical.tsv                          all clinical rows, harmonised
#   results/{dataset}/mutations.h5ad, mutation_burden.tsv   samples x genes, 0/1; mutations per sample
#   results/{dataset}/copy_number_{gain,loss}.h5ad          samples x genes, 0/1
#   results/{dataset}/status.h5ad                           samples x genes, 0/1: hit in any way


localrules:
    download_source,


rule download_source:
    """Get one table of a source: from a folder, an earlier download or the network."""
    output:
        file="resources/downloads/{source}/{table}.tsv.gz",
        record="resources/downloads/{source}/{table}.json",
    log:
        log_of("download_source", "{source}/{table}"),
    benchmark:
        benchmark_of("download_source", "{source}/{table}")
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 240),
    params:
        name="{table}",
        urls=lambda wildcards: SOURCES[wildcards.source]["tables"][wildcards.table]["urls"],
        published_freeze=lambda wildcards: SOURCES[wildcards.source]["freeze"],
        downloads="resources/downloads/{source}/files",
        sources_dir=STUDY.config["sources_dir"],
        code=code_hash("download_source"),
    script:
        "../scripts/download_source.py"


rule simulate_cohort:
    """Simulate a pan-cancer cohort with known truth, in the formats of the real sources."""
    input:
        cohorts=resource("cohorts.tsv"),
        gene_statistics=resource("gene_statistics.tsv.gz"),
        marker_genes=resource("marker_genes.tsv"),
        driver_mutations=resource("driver_mutations.tsv"),
        copy_number_events=resource("copy_number_events.tsv"),
    output:
        expression=f"{DATASET}/raw/{RAW_FILES['expression']}",
        clinical=f"{DATASET}/raw/{RAW_FILES['clinical']}",
        mutations=f"{DATASET}/raw/{RAW_FILES['mutations']}",
        copy_number=f"{DATASET}/raw/{RAW_FILES['copy_number']}",
        planted_factors=f"{DATASET}/raw/planted_factors.h5ad",
    log:
        log_of("simulate_cohort", DATASET),
    benchmark:
        benchmark_of("simulate_cohort", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(4000, 30),
    params:
        n_samples=of_dataset("simulation", "samples"),
        n_genes=of_dataset("simulation", "genes"),
        cancer_types=of_dataset("simulation", "cancer_types"),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "simulation"),
        code=code_hash("simulate_cohort"),
    script:
        "../scripts/simulate_cohort.py"


rule generate_logic_genes:
    """Make a few genes that follow from each other, for basic autoencoders."""
    output:
        matrix=f"{DATASET}/matrix.h5ad",
        provenance=f"{DATASET}/matrix.provenance.json",
    log:
        log_of("generate_logic_genes", DATASET),
    benchmark:
        benchmark_of("generate_logic_genes", DATASET)
    wildcard_constraints:
        **(NAMES | {"dataset": one_of(LOGIC_DATASETS)}),
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 10),
    params:
        logic=of_dataset("logic"),
        split=of_dataset("split"),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "logic"),
        code=code_hash("generate_logic_genes"),
    script:
        "../scripts/generate_logic_genes.py"


rule preprocess_expression:
    """Clean, rank, scale and split an expression matrix."""
    input:
        expression=raw_file("expression"),
        clinical=raw_file("clinical"),
    output:
        matrix=f"{DATASET}/matrix.h5ad",
        provenance=f"{DATASET}/matrix.provenance.json",
    log:
        log_of("preprocess_expression", DATASET),
    benchmark:
        benchmark_of("preprocess_expression", DATASET)
    wildcard_constraints:
        **(NAMES | {"dataset": one_of(set(STUDY.config["datasets"]) - set(LOGIC_DATASETS))}),
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(4000, 30),
    params:
        genes=of_dataset("genes"),
        scaling=of_dataset("scaling"),
        split=of_dataset("split"),
        columns=of_dataset("clinical", "columns"),
        barcodes=of_dataset("clinical", "barcodes"),
        minimum_overlap=of_dataset("minimum_overlap"),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "split"),
        code=code_hash("preprocess_expression"),
    script:
        "../scripts/preprocess_expression.py"


rule check_published:
    """Hold the matrix of the published freeze against published facts."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        record=lambda wildcards: downloaded(
            STUDY.dataset(wildcards.dataset)["source"], "expression"
        ).replace(".tsv.gz", ".json"),
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
        expected=lambda wildcards: SOURCES[STUDY.dataset(wildcards.dataset)["source"]]["published"],
        genes=of_dataset("genes"),
        scaling=of_dataset("scaling"),
        code=code_hash("check_published"),
    script:
        "../scripts/check_published.py"


rule tabulate_clinical:
    """Select and harmonise the clinical columns."""
    input:
        table=raw_file("clinical"),
    output:
        clinical=f"{DATASET}/clinical.tsv",
    log:
        log_of("tabulate_clinical", DATASET),
    benchmark:
        benchmark_of("tabulate_clinical", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        columns=all_clinical_columns,
        barcodes=of_dataset("clinical", "barcodes"),
        code=code_hash("tabulate_clinical"),
    script:
        "../scripts/tabulate_clinical.py"


rule tabulate_mutations:
    """Turn a list of mutations into a table of samples and genes, and count them."""
    input:
        table=raw_file("mutations"),
    output:
        mutations=f"{DATASET}/mutations.h5ad",
        burden=f"{DATASET}/mutation_burden.tsv",
    log:
        log_of("tabulate_mutations", DATASET),
    benchmark:
        benchmark_of("tabulate_mutations", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 30),
    params:
        effects=of_source("mutations", "effects"),
        barcodes=of_dataset("clinical", "barcodes"),
        code=code_hash("tabulate_mutations"),
    script:
        "../scripts/tabulate_mutations.py"


rule call_copy_number:
    """Turn thresholded copy number into tables of gains and losses."""
    input:
        table=raw_file("copy_number"),
    output:
        gain=f"{DATASET}/copy_number_gain.h5ad",
        loss=f"{DATASET}/copy_number_loss.h5ad",
    log:
        log_of("call_copy_number", DATASET),
    benchmark:
        benchmark_of("call_copy_number", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 30),
    params:
        barcodes=of_dataset("clinical", "barcodes"),
        code=code_hash("call_copy_number"),
    script:
        "../scripts/call_copy_number.py"


rule combine_status:
    """Tell which genes of a sample are hit: mutated, or gained or lost as their type asks."""
    input:
        mutations=f"{DATASET}/mutations.h5ad",
        gain=f"{DATASET}/copy_number_gain.h5ad",
        loss=f"{DATASET}/copy_number_loss.h5ad",
        genetypes=raw_file("gene_types"),
    output:
        status=f"{DATASET}/status.h5ad",
    log:
        log_of("combine_status", DATASET),
    benchmark:
        benchmark_of("combine_status", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        left_out=of_source("oncokb", "left_out"),
        minimum_overlap=of_dataset("minimum_overlap"),
        code=code_hash("combine_status"),
    script:
        "../scripts/combine_status.py"
