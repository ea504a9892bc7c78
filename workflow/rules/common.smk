# The config, checked; the study it asks for; and what is asked of it for every stage. No rules.

from dataclasses import asdict
from pathlib import Path

from tybalt.plan import outputs, projections, replicates, reproduction
from tybalt.plan.code_hash import code_hash
from tybalt.plan.config import check_config, load_schema, read_checked
from tybalt.plan.datasets import kind_of, simulators
from tybalt.plan.errors import InputError
from tybalt.plan.experiments import build_study
from tybalt.plan.gene_sets import locate
from tybalt.plan.models_and_tuners import is_repeatable, load_plugin
from tybalt.plan.names import experiment_name
from tybalt.plan.objectives import READOUTS
from tybalt.plan.places import HOME, Places, relative
from tybalt.plan.user_files import check_paths


def load_study():
    """Check the config and plan the study."""
    for path in workflow.configfiles:
        check_file(Path(path))
    schema = load_schema(SCHEMAS / "config.schema.yaml")
    study = build_study(check_config(config, schema), SOURCES)
    projections.check_projections(study, config["datasets"])
    check_paths(study)
    return study


SCHEMAS = HOME / "workflow" / "schemas"
SOURCES = checked(
    lambda: read_checked(HOME / "resources" / "sources.yaml", SCHEMAS / "sources.schema.yaml"),
    "resources/sources.yaml",
)
STUDY = checked(load_study, "the config")
say_again(workflow, STUDY.files_of_user)

# The adapter reads these here, where a change reruns nothing; the importer's dict stays as it is.
config = config | {"training": STUDY.config["training"], "contrasts_to_check": STUDY.contrasts()}

# Every path begins with one of these.
PLACES = Places(results=str(Path(STUDY.config["results_dir"])), downloads="resources/downloads")
RESULTS = PLACES.results
DATASET = f"{RESULTS}/{outputs.DATASET}"
EXPERIMENT = f"{RESULTS}/{outputs.EXPERIMENT}"
UNROTATED = f"{EXPERIMENT}/unrotated"


def one_of(names):
    """Constrain a wildcard to the names of a vocabulary (which may be empty)."""
    return "|".join(sorted(set(names))) or "(?!)"


# The constraints of all rules' wildcards; they stand in the rules, as those of a module would
# otherwise hold for the workflow that imports it.
NAMES = {
    "dataset": one_of(STUDY.config["datasets"]),
    "model": one_of(STUDY.config["models"]),
    "tuner": one_of(STUDY.config["tuners"]),
    "round": "r[0-9]+",
    "execution": "e[0-9]+",
    "replicate": "(seed|bootstrap)_[0-9]+",
    "contrast": one_of(
        name for entry in STUDY.config["datasets"].values() for name in entry["contrasts"]
    ),
}


# Files and values of the study


def planned(*stages):
    """The files of these stages, or all, that the study asks for."""
    return [f"{RESULTS}/{path}" for path in outputs.files(STUDY, *stages)]


def planned_names(*names, dataset=None):
    """The files of these names that the study asks for; of one dataset if it is given."""
    return [f"{RESULTS}/{path}" for path in outputs.files_named(STUDY, *names, dataset=dataset)]


def where_planned(name):
    """The input function of a table that repeats of a dataset share; empty if it is not planned."""
    return lambda wildcards: planned_names(name, dataset=STUDY.first_split(wildcards.dataset))


def of_first_split(name):
    """The input function of a file that repeats of a dataset share."""
    return lambda wildcards: f"{RESULTS}/{STUDY.first_split(wildcards.dataset)}/{name}"


def of_every_experiment(name):
    """The input function of the files of this name in every experiment that is explained."""
    return lambda wildcards: [
        f"{RESULTS}/{'/'.join(key)}/{name}"
        for key in STUDY.experiments_of(wildcards.dataset, "explain")
    ]


def of_every_repeat(name, dataset):
    """The files of this name in every repeat of a dataset, repeat by repeat."""
    return [path for each in STUDY.repeats(dataset) for path in planned_names(name, dataset=each)]


def experiments_of_dataset(wildcards, rotated=False):
    """The (model, tuner) of every experiment that is explained (and rotated), in order of files."""
    return [
        list(key[1:])
        for key in STUDY.experiments_of(wildcards.dataset, "explain")
        if not rotated or STUDY.experiments[key].is_rotated
    ]


def experiment_of(wildcards):
    """The experiment that a job belongs to; a file of another experiment cannot be made."""
    return checked(
        lambda: STUDY.experiment(wildcards.dataset, wildcards.model, wildcards.tuner), "the target"
    )


def of_experiment(attribute):
    """The params function of what the study knows of an experiment."""
    return lambda wildcards: getattr(experiment_of(wildcards), attribute)


def of_dataset(*keys):
    """The params function of a value in the completed entry of a dataset; a key may be a wildcard."""

    def value(wildcards):
        found = STUDY.dataset(wildcards.dataset)
        for key in keys:
            found = found[key.format(**wildcards)]
        return found

    return value


def seed_of(*names):
    """The params function of a seed: a function of names alone; a name may be a wildcard."""
    return lambda wildcards: STUDY.seed(*(name.format(**wildcards) for name in names))


def experiment_title(wildcards):
    """An experiment in words, for titles."""
    return f"{wildcards.dataset} · {experiment_name(wildcards.model, wildcards.tuner)}"


def model_code(rule_name, *others, with_tuner=False):
    """The code hash of a rule that runs the model of its experiment; the model's files count too."""

    def hashed(wildcards):
        experiment = experiment_of(wildcards)
        tuner = [f"tybalt.tuners.{experiment.tuner_module}"] if with_tuner else []
        return code_hash(
            rule_name, *STUDY.modules_of(experiment), *others, *tuner, files=experiment.files
        )

    return hashed


def models_that(repeat):
    """Models of the study that seeds change (trained), or do not (in closed form), to constrain."""
    modules = {each.model: each.module for each in STUDY.experiments.values()}
    return one_of(
        model
        for model, module in modules.items()
        if is_repeatable(load_plugin("models", module, f"models.{model}")) == repeat
    )


def bases_of(wildcards):
    """The model files of the experiments in whose codes a model is trained; mostly none."""
    return [f"{RESULTS}/{'/'.join(key)}/model.zip" for key in experiment_of(wildcards).bases]
