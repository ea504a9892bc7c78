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
        matrix="results/{dataset}/matrix.h5ad",
        best="results/{dataset}/{model}/{tuner}/best.json",
    output:
        model="results/{dataset}/{model}/{tuner}/model.zip",
        history="results/{dataset}/{model}/{tuner}/history.tsv",
        provenance="results/{dataset}/{model}/{tuner}/model.provenance.json",
    log:
        "results/logs/train_model/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/train_model/{dataset}/{model}/{tuner}.tsv"
    wildcard_constraints:
        model=models_with("build"),
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
        accelerator=1,
    params:
        training=training_options,
        code=model_code("train_model"),
    script:
        "../scripts/train_model.py"


use rule train_model as fit_model with:
    """Fit the winning setting of a model in closed form again, and keep the model."""
    log:
        "results/logs/fit_model/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/fit_model/{dataset}/{model}/{tuner}.tsv"
    wildcard_constraints:
        model=models_with("fit"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=15,
        accelerator=0,


rule encode_samples:
    """Encode all samples: the mean code of each."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        model="results/{dataset}/{model}/{tuner}/model.zip",
    output:
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        provenance="results/{dataset}/{model}/{tuner}/encoding.provenance.json",
    log:
        "results/logs/encode_samples/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/encode_samples/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=model_code("encode_samples"),
    script:
        "../scripts/encode_samples.py"


rule weigh_genes:
    """Write the weight of every gene in every latent feature of the decoder."""
    input:
        model="results/{dataset}/{model}/{tuner}/model.zip",
    output:
        gene_weights="results/{dataset}/{model}/{tuner}/gene_weights.tsv.gz",
    log:
        "results/logs/weigh_genes/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/weigh_genes/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=model_code("weigh_genes"),
    script:
        "../scripts/weigh_genes.py"


rule measure_reconstruction:
    """Measure how well the model gives back each gene and each sample."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        model="results/{dataset}/{model}/{tuner}/model.zip",
    output:
        reconstruction_genes="results/{dataset}/{model}/{tuner}/reconstruction_genes.tsv.gz",
        reconstruction_samples="results/{dataset}/{model}/{tuner}/reconstruction_samples.tsv.gz",
    log:
        "results/logs/measure_reconstruction/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/measure_reconstruction/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=15,
    params:
        code=model_code("measure_reconstruction"),
    script:
        "../scripts/measure_reconstruction.py"


rule join_clinical:
    """Put the clinical columns beside the codes."""
    input:
        encoding="results/{dataset}/{model}/{tuner}/encoding.tsv.gz",
        clinical="results/{dataset}/clinical.tsv",
    output:
        table="results/{dataset}/{model}/{tuner}/features_with_clinical.tsv.gz",
    log:
        "results/logs/join_clinical/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/join_clinical/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        barcodes=of_dataset("clinical", "barcodes"),
        minimum_overlap=of_dataset("minimum_overlap"),
        code=code_hash("join_clinical"),
    script:
        "../scripts/join_clinical.py"


rule tabulate_values:
    """Write every value of a small matrix beside its reconstruction."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        model="results/{dataset}/{model}/{tuner}/model.zip",
    output:
        values="results/{dataset}/{model}/{tuner}/values.tsv.gz",
    log:
        "results/logs/tabulate_values/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/tabulate_values/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        code=model_code("tabulate_values"),
    script:
        "../scripts/tabulate_values.py"
