# The config, checked; the study it asks for; and functions that name files. No rules.

import importlib
import os
import sys
from dataclasses import asdict
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(workflow.basedir, "workflow", "scripts")))

from tybalt.config import check_config, load_schema
from tybalt.errors import InputError
from tybalt.gene_sets import locate
from tybalt.names import cell_name
from tybalt.provenance import code_hash
from tybalt.study import build_study, declared_covariates, load_plugin, source_columns, source_of


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


wildcard_constraints:
    dataset=one_of(STUDY.config["datasets"]),
    model=one_of(STUDY.config["models"]),
    tuner=one_of(STUDY.config["tuners"]),
    round="r[0-9]+",
    execution="e[0-9]+",
    replicate="[0-9]+",
    signal=one_of(name for entry in STUDY.config["datasets"].values() for name in entry["signals"]),


def cell_of(wildcards):
    """The cell of the study that a job belongs to; a file of another cell cannot be made."""
    return checked(
        lambda: STUDY.cell(wildcards.dataset, wildcards.model, wildcards.tuner), "the target"
    )


def model_code(rule_name, with_tuner=False):
    """The code hash of a rule that also runs the model of its cell; the model's files count too."""

    def hashed(wildcards):
        cell = cell_of(wildcards)
        tuner = [f"tybalt.tuners.{cell.tuner_module}"] if with_tuner else []
        return code_hash(rule_name, f"tybalt.models.{cell.module}", *tuner, files=cell.files)

    return hashed


def models_with(verb):
    """Models of the study that have `build` (trained) or `fit` (in closed form), as a constraint."""
    modules = {cell.model: f"tybalt.models.{cell.module}" for cell in STUDY.cells.values()}
    return one_of(
        model for model, module in modules.items() if hasattr(importlib.import_module(module), verb)
    )


def cell_file(key, name):
    """A file of one cell; `key` is its dataset, model and tuner."""
    dataset, model, tuner = key
    return f"results/{dataset}/{model}/{tuner}/{name}"


def cell_files(*names):
    """The files of these names in every cell of the study."""
    return [cell_file(key, name) for key in STUDY.cells for name in names]


def cells_of(dataset):
    """The cells of one dataset."""
    return [key for key in STUDY.cells if key[0] == dataset]


def files_of_cells(dataset, name):
    """The files of this name in every cell of one dataset."""
    return [cell_file(key, name) for key in cells_of(dataset)]


def joined_files():
    """The codes beside the clinical columns, for every cell whose dataset has the table."""
    return [
        cell_file(key, "features_with_clinical.tsv.gz")
        for key in STUDY.cells
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
        return f"results/{wildcards.dataset}/raw/{RAW_FILES[table]}"

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
    names = {dataset: ["expression.h5ad"] for dataset in STUDY.datasets}
    for dataset in STUDY.datasets:
        entry = STUDY.dataset(dataset)
        if "golden" in SOURCES.get(entry.get("source"), {}):
            names[dataset].append("golden.json")
        for table in entry["tables"]:
            names[dataset] += TABLE_FILES[table]
    return [f"results/{dataset}/{name}" for dataset in names for name in names[dataset]]


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

TRIALS = "results/{dataset}/{model}/{tuner}/trials"


def trial_of(wildcards):
    """The planned trial that a training job belongs to."""
    return cell_of(wildcards).trial(wildcards.round, wildcards.trial)


def trial_seed(wildcards):
    """The seed of one execution of one trial: a function of names alone."""
    return STUDY.seed(
        *(wildcards[name] for name in ("dataset", "model", "round", "trial", "execution"))
    )


def training_options(wildcards):
    """What training needs besides the model's hyperparameters."""
    return {
        "backend": STUDY.config["training"]["backend"],
        "objective": cell_of(wildcards).objective,
        "patience": STUDY.config["training"]["patience"],
    }


def proposals_of_round(wildcards):
    """The proposals that a trial of a closed loop waits for; none in an open loop."""
    if not cell_of(wildcards).is_closed:
        return []
    return f"{TRIALS}/{{round}}/proposals.json".format(**wildcards)


def goes_on(wildcards):
    """Whether a later round may go on from a training."""
    slot = trial_of(wildcards).slot
    return slot is not None and slot.goes_on


def trials_of_cell(wildcards, before=None):
    """The results of every training of a search, or of its first rounds."""
    names = cell_of(wildcards).trial_files(before)
    return [f"{TRIALS.format(**wildcards)}/{'/'.join(name)}.json" for name in names]


def earlier_trials(wildcards):
    """The results of every training of the rounds before."""
    return trials_of_cell(wildcards, before=int(wildcards.round[1:]))


def slots_of_round(wildcards):
    """What is known beforehand of the trials of a round, in plain values."""
    trials = cell_of(wildcards).rounds[int(wildcards.round[1:])]
    return [asdict(trial.slot) for trial in trials]


def settings_of_cell(wildcards):
    """{round}/{trial} -> [epochs, number of configurations] that its trainings answer."""
    return {
        f"r{number}/{trial.name}": [list(setting) for setting in trial.settings]
        for number, trials in enumerate(cell_of(wildcards).rounds)
        for trial in trials
    }


def of_cell(attribute):
    """The params function of what the study knows of a cell."""
    return lambda wildcards: getattr(cell_of(wildcards), attribute)


# encoding -> embedding -> meaning


def of_tables(table, name):
    """The input function of a file of a companion table; empty where the dataset has none."""

    def path(wildcards):
        has = table in STUDY.dataset(wildcards.dataset)["tables"]
        return f"results/{wildcards.dataset}/{name}" if has else []

    return path


def gene_set_files():
    """The GMT files whose sets are looked for, relative to the folder in which Snakemake runs."""
    named = STUDY.config["meaning"]["gene_sets"]
    return checked(
        lambda: [os.path.relpath(locate(path, "meaning.gene_sets")) for path in named], "the config"
    )


def replicate_files(cell):
    """The codes of a cell's trainings with other seeds; a closed-form model has none."""
    trained = hasattr(load_plugin("models", cell.module, f"models.{cell.model}"), "build")
    numbers = range(1, 1 + STUDY.config["meaning"]["stability_seeds"]) if trained else []
    return [cell_file(cell.key, f"replicates/{number}.tsv.gz") for number in numbers]


def replicates_of_cell(wildcards):
    """The codes of trainings with other seeds."""
    return replicate_files(cell_of(wildcards))


def stability_of_cell(wildcards):
    """The table of stability; empty where nothing is trained again."""
    cell = cell_of(wildcards)
    return cell_file(cell.key, "stability.tsv") if replicate_files(cell) else []


def has_questions(dataset):
    """Whether anything is declared of a dataset's samples but who their patients are."""
    return bool(declared_covariates(STUDY.dataset(dataset)) - {"patient"})


def meaning_files():
    """What is found in every cell, and what the models and maps of a dataset have in common."""
    files = [cell_file(key, "findings.tsv") for key in STUDY.cells if has_questions(key[0])]
    for dataset in STUDY.datasets:
        files.append(f"results/{dataset}/matched_features.tsv")
        if STUDY.has(dataset, "cancer_type"):
            files.append(f"results/{dataset}/maps.tsv")
    return files


# figures


def figure_files():
    """Every figure of the study, PNG and PDF."""
    return [
        f"{stem}.{suffix}"
        for stem in [*dataset_figures(), *cell_figures(), *projection_figures()]
        for suffix in ("png", "pdf")
    ]


def setting_pages():
    """The best settings of every search, as pages."""
    return [cell_file(key, "settings.html") for key, cell in STUDY.cells.items() if cell.searched]


def searches_of(dataset, model):
    """The cells of one dataset and model that search, by their keys."""
    return [key for key in cells_of(dataset) if key[1] == model and STUDY.cells[key].searched]


def dataset_figures():
    """Figures of whole datasets, without their suffix."""
    return [
        f"results/{dataset}/figures/{name}"
        for dataset in STUDY.datasets
        for name in figures_of_dataset(dataset)
    ]


def figures_of_dataset(dataset):
    """Names of the figures of one dataset."""
    names = ["leaderboard", "curves"]
    if STUDY.has(dataset, "cancer_type"):
        names += ["gene_map", "maps"]
    if len(cells_of(dataset)) > 1:
        names.append("matches")
    if STUDY.dataset(dataset)["kind"] == "simulated":
        names.append("truth")
    models = dict.fromkeys(model for _, model, _ in cells_of(dataset))
    return names + [f"progress_{model}" for model in models if searches_of(dataset, model)]


def cell_figures():
    """Figures of cells, without their suffix; those whose covariates are missing are not planned."""
    return [
        cell_file(cell.key, f"figures/{name}")
        for cell in STUDY.cells.values()
        for name in figures_of_cell(cell)
    ]


def figures_of_cell(cell):
    """Names of the figures of one cell."""
    names = ["history", "encoding", "reconstruction"]
    if has_questions(cell.dataset):
        names.append("findings")
    if cell.searched:
        names += ["trials", "parallel", "importance"]
    if STUDY.has(cell.dataset, "cancer_type"):
        names.append("map")
    if has_published_figures(cell):
        names.append("published")
    if published_experiment(cell):
        names.append("published_search")
    if cell.dataset in LOGIC_DATASETS:
        names.append("agreement")
    signals = STUDY.dataset(cell.dataset)["signals"]
    return names + [f"{kind}_{signal}" for kind in ("signal", "genes") for signal in signals]


def has_published_figures(cell):
    """Whether others have published loss curves of this kind of model on these data."""
    source = STUDY.dataset(cell.dataset).get("source")
    return source == "pancan-2016" and cell.module in ("adage", "vae")


def is_published_logic(dataset, independent):
    """Whether a dataset is made like one of the lecture's: binary, with so many independent genes."""
    logic = STUDY.dataset(dataset).get("logic", {})
    return logic.get("values") == "binary" and logic["independent"] == independent


def published_curves(wildcards):
    """The published learning curves for a dataset, if there are any."""
    published = is_published_logic(wildcards.dataset, 2)
    return [resource("published_basics.tsv")] if published else []


def published_experiment(cell):
    """The published search that a cell repeats, as resources/published_basics.tsv calls it."""
    if cell.module != "autoencoder" or not is_published_logic(cell.dataset, 3):
        return None
    return {("depth", "hidden_dim"): "search", ("latent_dim",): "latent"}.get(cell.searched)


def cell_title(wildcards):
    """A cell in words, for titles and report labels."""
    return f"{wildcards.dataset} · {cell_name(wildcards.model, wildcards.tuner)}"


# things to share


def shared_files():
    """What can be sent on, of every dataset of real or simulated samples; and of new samples."""
    kinds = {dataset: STUDY.dataset(dataset)["kind"] for dataset in STUDY.datasets}
    return [
        *(
            f"results/{dataset}/{name}"
            for dataset in kinds
            if kinds[dataset] != "logic-genes"
            for name in ("explorer.html", "summary.html", "study.h5ad")
        ),
        *(f"results/{dataset}/projection.tsv" for dataset in STUDY.projections),
    ]


def projection_figures():
    """The figures of new samples, without their suffix."""
    return [f"results/{dataset}/figures/projection" for dataset in STUDY.projections]


def citation_file():
    """How to cite the workflow, relative to the folder in which Snakemake runs."""
    return os.path.relpath(Path(workflow.basedir, "CITATION.cff"))


def page_files(name):
    """Template, style sheet and script of a page; they count as code."""
    return sorted(Path(workflow.basedir, "workflow", "pages").glob(f"{name}.*"))


def cells_of_wildcard(wildcards):
    """The (model, tuner) of every cell of a dataset, in the order of their files."""
    return [list(key[1:]) for key in cells_of(wildcards.dataset)]


def of_every_cell(name):
    """The input function of the files of this name in every cell of a dataset."""
    return lambda wildcards: files_of_cells(wildcards.dataset, name)


def records_of_dataset(wildcards):
    """How the matrix and the models of a dataset were made."""
    matrix = f"results/{wildcards.dataset}/expression.provenance.json"
    return [matrix, *files_of_cells(wildcards.dataset, "model.provenance.json")]


def maps_of_dataset(wildcards):
    """The drawn maps of a dataset, where they are drawn."""
    if not STUDY.has(wildcards.dataset, "cancer_type"):
        return []
    genes = f"results/{wildcards.dataset}/figures/gene_map.png"
    return [genes, *files_of_cells(wildcards.dataset, "figures/map.png")]


def target_of(wildcards):
    """The cell that new samples are projected onto."""
    return checked(lambda: STUDY.target(wildcards.dataset), "the target")


def of_target(name):
    """The input function of a file of that cell."""
    return lambda wildcards: cell_file(target_of(wildcards).key, name)


def projection_code(wildcards):
    """The code hash of a projection, which runs the model of its target."""
    cell = target_of(wildcards)
    return code_hash("project_samples", f"tybalt.models.{cell.module}", files=cell.files)
