# Stage 1: sources -> matrix and companion tables
#
# REQUIRES
#   config: datasets.{dataset}; resources/sources.yaml; for kind local the files it names
# PROVIDES
#   resources/downloads/{source}/{table}.tsv.gz and .json   downloaded and checked (kind xena)
#   results/{dataset}/raw/...                               a simulated cohort in the raw formats, with
#                                                           methylation where the config asks for it
#   results/{dataset}/matrix.h5ad, .provenance.json         samples x genes, clinical columns, split
#   results/{dataset}/samples.tsv                           the samples: split, roles and columns
#   results/{dataset}/columns.tsv                           its columns: roles, values, what is asked
#   results/{dataset}/testable.tsv                          contrasts that a split can test
#   results/{dataset}/published_check.json              is it the published matrix? (kind xena)
#   results/{dataset}/clinical.tsv                          all clinical rows, harmonised
#   results/{dataset}/mutations.h5ad, mutation_burden.tsv   samples x genes, 0/1; mutations per sample
#   results/{dataset}/copy_number_{gain,loss}.h5ad          samples x genes, 0/1
#   results/{dataset}/status.h5ad                           samples x genes, 0/1: hit in any way


rule download_source:
    """Get one table of a source: from a folder, an earlier download or the network."""
    output:
        file=f"{PLACES.downloads}/{{source}}/{{table}}.tsv.gz",
        record=f"{PLACES.downloads}/{{source}}/{{table}}.json",
    log:
        log_of("download_source", "{source}/{table}"),
    benchmark:
        benchmark_of("download_source", "{source}/{table}")
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 240),
    params:
        name="{table}",
        urls=lambda wildcards: SOURCES[wildcards.source]["tables"][wildcards.table]["urls"],
        published_freeze=lambda wildcards: SOURCES[wildcards.source]["freeze"],
        downloads=f"{PLACES.downloads}/{{source}}/files",
        sources_dir=STUDY.config["sources_dir"],
        code=code_hash("download_source"),
    script:
        "../scripts/download_source.py"


# Once for each kind that simulates, for their raw files differ.
for kind, module in simulators().items():

    rule:
        name:
            f"simulate_dataset_{kind}"
        input:
            tables=[PLACES.resource(table) for table in module.RESOURCES],
        output:
            **{table: f"{DATASET}/raw/{file}" for table, file in module.RAW.items()},
        log:
            log_of("simulate_dataset", DATASET),
        benchmark:
            benchmark_of("simulate_dataset", DATASET)
        wildcard_constraints:
            **(NAMES | {"dataset": one_of(STUDY.datasets_of_kind(kind))}),
        conda:
            "../../envs/cpu.yaml"
        threads: 2
        resources:
            **needs(4000, 30),
        params:
            settings=settings_for("SIMULATES"),
            seed=seed_of("{dataset}", "simulation"),
            code=kind_code("simulate_dataset"),
        script:
            "../scripts/simulate_dataset.py"


rule simulate_methylation:
    """Simulate the methylation of a simulated cohort."""
    input:
        expression=f"{DATASET}/raw/HiSeqV2.gz",
        clinical=f"{DATASET}/raw/samples.tsv.gz",
    output:
        methylation=f"{DATASET}/raw/HumanMethylation450.gz",
        planted_methylation=f"{DATASET}/raw/planted_methylation.tsv",
    log:
        log_of("simulate_methylation", DATASET),
    benchmark:
        benchmark_of("simulate_methylation", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 30),
    params:
        simulation=of_dataset("simulation"),
        seed=seed_of("{dataset}", "simulation"),
        code=code_hash("simulate_methylation"),
    script:
        "../scripts/simulate_methylation.py"


rule read_dataset:
    """Read, clean, scale and split a matrix, as the kind of its dataset does."""
    input:
        unpack(given(read_from, f"{DATASET}/matrix.h5ad")),
    output:
        matrix=f"{DATASET}/matrix.h5ad",
        samples=f"{DATASET}/samples.tsv",
        provenance=f"{DATASET}/matrix.provenance.json",
    log:
        log_of("read_dataset", DATASET),
    benchmark:
        benchmark_of("read_dataset", DATASET)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        **needs(4000, 30),
    params:
        settings=settings_for("READS"),
        seed=lambda wildcards: STUDY.seed_of_matrix(wildcards.dataset),
        content=content_of(read_from),
        code=kind_code("read_dataset"),
    script:
        "../scripts/read_dataset.py"


rule describe_columns:
    """List every column of the samples, and check the contrasts of the config."""
    input:
        samples=f"{DATASET}/samples.tsv",
        known_columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        columns=f"{DATASET}/columns.tsv",
    log:
        log_of("describe_columns", DATASET),
    benchmark:
        benchmark_of("describe_columns", DATASET)
    wildcard_constraints:
        **NAMES,
    priority: 100  # what is wrong with a column is said before trainings start
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        code=code_hash("describe_columns"),
    script:
        "../scripts/describe_columns.py"


rule count_testable:
    """Tell which contrasts can be tested with this split, and with larger test parts."""
    input:
        samples=f"{DATASET}/samples.tsv",
        known_columns=known_columns,
        status=where_planned("status.h5ad"),
        mutation_burden=where_planned("mutation_burden.tsv"),
        driver_genes=PLACES.resource("driver_mutations.tsv"),
    output:
        testable=f"{DATASET}/testable.tsv",
    log:
        log_of("count_testable", DATASET),
    benchmark:
        benchmark_of("count_testable", DATASET)
    wildcard_constraints:
        **NAMES,
    priority: 100  # which questions a split cannot answer is said before trainings start
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        declared=of_dataset("contrasts"),
        roles=of_dataset("roles"),
        split=of_dataset("split"),
        repeats=of_dataset("repeats"),
        seed=lambda wildcards: STUDY.seed_of_matrix(wildcards.dataset),
        code=code_hash("count_testable"),
    script:
        "../scripts/count_testable.py"


rule tabulate_clinical:
    """Select and harmonise the clinical columns."""
    input:
        table=given(raw_file("clinical"), f"{DATASET}/clinical.tsv"),
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
        columns=of_dataset("all_columns"),
        barcodes=of_dataset("clinical", "barcodes"),
        roles=of_dataset("roles"),
        content=content_of(raw_file("clinical")),
        code=code_hash("tabulate_clinical"),
    script:
        "../scripts/tabulate_clinical.py"


rule tabulate_mutations:
    """Turn a list of mutations into a table of samples and genes, and count them."""
    input:
        table=given(raw_file("mutations"), f"{DATASET}/mutations.h5ad"),
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
        effects=of_dataset("source_tables", "mutations", "effects"),
        barcodes=of_dataset("clinical", "barcodes"),
        content=content_of(raw_file("mutations")),
        code=code_hash("tabulate_mutations"),
    script:
        "../scripts/tabulate_mutations.py"


rule call_copy_number:
    """Turn thresholded copy number into tables of gains and losses."""
    input:
        table=given(raw_file("copy_number"), f"{DATASET}/copy_number_gain.h5ad"),
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
        content=content_of(raw_file("copy_number")),
        code=code_hash("call_copy_number"),
    script:
        "../scripts/call_copy_number.py"


rule combine_status:
    """Tell which genes of a sample are hit: mutated, or gained or lost as their type asks."""
    input:
        mutations=f"{DATASET}/mutations.h5ad",
        gain=f"{DATASET}/copy_number_gain.h5ad",
        loss=f"{DATASET}/copy_number_loss.h5ad",
        genetypes=given(raw_file("gene_types"), f"{DATASET}/status.h5ad"),
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
        left_out=of_dataset("source_tables", "oncokb", "left_out"),
        minimum_overlap=of_dataset("minimum_overlap"),
        content=content_of(raw_file("gene_types")),
        code=code_hash("combine_status"),
    script:
        "../scripts/combine_status.py"
