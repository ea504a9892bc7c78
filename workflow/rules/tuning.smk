# Stage 2: matrix -> trials -> best
#
# REQUIRES
#   results/{dataset}/matrix.h5ad
# PROVIDES, in results/{dataset}/{model}/{tuner}/
#   trials/{round}/proposals.json               what a round trains (closed loops only)
#   trials/{round}/{trial}/{execution}.json     score and history of one training
#   trials.tsv                                  every setting of the search, best first
#   best.json                                   the winner
#   importance.tsv                              what each hyperparameter explains of the score


localrules:
    propose_trials,
    rank_trials,


rule propose_trials:
    """Ask the tuner for the settings of one round, given the scores of all earlier rounds."""
    input:
        earlier=earlier_trials,
    output:
        proposals="results/{dataset}/{model}/{tuner}/trials/{round}/proposals.json",
    log:
        "results/logs/propose_trials/{dataset}/{model}/{tuner}/{round}.log",
    benchmark:
        "results/benchmarks/propose_trials/{dataset}/{model}/{tuner}/{round}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        tuner=of_experiment("tuner_module"),
        options=of_experiment("options"),
        module=of_experiment("module"),
        fixed=of_experiment("fixed"),
        space=of_experiment("space"),
        slots=slots_of_round,
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, wildcards.model, wildcards.tuner),
        states="results/{dataset}/{model}/{tuner}/states",
        code=model_code("propose_trials", with_tuner=True),
    script:
        "../scripts/propose_trials.py"


rule train_trial:
    """Train one hyperparameter setting and score it on the validation samples."""
    input:
        matrix="results/{dataset}/matrix.h5ad",
        proposals=proposals_of_round,
    output:
        trial="results/{dataset}/{model}/{tuner}/trials/{round}/{trial}/{execution}.json",
    log:
        "results/logs/train_trial/{dataset}/{model}/{tuner}/{round}/{trial}/{execution}.log",
    benchmark:
        "results/benchmarks/train_trial/{dataset}/{model}/{tuner}/{round}/{trial}/{execution}.tsv"
    wildcard_constraints:
        model=models_with("build"),
    conda:
        "../../envs/gpu.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=30,
        accelerator=1,
    params:
        slot="{round}/{trial}/{execution}",
        module=of_experiment("module"),
        hyperparameters=lambda wildcards: trial_of(wildcards).hyperparameters,
        training=training_options,
        seed=trial_seed,
        states="results/{dataset}/{model}/{tuner}/states",
        goes_on=goes_on,
        code=model_code("train_trial"),
    script:
        "../scripts/train_trial.py"


use rule train_trial as fit_trial with:
    """Fit one setting of a model in closed form, which needs no accelerator, and score it."""
    log:
        "results/logs/fit_trial/{dataset}/{model}/{tuner}/{round}/{trial}/{execution}.log",
    benchmark:
        "results/benchmarks/fit_trial/{dataset}/{model}/{tuner}/{round}/{trial}/{execution}.tsv"
    wildcard_constraints:
        model=models_with("fit"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=4000,
        runtime=15,
        accelerator=0,


rule rank_trials:
    """Rank every setting of a search and name the winner."""
    input:
        trials=trials_of_experiment,
    output:
        ranking="results/{dataset}/{model}/{tuner}/trials.tsv",
        best="results/{dataset}/{model}/{tuner}/best.json",
    log:
        "results/logs/rank_trials/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/rank_trials/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=settings_of_experiment,
        space=of_experiment("space"),
        configurations=of_experiment("configurations"),
        states="results/{dataset}/{model}/{tuner}/states",
        code=model_code("rank_trials"),
    script:
        "../scripts/rank_trials.py"


rule measure_importance:
    """Measure how much of the score each hyperparameter explains."""
    input:
        trials="results/{dataset}/{model}/{tuner}/trials.tsv",
    output:
        importance="results/{dataset}/{model}/{tuner}/importance.tsv",
    log:
        "results/logs/measure_importance/{dataset}/{model}/{tuner}.log",
    benchmark:
        "results/benchmarks/measure_importance/{dataset}/{model}/{tuner}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        searched=lambda wildcards: list(experiment_of(wildcards).searched),
        seed=lambda wildcards: STUDY.seed(wildcards.dataset, "importance"),
        code=code_hash("measure_importance"),
    script:
        "../scripts/measure_importance.py"
