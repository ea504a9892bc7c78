# The config, checked; the study it asks for; and functions that name files. No rules.

import importlib
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir, "workflow", "scripts")))

from tybalt.plan.config import check_config, load_schema
from tybalt.plan.errors import InputError
from tybalt.plan.gene_sets import locate
from tybalt.plan.names import experiment_name
from tybalt.plan.code_hash import code_hash
from tybalt.plan.datasets import declared_covariates, source_columns, source_of
from tybalt.plan.experiments import build_study
from tybalt.plan.models_and_tuners import load_plugin


def checked(load, what):
    """Load something; a mistake of the user's in it ends Snakemake with one message."""
    try:
        return load()
    except InputError as error:
        print(f"\nERROR in {what}: {error}\n", file=sys.stderr)
        sys.exit(1)


def load_sources():
    """Read the studies that can be downloaded; a mistake in an entry ends Snakemake."""
    schema = load_schema(Path(workflow.basedir, "workflow", "schemas", "sources.schema.yaml"))
    sources = yaml.safe_load(Path(workflow.basedir, "resources", "sources.yaml").read_text())
    return check_config(sources, schema)


SOURCES = checked(load_sources, "resources/sources.yaml")


def resource(name):
    """A reference table of the workflow, relative to the folder in which Snakemake runs."""
    return os.path.relpath(Path(workflow.basedir, "resources", name))


def load_study():
    """Check the config and plan the study."""
    schema = load_schema(Path(workflow.basedir, "workflow", "schemas", "config.schema.yaml"))
    cohorts = Path(workflow.basedir, "resources", "cohorts.tsv").read_text().splitlines()[1:]
    cancer_types = [line.split("\t")[0] for line in cohorts]
    return build_study(check_config(config, schema), SOURCES, cancer_types)


STUDY = checked(load_study, "the config")

# The adapter reads training.checkpoint_every here, where a change reruns nothing.
config["training"] = STUDY.config["training"]


def one_of(names):
    """Constrain a wildcard to the names of a vocabulary (which may be empty)."""
    return "|".join(sorted(set(names))) or "(?!)"


NAMES = {
    "dataset": one_of(STUDY.config["datasets"]),
    "model": one_of(STUDY.config["models"]),
    "tuner": one_of(STUDY.config["tuners"]),
    "round": "r[0-9]+",
    "execution": "e[0-9]+",
    "replicate": "[0-9]+",
    "contrast": one_of(
        name for entry in STUDY.config["datasets"].values() for name in entry["contrasts"]
    ),
}

# Every path begins with one of these.
RESULTS = STUDY.config["results_dir"]
DATASET = f"{RESULTS}/{{dataset}}"
EXPERIMENT = f"{DATASET}/{{model}}/{{tuner}}"


def log_of(rule_name, place):
    """The log of a rule whose outputs lie in `place`."""
    return f"{RESULTS}/logs/{rule_name}/{place.removeprefix(f'{RESULTS}/')}.log"


def benchmark_of(rule_name, place):
    """What a job of a rule took, in time and memory."""
    return f"{RESULTS}/benchmarks/{rule_name}/{place.removeprefix(f'{RESULTS}/')}.tsv"


def needs(mem_mb, runtime, **others):
    """Memory in MB and time in minutes, which grow with each attempt, and other resources."""
    return {
        "mem_mb": lambda wildcards, attempt: mem_mb * attempt,
        "runtime": lambda wildcards, attempt: runtime * attempt,
        **others,
    }


def figure(rule_name, place, category, label, name=None):
    """The two files of a figure, with its entry in the report; `name` without the suffix."""
    stem = f"{place}/figures/{name or rule_name.removeprefix('plot_')}"
    wildcards = re.findall(r"{(dataset|model|tuner)}", stem)
    return {
        "png": report(
            f"{stem}.png",
            caption=f"../report/{rule_name}.rst",
            category=category,
            labels={name: f"{{{name}}}" for name in wildcards} | {"figure": label},
        ),
        "pdf": f"{stem}.pdf",
    }


def drawing(rule_name, **values):
    """The params of a figure: its script's name, the hash of its code, and what it draws with."""
    return {"script": rule_name, "code": code_hash(rule_name), **values}


def experiment_of(wildcards):
    """The experiment of the study that a job belongs to; a file of another experiment cannot be made."""
    return checked(
        lambda: STUDY.experiment(wildcards.dataset, wildcards.model, wildcards.tuner), "the target"
    )


def model_code(rule_name, with_tuner=False):
    """The code hash of a rule that also runs the model of its experiment; the model's files count too."""

    def hashed(wildcards):
        experiment = experiment_of(wildcards)
        tuner = [f"tybalt.tuners.{experiment.tuner_module}"] if with_tuner else []
        return code_hash(
            rule_name, f"tybalt.models.{experiment.module}", *tuner, files=experiment.files
        )

    return hashed


def models_with(verb):
    """Models of the study that have `build` (trained) or `fit` (in closed form), as a constraint."""
    modules = {
        experiment.model: f"tybalt.models.{experiment.module}"
        for experiment in STUDY.experiments.values()
    }
    return one_of(
        model for model, module in modules.items() if hasattr(importlib.import_module(module), verb)
    )


def experiment_file(key, name):
    """A file of one experiment; `key` is its dataset, model and tuner."""
    dataset, model, tuner = key
    return f"{RESULTS}/{dataset}/{model}/{tuner}/{name}"


def experiment_files(*names):
    """The files of these names in every experiment of the study."""
    return [experiment_file(key, name) for key in STUDY.experiments for name in names]


def experiments_of(dataset):
    """The experiments of one dataset."""
    return [key for key in STUDY.experiments if key[0] == dataset]


def files_of_experiments(dataset, name):
    """The files of this name in every experiment of one dataset."""
    return [experiment_file(key, name) for key in experiments_of(dataset)]


def joined_files():
    """The codes beside the clinical columns, for every experiment whose dataset has the table."""
    return [
        experiment_file(key, "features_with_clinical.tsv.gz")
        for key in STUDY.experiments
        if "clinical" in STUDY.dataset(key[0])["tables"]
    ]


# sources -> matrix

#: Datasets that are a few genes which follow from each other.
LOGIC_DATASETS = [
    name for name, entry in STUDY.config["datasets"].items() if entry["kind"] == "logic-genes"
]

RAW_FILES = {
    "expression": "HiSeqV2.gz",
    "clinical": "samples.tsv.gz",
    "mutations": "PANCAN_mutation.gz",
    "copy_number": "Gistic2_all_thresholded.by_genes.gz",
}

#: The source table behind a raw table, where the names differ.
SOURCE_TABLES = {"gene_types": "oncokb"}

TABLE_FILES = {
    "clinical": ["clinical.tsv"],
    "mutations": ["mutations.h5ad", "mutation_burden.tsv"],
    "copy_number": ["copy_number_gain.h5ad", "copy_number_loss.h5ad"],
    "status": ["status.h5ad"],
}


def raw_file(table):
    """The input function of one raw table of a dataset, whatever its kind."""

    def path(wildcards):
        dataset = STUDY.dataset(wildcards.dataset)
        if dataset["kind"] == "local":
            return dataset["files"][table]
        if dataset["kind"] == "xena":
            return downloaded(dataset["source"], table)
        if table == "gene_types":
            return resource("gene_types.tsv")
        return f"{RESULTS}/{wildcards.dataset}/raw/{RAW_FILES[table]}"

    return path


def downloaded(source, table):
    """Where a downloaded table lies."""
    return f"resources/downloads/{source}/{SOURCE_TABLES.get(table, table)}.tsv.gz"


def source_files():
    """Every download that the study's datasets need."""
    needed = []
    for dataset in map(STUDY.dataset, STUDY.datasets):
        if dataset["kind"] == "xena":
            tables = {"expression", "clinical", *dataset["tables"]}
            tables = {"gene_types" if table == "status" else table for table in tables}
            needed += [downloaded(dataset["source"], table) for table in sorted(tables)]
    for name in STUDY.projections:
        if STUDY.dataset(name)["kind"] == "xena":
            needed.append(downloaded(STUDY.dataset(name)["source"], "expression"))
    return sorted(set(needed))


def dataset_files():
    """The matrix and the companion tables of every dataset."""
    names = {dataset: ["matrix.h5ad"] for dataset in STUDY.datasets}
    for dataset in STUDY.datasets:
        entry = STUDY.dataset(dataset)
        if "published" in SOURCES.get(entry.get("source"), {}):
            names[dataset].append("published_check.json")
        for table in entry["tables"]:
            names[dataset] += TABLE_FILES[table]
    return [f"{RESULTS}/{dataset}/{name}" for dataset in names for name in names[dataset]]


def of_dataset(*keys):
    """The params function of a value in the config entry of a dataset."""

    def value(wildcards):
        found = STUDY.dataset(wildcards.dataset)
        for key in keys:
            found = found[key]
        return found

    return value


def of_source(table, key):
    """The params function of a value that the source of a dataset gives for one of its tables."""
    return lambda wildcards: source_of(STUDY.dataset(wildcards.dataset), SOURCES)["tables"][table][
        key
    ]


def all_clinical_columns(wildcards):
    """The clinical columns of a dataset, those that hold for one sample only included."""
    dataset = STUDY.dataset(wildcards.dataset)
    if dataset["kind"] == "local":
        return dataset["clinical"]["columns"]
    return source_columns(dataset, SOURCES)


# matrix -> trials -> best

TRIALS = f"{EXPERIMENT}/trials"


def trial_of(wildcards):
    """The planned trial that a training job belongs to."""
    return experiment_of(wildcards).trial(wildcards.round, wildcards.trial)


def trial_seed(wildcards):
    """The seed of one execution of one trial: a function of names alone."""
    return STUDY.seed(
        *(wildcards[name] for name in ("dataset", "model", "round", "trial", "execution"))
    )


def training_options(wildcards):
    """What training needs besides the model's hyperparameters."""
    return {
        "backend": STUDY.config["training"]["backend"],
        "objective": experiment_of(wildcards).objective,
        "patience": STUDY.config["training"]["patience"],
    }


def proposals_of_round(wildcards):
    """The proposals that a trial of a closed loop waits for; none in an open loop."""
    if not experiment_of(wildcards).is_closed:
        return []
    return f"{TRIALS}/{{round}}/proposals.json".format(**wildcards)


def trials_of_experiment(wildcards, before=None):
    """The results of every training of a search, or of its first rounds."""
    names = experiment_of(wildcards).trial_files(before)
    return [f"{TRIALS.format(**wildcards)}/{'/'.join(name)}.json" for name in names]


def earlier_trials(wildcards):
    """The results of every training of the rounds before."""
    return trials_of_experiment(wildcards, before=int(wildcards.round[1:]))


def slots_of_round(wildcards):
    """What is known beforehand of the trials of a round, in plain values."""
    trials = experiment_of(wildcards).rounds[int(wildcards.round[1:])]
    return [asdict(trial.slot) for trial in trials]


def settings_of_experiment(wildcards):
    """{round}/{trial} -> [epochs, number of configurations] that its trainings answer."""
    return {
        f"r{number}/{trial.name}": [list(setting) for setting in trial.settings]
        for number, trials in enumerate(experiment_of(wildcards).rounds)
        for trial in trials
    }


def of_experiment(attribute):
    """The params function of what the study knows of an experiment."""
    return lambda wildcards: getattr(experiment_of(wildcards), attribute)


# encoding -> embedding -> meaning


def of_tables(table, name):
    """The input function of a file of a companion table; empty where the dataset has none."""

    def path(wildcards):
        has = table in STUDY.dataset(wildcards.dataset)["tables"]
        return f"{RESULTS}/{wildcards.dataset}/{name}" if has else []

    return path


def gene_set_files():
    """The GMT files whose sets are looked for, relative to the folder in which Snakemake runs."""
    named = STUDY.config["explain"]["gene_sets"]
    return checked(
        lambda: [os.path.relpath(locate(path, "explain.gene_sets")) for path in named], "the config"
    )


def replicate_files(experiment):
    """The codes of an experiment's trainings with other seeds; a closed-form model has none."""
    trained = hasattr(
        load_plugin("models", experiment.module, f"models.{experiment.model}"), "build"
    )
    numbers = range(1, 1 + STUDY.config["explain"]["stability_seeds"]) if trained else []
    return [experiment_file(experiment.key, f"replicates/{number}.tsv.gz") for number in numbers]


def replicates_of_experiment(wildcards):
    """The codes of trainings with other seeds."""
    return replicate_files(experiment_of(wildcards))


def stability_of_experiment(wildcards):
    """The table of stability; empty where nothing is trained again."""
    experiment = experiment_of(wildcards)
    return experiment_file(experiment.key, "stability.tsv") if replicate_files(experiment) else []


def has_contrasts(dataset):
    """Whether anything is declared of a dataset's samples but who their patients are."""
    return bool(declared_covariates(STUDY.dataset(dataset)) - {"patient"})


def finding_files():
    """What is found in every experiment, and what the models and maps of a dataset have in common."""
    files = [
        experiment_file(key, "findings.tsv") for key in STUDY.experiments if has_contrasts(key[0])
    ]
    for dataset in STUDY.datasets:
        files.append(f"{RESULTS}/{dataset}/matched_features.tsv")
        if STUDY.has(dataset, "cancer_type"):
            files.append(f"{RESULTS}/{dataset}/embedding_quality.tsv")
    return files


# figures


def figure_files():
    """Every figure of the study, PNG and PDF."""
    return [
        f"{stem}.{suffix}"
        for stem in [*dataset_figures(), *experiment_figures(), *projection_figures()]
        for suffix in ("png", "pdf")
    ]


def searches_of(dataset, model):
    """The experiments of one dataset and model that search, by their keys."""
    return [
        key
        for key in experiments_of(dataset)
        if key[1] == model and STUDY.experiments[key].searched
    ]


def dataset_figures():
    """Figures of whole datasets, without their suffix."""
    return [
        f"{RESULTS}/{dataset}/figures/{name}"
        for dataset in STUDY.datasets
        for name in figures_of_dataset(dataset)
    ]


def figures_of_dataset(dataset):
    """Names of the figures of one dataset."""
    names = ["leaderboard", "curves"]
    if STUDY.has(dataset, "cancer_type"):
        names += ["gene_embedding", "embedding_quality"]
    if len(experiments_of(dataset)) > 1:
        names.append("matches")
    if STUDY.dataset(dataset)["kind"] == "simulated":
        names.append("planted_factors")
    models = dict.fromkeys(model for _, model, _ in experiments_of(dataset))
    return names + [f"progress_{model}" for model in models if searches_of(dataset, model)]


def experiment_figures():
    """Figures of experiments, without their suffix; those whose covariates are missing are not planned."""
    return [
        experiment_file(experiment.key, f"figures/{name}")
        for experiment in STUDY.experiments.values()
        for name in figures_of_experiment(experiment)
    ]


def figures_of_experiment(experiment):
    """Names of the figures of one experiment."""
    names = ["history", "encoding", "reconstruction"]
    if has_contrasts(experiment.dataset):
        names.append("findings")
    if experiment.searched:
        names += ["trials", "parallel", "importance"]
    if STUDY.has(experiment.dataset, "cancer_type"):
        names.append("embedding")
    if has_published_figures(experiment):
        names.append("published")
    if published_experiment(experiment):
        names.append("published_search")
    if experiment.dataset in LOGIC_DATASETS:
        names.append("agreement")
    contrasts = STUDY.dataset(experiment.dataset)["contrasts"]
    return names + [
        f"{kind}_{contrast}" for kind in ("contrast", "genes") for contrast in contrasts
    ]


def has_published_figures(experiment):
    """Whether others have published loss curves of this kind of model on these data."""
    source = STUDY.dataset(experiment.dataset).get("source")
    return source == "pancan-2016" and experiment.module in ("adage", "vae")


def is_published_logic(dataset, independent):
    """Whether a dataset is made like one of the lecture's: binary, with so many independent genes."""
    logic = STUDY.dataset(dataset).get("logic", {})
    return logic.get("values") == "binary" and logic["independent"] == independent


def published_curves(wildcards):
    """The published learning curves for a dataset, if there are any."""
    published = is_published_logic(wildcards.dataset, 2)
    return [resource("published_basics.tsv")] if published else []


def published_experiment(experiment):
    """The published search that an experiment repeats, as resources/published_basics.tsv calls it."""
    if experiment.module != "autoencoder" or not is_published_logic(experiment.dataset, 3):
        return None
    return {("depth", "hidden_dim"): "search", ("latent_dim",): "latent"}.get(experiment.searched)


def experiment_title(wildcards):
    """An experiment in words, for titles and report labels."""
    return f"{wildcards.dataset} · {experiment_name(wildcards.model, wildcards.tuner)}"


# things to share


def shared_files():
    """What can be sent on, of every dataset of real or simulated samples; and of new samples."""
    kinds = {dataset: STUDY.dataset(dataset)["kind"] for dataset in STUDY.datasets}
    return [
        *(
            f"{RESULTS}/{dataset}/{name}"
            for dataset in kinds
            if kinds[dataset] != "logic-genes"
            for name in ("explorer.html", "summary.html", "study.h5ad")
        ),
        *(f"{RESULTS}/{dataset}/projection.tsv" for dataset in STUDY.projections),
    ]


def projection_figures():
    """The figures of new samples, without their suffix."""
    return [f"{RESULTS}/{dataset}/figures/projection" for dataset in STUDY.projections]


def citation_file():
    """How to cite the workflow, relative to the folder in which Snakemake runs."""
    return os.path.relpath(Path(workflow.basedir, "CITATION.cff"))


def page_files(name):
    """Template, style sheet and script of a page; they count as code."""
    return sorted(Path(workflow.basedir, "workflow", "pages").glob(f"{name}.*"))


def experiments_of_wildcard(wildcards):
    """The (model, tuner) of every experiment of a dataset, in the order of their files."""
    return [list(key[1:]) for key in experiments_of(wildcards.dataset)]


def of_every_experiment(name):
    """The input function of the files of this name in every experiment of a dataset."""
    return lambda wildcards: files_of_experiments(wildcards.dataset, name)


def records_of_dataset(wildcards):
    """How the matrix and the models of a dataset were made."""
    matrix = f"{RESULTS}/{wildcards.dataset}/matrix.provenance.json"
    return [matrix, *files_of_experiments(wildcards.dataset, "model.provenance.json")]


def maps_of_dataset(wildcards):
    """The drawn maps of a dataset, where they are drawn."""
    if not STUDY.has(wildcards.dataset, "cancer_type"):
        return []
    genes = f"{RESULTS}/{wildcards.dataset}/figures/gene_embedding.png"
    return [genes, *files_of_experiments(wildcards.dataset, "figures/embedding.png")]


def target_of(wildcards):
    """The experiment that new samples are projected onto."""
    return checked(lambda: STUDY.target(wildcards.dataset), "the target")


def of_target(name):
    """The input function of a file of that experiment."""
    return lambda wildcards: experiment_file(target_of(wildcards).key, name)


def projection_code(wildcards):
    """The code hash of a projection, which runs the model of its target."""
    experiment = target_of(wildcards)
    return code_hash(
        "project_samples", f"tybalt.models.{experiment.module}", files=experiment.files
    )
