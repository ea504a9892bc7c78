# Stage 3: best -> model -> encoding
#
# REQUIRES
#   results/{dataset}/matrix.h5ad, results/{dataset}/{model}/{tuner}/best.json
# PROVIDES, in results/{dataset}/{model}/{tuner}/
#   model.zip, model.provenance.json            the winner, trained again and kept
#   history.tsv                                 every loss term by epoch
#   encoding.tsv.gz, encoding.provenance.json   codes of all samples
#   gene_weights.tsv.gz                         weight of each gene in each latent feature
#   reconstruction_genes.tsv.gz, reconstruction_samples.tsv.gz
#   values.tsv.gz                               true and reconstructed values (kind logic-genes)
#   features_with_clinical.tsv.gz               the codes beside the clinical columns


rule train_model:
    """Train the winning setting again, on the training samples, and keep the model."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        bases=bases_of,
        best=f"{EXPERIMENT}/best.json",
    output:
        model=f"{EXPERIMENT}/model.zip",
        history=f"{EXPERIMENT}/history.tsv",
        provenance=f"{EXPERIMENT}/model.provenance.json",
    log:
        log_of("train_model", EXPERIMENT),
    benchmark:
        benchmark_of("train_model", EXPERIMENT)
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=True)}),
    conda:
        "../../envs/gpu.yaml"
    resources:
        **needs(6000, 60, accelerator=1),
    params:
        training=lambda wildcards: STUDY.training_options(experiment_of(wildcards)),
        rotation=of_experiment("rotation"),
        code=model_code("train_model"),
    script:
        "../scripts/train_model.py"


use rule train_model as fit_model with:
    """Fit the winning setting of a model in closed form again, and keep the model."""
    log:
        log_of("fit_model", EXPERIMENT),
    benchmark:
        benchmark_of("fit_model", EXPERIMENT)
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=False)}),
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15, accelerator=0),


rule encode_samples:
    """Encode all samples: the mean code of each."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        model=f"{EXPERIMENT}/model.zip",
    output:
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        provenance=f"{EXPERIMENT}/encoding.provenance.json",
    log:
        log_of("encode_samples", EXPERIMENT),
    benchmark:
        benchmark_of("encode_samples", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        code=model_code("encode_samples"),
    script:
        "../scripts/encode_samples.py"


rule weigh_genes:
    """Write the weight of every gene in every latent feature of the decoder."""
    input:
        model=f"{EXPERIMENT}/model.zip",
    output:
        gene_weights=f"{EXPERIMENT}/gene_weights.tsv.gz",
    log:
        log_of("weigh_genes", EXPERIMENT),
    benchmark:
        benchmark_of("weigh_genes", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        code=model_code("weigh_genes"),
    script:
        "../scripts/weigh_genes.py"


rule measure_reconstruction:
    """Measure how well the model reconstructs each gene and each sample."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        samples=f"{DATASET}/samples.tsv",
        model=f"{EXPERIMENT}/model.zip",
    output:
        reconstruction_genes=f"{EXPERIMENT}/reconstruction_genes.tsv.gz",
        reconstruction_samples=f"{EXPERIMENT}/reconstruction_samples.tsv.gz",
    log:
        log_of("measure_reconstruction", EXPERIMENT),
    benchmark:
        benchmark_of("measure_reconstruction", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(6000, 15),
    params:
        roles=of_dataset("roles"),
        code=model_code("measure_reconstruction"),
    script:
        "../scripts/measure_reconstruction.py"


rule join_clinical:
    """Put the clinical columns beside the codes."""
    input:
        encoding=f"{EXPERIMENT}/encoding.tsv.gz",
        clinical=of_first_split("clinical.tsv"),
    output:
        table=f"{EXPERIMENT}/features_with_clinical.tsv.gz",
    log:
        log_of("join_clinical", EXPERIMENT),
    benchmark:
        benchmark_of("join_clinical", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        barcodes=of_dataset("clinical", "barcodes"),
        sample_level=of_dataset("source_tables", "clinical", "sample_level"),
        minimum_overlap=of_dataset("minimum_overlap"),
        code=code_hash("join_clinical"),
    script:
        "../scripts/join_clinical.py"


rule tabulate_values:
    """Write every value of a small matrix beside its reconstruction."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        model=f"{EXPERIMENT}/model.zip",
    output:
        values=f"{EXPERIMENT}/values.tsv.gz",
    log:
        log_of("tabulate_values", EXPERIMENT),
    benchmark:
        benchmark_of("tabulate_values", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15),
    params:
        code=model_code("tabulate_values"),
    script:
        "../scripts/tabulate_values.py"
