# Stage 2: matrix -> trials -> best
#
# REQUIRES
#   results/{dataset}/matrix.h5ad
# PROVIDES, in results/{dataset}/{model}/{tuner}/
#   trials/{round}/proposals.json               what a round trains (adaptive searches only)
#   trials/{round}/{trial}/{execution}.json     score and history of one training
#   trials.tsv                                  every setting of the search, best first
#   best.json                                   the winner
#   trial_readouts.tsv                          what each setting says of the named contrasts
#   importance.tsv                              what each hyperparameter explains of the score


rule propose_trials:
    """Ask the tuner for the settings of one round, given the scores of all earlier rounds."""
    input:
        earlier=lambda wildcards: trials_of(wildcards, before=int(wildcards.round[1:])),
    output:
        proposals=f"{EXPERIMENT}/trials/{{round}}/proposals.json",
    log:
        log_of("propose_trials", f"{EXPERIMENT}/{{round}}"),
    benchmark:
        benchmark_of("propose_trials", f"{EXPERIMENT}/{{round}}")
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 30),
    params:
        tuner=of_experiment("tuner_module"),
        options=of_experiment("options"),
        module=of_experiment("module"),
        fixed=of_experiment("fixed"),
        space=of_experiment("space"),
        slots=lambda wildcards: experiment_of(wildcards).slots(wildcards.round),
        seed=seed_of("{dataset}", "{model}", "{tuner}"),
        code=model_code("propose_trials", with_tuner=True),
    script:
        "../scripts/propose_trials.py"


rule train_trial:
    """Train one hyperparameter setting and score it on the validation samples."""
    input:
        matrix=f"{DATASET}/matrix.h5ad",
        bases=bases_of,
        proposals=proposals_of_round,
    output:
        trial=f"{EXPERIMENT}/trials/{{round}}/{{trial}}/{{execution}}.json",
    log:
        log_of("train_trial", f"{EXPERIMENT}/{{round}}/{{trial}}/{{execution}}"),
    benchmark:
        benchmark_of("train_trial", f"{EXPERIMENT}/{{round}}/{{trial}}/{{execution}}")
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=True)}),
    # Never across rounds: a later round needs the earlier.
    group:
        "trials_{dataset}_{model}_{tuner}_{round}"
    conda:
        "../../envs/gpu.yaml"
    resources:
        **needs(6000, 30, accelerator=1),
    params:
        slot="{round}/{trial}/{execution}",
        hyperparameters=lambda wildcards: experiment_of(wildcards)
        .trial(wildcards.round, wildcards.trial)
        .hyperparameters,
        training=lambda wildcards: STUDY.training_options(experiment_of(wildcards)),
        seed=seed_of("{dataset}", "{model}", "{round}", "{trial}", "{execution}"),
        code=model_code("train_trial", READOUTS),
    script:
        "../scripts/train_trial.py"


use rule train_trial as fit_trial with:
    """Fit one setting of a model in closed form, which needs no accelerator, and score it."""
    log:
        log_of("fit_trial", f"{EXPERIMENT}/{{round}}/{{trial}}/{{execution}}"),
    benchmark:
        benchmark_of("fit_trial", f"{EXPERIMENT}/{{round}}/{{trial}}/{{execution}}")
    wildcard_constraints:
        **(NAMES | {"model": models_that(repeat=False)}),
    group:
        "fits_{dataset}_{model}_{tuner}_{round}"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(4000, 15, accelerator=0),


rule rank_trials:
    """Rank every setting of a search and name the winner."""
    input:
        trials=trials_of,
    output:
        ranking=f"{EXPERIMENT}/trials.tsv",
        best=f"{EXPERIMENT}/best.json",
        trial_readouts=f"{EXPERIMENT}/trial_readouts.tsv",
    log:
        log_of("rank_trials", EXPERIMENT),
    benchmark:
        benchmark_of("rank_trials", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        settings=of_experiment("settings"),
        space=of_experiment("space"),
        configurations=of_experiment("configurations"),
        code=model_code("rank_trials"),
    script:
        "../scripts/rank_trials.py"


rule measure_importance:
    """Measure how much of the score each hyperparameter explains."""
    input:
        trials=f"{EXPERIMENT}/trials.tsv",
    output:
        importance=f"{EXPERIMENT}/importance.tsv",
    log:
        log_of("measure_importance", EXPERIMENT),
    benchmark:
        benchmark_of("measure_importance", EXPERIMENT)
    wildcard_constraints:
        **NAMES,
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(2000, 15),
    params:
        searched=of_experiment("searched"),
        seed=seed_of("{dataset}", "importance"),
        code=code_hash("measure_importance"),
    script:
        "../scripts/measure_importance.py"


rule measure_progress:
    """Follow the best score of every search of a model."""
    input:
        searches=lambda wildcards: [
            f"{RESULTS}/{'/'.join(each.key)}/trials.tsv"
            for each in STUDY.searches_of(wildcards.dataset, wildcards.model)
        ],
    output:
        progress=f"{DATASET}/progress_{{model}}.tsv",
    log:
        log_of("measure_progress", f"{DATASET}/{{model}}"),
    benchmark:
        benchmark_of("measure_progress", f"{DATASET}/{{model}}")
    wildcard_constraints:
        **NAMES,
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    resources:
        **needs(1000, 10),
    params:
        tuners=lambda wildcards: [
            each.tuner for each in STUDY.searches_of(wildcards.dataset, wildcards.model)
        ],
        code=code_hash("measure_progress"),
    script:
        "../scripts/measure_progress.py"
