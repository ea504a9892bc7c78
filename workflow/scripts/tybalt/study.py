"""config -> Study: cells, plans, trial names, seeds (PURE: standard library only).

A *cell* is ``{dataset}/{model}/{tuner}``. Everything that Snakemake must know before the first
job runs (which trials exist, what each trains, what its seed is) is computed here.
"""

import dataclasses
import hashlib
import importlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

from tybalt import hyperparameters as hps
from tybalt.errors import InputError, suggest
from tybalt.gene_sets import locate
from tybalt.search import Slot, configurations, size, slot_name

PACKAGE = Path(__file__).resolve().parent

#: The tuner that every config has: one trial, the model's fixed values and defaults.
UNTUNED = "none"

#: The study of resources/sources.yaml whose raw formats a simulated cohort is written in.
SIMULATED_SOURCE = "pancan-2016"

#: Columns of a source's clinical table that hold for one sample, not for its patient: they stay
#: out of the matrix, whose samples are joined to recount's table by patient, as published.
SAMPLE_LEVEL = {"sample", "sample_type", "portion_id", "percent_tumor_nuclei"}
SAMPLE_LEVEL |= {"platform", "analysis_center"}

#: Shares of the stratified split, where the config gives none.
SHARES = {"validation": 0.1, "test": 0.1}

#: Share of the samples that validation and test may take together.
LARGEST_HELD_OUT = 0.8

#: A shape and limits that z-scores may have, to ask models whether they take them.
MANY, Z_SCORES = (10**6, 10**6), (-5.0, 5.0)

#: Folders of results/ that are not datasets.
RESERVED_NAMES = {"logs", "benchmarks"}

#: The block of a dataset entry that belongs to each kind.
KIND_BLOCK = {
    "simulated": "simulation",
    "local": "files",
    "xena": "source",
    "logic-genes": "logic",
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training to run: a distinct model, at the largest `epochs` anyone asked of it.

    Attributes
    ----------
    name
        Path component: the hash of the setting, or a slot (s00) of a closed loop.
    hyperparameters
        All fields of the model's HParams; None where earlier rounds decide them.
    settings
        (epochs, number of configurations of the space) that this one training answers; none
        where earlier rounds decide them.
    slot
        What is known of such a trial beforehand; None in an open loop.
    """

    name: str
    hyperparameters: Mapping[str, Any] | None
    settings: tuple[tuple[int, int], ...]
    slot: Slot | None = None


@dataclasses.dataclass(frozen=True)
class Cell:
    """One `{dataset}/{model}/{tuner}` of the study.

    Attributes
    ----------
    module, tuner_module
        Files of tybalt/models and tybalt/tuners.
    space
        Hyperparameter -> values that are searched; empty for a single training.
    fixed
        The other hyperparameters that the config gives.
    options
        Options of the tuner that `ask` needs.
    configurations
        How many settings the search asks for, before those of equal models are merged.
    """

    dataset: str
    model: str
    tuner: str
    module: str
    tuner_module: str
    objective: str
    executions: int
    space: Mapping[str, Sequence[Any]]
    fixed: Mapping[str, Any]
    options: Mapping[str, Any]
    files: tuple[Path, ...]
    configurations: int
    rounds: tuple[tuple[Trial, ...], ...]

    @property
    def searched(self) -> tuple[str, ...]:
        """The hyperparameters of the space; none for a single training."""
        return tuple(self.space)

    @property
    def is_closed(self) -> bool:
        """Whether each round is proposed in the light of the earlier ones."""
        return self.rounds[0][0].slot is not None

    @property
    def key(self) -> tuple[str, str, str]:
        """The cell's three wildcards."""
        return (self.dataset, self.model, self.tuner)

    def trial(self, round_: str, name: str) -> Trial:
        """Find a trial by its two path components."""
        return next(trial for trial in self.rounds[int(round_[1:])] if trial.name == name)

    def trial_files(self, before: int | None = None) -> list[tuple[str, str, str]]:
        """List (round, trial, execution) of the training jobs of all rounds, or of the first."""
        return [
            (f"r{number}", trial.name, f"e{execution}")
            for number, trials in enumerate(self.rounds[:before])
            for trial in trials
            for execution in range(self.executions)
        ]


@dataclasses.dataclass(frozen=True)
class Study:
    """What the config asks for, in the form that the rules read."""

    config: Mapping[str, Any]
    cells: Mapping[tuple[str, str, str], Cell]

    @property
    def datasets(self) -> list[str]:
        """Datasets that some cell uses, in the order of the config."""
        used = {cell.dataset for cell in self.cells.values()}
        return [name for name in self.config["datasets"] if name in used]

    def dataset(self, name: str) -> Mapping[str, Any]:
        """Return the config entry of a dataset."""
        return self.config["datasets"][name]

    def cell(self, dataset: str, model: str, tuner: str) -> Cell:
        """Return the cell with these wildcards; InputError if the study does not have it."""
        if (dataset, model, tuner) not in self.cells:
            wanted = f"{dataset}/{model}/{tuner}"
            known = ["/".join(key) for key in self.cells]
            raise InputError(f"{wanted} is no cell of the study; {suggest(wanted, known)}")
        return self.cells[dataset, model, tuner]

    def has(self, dataset: str, *covariates: str) -> bool:
        """Tell whether a dataset declares these covariates."""
        return set(covariates) <= declared_covariates(self.dataset(dataset))

    def seed(self, *names: str) -> int:
        """Derive a seed from the study's seed and names."""
        return derive_seed(self.config["seed"], *names)


def derive_seed(study_seed: int, *names: str) -> int:
    """Derive a seed in 0..2^31-1 from names, never from run order.

    Returns
    -------
    int
        The first 31 bits of the sha256 of ``study_seed/name/name/...``.
    """
    text = "/".join([str(study_seed), *names])
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) & 0x7FFFFFFF


def build_study(
    config: Mapping[str, Any], sources: Mapping[str, Any], cancer_types: Collection[str]
) -> Study:
    """Turn a checked config (defaults filled in) into a Study.

    Parameters
    ----------
    config
        As `tybalt.config.check_config` returns it.
    sources
        The studies of resources/sources.yaml, by name.
    cancer_types
        Acronyms that can be simulated (resources/cohorts.tsv).

    Raises
    ------
    InputError
        Naming the config key, what was found and what is allowed.
    """
    if UNTUNED in config["tuners"]:
        raise InputError(
            f"tuners.{UNTUNED}: this name always means one training without a search; "
            "choose another"
        )
    tuners = {UNTUNED: {"module": "fixed"}, **config["tuners"]}
    datasets = {
        name: complete_dataset(name, dataset, sources)
        for name, dataset in config["datasets"].items()
    }
    config = {**config, "tuners": tuners, "datasets": datasets}
    for name, dataset in datasets.items():
        check_cancer_types(name, dataset, cancer_types)
    for name, model in config["models"].items():
        check_model(name, model)
    for name, tuner in tuners.items():
        tuner_options(name, tuner)
    cells = {}
    for number, study in enumerate(config["studies"]):
        for key in study_cells(config, study, f"studies[{number}]"):
            if key not in cells:
                cells[key] = build_cell(config, *key)
    return Study(config=config, cells=cells)


def study_cells(
    config: Mapping[str, Any], study: Mapping[str, Sequence[str]], where: str
) -> list[tuple[str, str, str]]:
    """List the cells of one entry of `studies`; a model without a space has the tuner `none`."""
    for vocabulary in ("datasets", "models", "tuners"):
        for name in study[vocabulary]:
            if name not in config[vocabulary]:
                raise InputError(
                    f"{where}.{vocabulary}: there is no {name!r} under `{vocabulary}`; "
                    f"{suggest(name, config[vocabulary])}"
                )
    return [
        (dataset, model, tuner if config["models"][model]["space"] else UNTUNED)
        for dataset in study["datasets"]
        for model in study["models"]
        for tuner in study["tuners"]
    ]


# Datasets


def complete_dataset(
    name: str, dataset: Mapping[str, Any], sources: Mapping[str, Any]
) -> dict[str, Any]:
    """Check what the schema cannot, and fill in the clinical columns that the kind knows."""
    where = f"datasets.{name}"
    if name in RESERVED_NAMES:
        raise InputError(f"{where}: results/{name} holds other files; choose another name")
    kind = dataset["kind"]
    for other, block in KIND_BLOCK.items():
        if other == kind and block not in dataset:
            raise InputError(f"{where}.{block}: missing; a dataset of kind `{kind}` needs it")
        if other != kind and block in dataset:
            raise InputError(f"{where}.{block}: belongs to kind `{other}`, but kind is `{kind}`")
    if kind == "xena" and dataset["source"] not in set(sources):
        raise InputError(
            f"{where}.source: found {dataset['source']!r}; {suggest(dataset['source'], sources)}"
        )
    if kind == "simulated" and dataset["simulation"]["genes"] < dataset["genes"]["count"]:
        raise InputError(
            f"{where}.genes.count: found {dataset['genes']['count']}, but only "
            f"{dataset['simulation']['genes']} genes are simulated ({where}.simulation.genes)"
        )
    if kind == "logic-genes":
        dataset = {**dataset, "clinical": {"barcodes": "none", "columns": {"sample": "sample"}}}
    columns = clinical_columns(dataset, sources)
    split = dataset["split"]
    dataset = {
        **dataset,
        "clinical": {**dataset["clinical"], "columns": columns},
        "split": split if split["method"] == "tybalt" else {**SHARES, **split},
    }
    check_split(where, dataset["split"])
    check_clinical(where, dataset)
    check_tables(where, dataset)
    for signal, question in dataset["signals"].items():
        for role in ("covariate", "within"):
            if role in question and question[role] not in declared_covariates(dataset):
                raise InputError(
                    f"{where}.signals.{signal}.{role}: {question[role]!r} is not a declared "
                    f"covariate; {suggest(question[role], declared_covariates(dataset))}"
                )
    return dataset


def check_cancer_types(
    name: str, dataset: Mapping[str, Any], cancer_types: Collection[str]
) -> None:
    """Check the cancer types of a simulated cohort."""
    wanted = dataset.get("simulation", {}).get("cancer_types", "all")
    for acronym in [] if wanted == "all" else wanted:
        if acronym not in cancer_types:
            raise InputError(
                f"datasets.{name}.simulation.cancer_types: found {acronym!r}; "
                f"{suggest(acronym, cancer_types)}"
            )


def check_split(where: str, split: Mapping[str, Any]) -> None:
    """Check that the shares leave something to train on, and that none is given in vain."""
    shares = {name: split[name] for name in ("validation", "test") if name in split}
    if split["method"] == "tybalt" and shares:
        raise InputError(
            f"{where}.split.{next(iter(shares))}: the published split has shares of its own (10 % "
            "held out, no test part); leave this key out"
        )
    if sum(shares.values()) > LARGEST_HELD_OUT:
        raise InputError(
            f"{where}.split: validation + test is {sum(shares.values()):g}, expected at most "
            f"{LARGEST_HELD_OUT}, as the rest is what models are trained on"
        )


def check_clinical(where: str, dataset: Mapping[str, Any]) -> None:
    """Check that the clinical table can be joined to the matrix."""
    columns = dataset["clinical"]["columns"]
    if not columns:
        raise InputError(
            f"{where}.clinical.columns: missing; a dataset of kind `local` names the columns of "
            "its clinical table, at least `sample` or `patient`"
        )
    if not {"sample", "patient"} & set(columns):
        raise InputError(
            f"{where}.clinical.columns: found {', '.join(columns)}; `sample` or `patient` is "
            "needed to join the table to the matrix"
        )
    if dataset["clinical"]["barcodes"] == "none" and "sample" not in columns:
        raise InputError(
            f"{where}.clinical.columns.sample: missing; without TCGA barcodes the table must "
            "name the samples"
        )


def check_tables(where: str, dataset: Mapping[str, Any]) -> None:
    """Check that the companion tables asked for have what they are made of."""
    tables = dataset["tables"]
    lacking = {"mutations", "copy_number"} - set(tables)
    if "status" in tables and lacking:
        raise InputError(f"{where}.tables: `status` needs {' and '.join(sorted(lacking))} as well")
    if dataset["kind"] != "local":
        return
    needed = {"mutations": "mutations", "copy_number": "copy_number", "status": "gene_types"}
    for table in tables:
        if table in needed and needed[table] not in dataset["files"]:
            raise InputError(
                f"{where}.files.{needed[table]}: missing; the table `{table}` is made of it"
            )


def clinical_columns(dataset: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, str]:
    """Return the mapping harmonised name -> column of the clinical table."""
    declared = dataset["clinical"].get("columns", {})
    if declared or dataset["kind"] == "local":
        return dict(declared)
    known = source_columns(dataset, sources)
    return {name: column for name, column in known.items() if name not in SAMPLE_LEVEL}


def source_columns(dataset: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, str]:
    """Return all columns that are read from the clinical table of a source, sample-level too."""
    return dict(source_of(dataset, sources)["tables"]["clinical"]["columns"])


def source_of(dataset: Mapping[str, Any], sources: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the source whose formats a dataset has."""
    return sources[dataset.get("source", SIMULATED_SOURCE)]


def declared_covariates(dataset: Mapping[str, Any]) -> set[str]:
    """List the harmonised columns that obs will have."""
    from_barcode = {"sample_type"} if dataset["clinical"]["barcodes"] == "tcga" else set()
    columns = set(dataset["clinical"]["columns"])
    return (columns - {"sample"}) | {"patient"} | from_barcode


# Models


@cache
def available(kind: str) -> tuple[str, ...]:
    """List the module names of a plug-in folder (`models` or `tuners`)."""
    files = sorted((PACKAGE / kind).glob("*.py"))
    return tuple(file.stem for file in files if not file.stem.startswith("_"))


def load_plugin(kind: str, module: str, where: str) -> ModuleType:
    """Import a model or tuner by the name that the config gives."""
    if module not in available(kind):
        raise InputError(f"{where}.module: found {module!r}; {suggest(module, available(kind))}")
    return importlib.import_module(f"tybalt.{kind}.{module}")


def check_model(name: str, model: Mapping[str, Any]) -> None:
    """Check hyperparameters, their values and what the objective allows."""
    where = f"models.{name}"
    module = load_plugin("models", model["module"], where)
    hps.coerce(module.HParams, model["fixed"], f"{where}.fixed")
    coerce_space(module.HParams, model["space"], f"{where}.space")
    for key in model["space"]:
        if key in model["fixed"]:
            raise InputError(
                f"{where}.space.{key}: is also in {where}.fixed; keep one of the two (an overlay "
                "cannot remove a key: give the variant a name of its own)"
            )
    objective = model.get("objective", module.OBJECTIVE)
    if objective == "elbo" and module.OBJECTIVE != "elbo":
        raise InputError(
            f"{where}.objective: found 'elbo', but {model['module']} has no KL divergence; "
            "allowed: reconstruction"
        )
    if objective == "elbo" and model["fixed"].get("kl_term") == "none":
        raise InputError(
            f"{where}.objective: a model without KL divergence (kl_term: none) cannot be scored by "
            "it; set objective: reconstruction"
        )
    loss_changing = sorted({"kl_term", "reconstruction"} & set(model["space"]))
    if objective == "elbo" and loss_changing:
        raise InputError(
            f"{where}.space.{loss_changing[0]}: varies what the score `elbo` means; "
            f"set {where}.objective to reconstruction"
        )


def coerce_space(
    HParams: type, space: Mapping[str, Sequence[Any]], where: str
) -> dict[str, list[Any]]:
    """Turn a space's values into the types of the fields; refuse repeated values."""
    fields = {field.name: field for field in dataclasses.fields(HParams)}
    coerced = {}
    for name in sorted(space):
        if name not in fields:
            raise InputError(f"{where}.{name}: unknown hyperparameter; {suggest(name, fields)}")
        coerced[name] = [hps.coerce_value(fields[name], value, where) for value in space[name]]
        repeated = [value for value, times in Counter(coerced[name]).items() if times > 1]
        if repeated:
            raise InputError(f"{where}.{name}: {repeated[0]!r} is listed more than once")
    return coerced


# Tuners and cells


def tuner_options(name: str, tuner: Mapping[str, Any]) -> Any:
    """Return the options of a tuner entry as the dataclass that its module declares."""
    where = f"tuners.{name}"
    module = load_plugin("tuners", tuner["module"], where)
    options = {key: value for key, value in tuner.items() if key != "module"}
    return hps.coerce(module.Options, options, where, noun="option")


def build_cell(config: Mapping[str, Any], dataset: str, model: str, tuner: str) -> Cell:
    """Plan one cell: ask its tuner for settings and merge those that train the same model."""
    entry, tuner_entry = config["models"][model], config["tuners"][tuner]
    where = f"models.{model}"
    module = load_plugin("models", entry["module"], where)
    tuner_module = load_plugin("tuners", tuner_entry["module"], f"tuners.{tuner}")
    space = coerce_space(module.HParams, entry["space"], f"{where}.space")
    options = tuner_options(tuner, tuner_entry)
    seed = derive_seed(config["seed"], dataset, model, tuner)
    plan = tuner_module.plan(space, options, seed, f"tuners.{tuner}")
    first = {name: values[0] for name, values in space.items()}
    check_scaling(config["datasets"][dataset], dataset, module, {**entry["fixed"], **first}, where)
    if isinstance(plan[0][0], Slot):
        check_slots(entry, module, space, plan, tuner, where)
        rounds = tuple(
            tuple(Trial(slot_name(n), None, (), slot) for n, slot in enumerate(slots))
            for slots in plan
        )
    else:
        rounds = tuple(
            merge_settings(entry["module"], module.HParams, entry["fixed"], settings, where)
            for settings in plan
        )
    only_plan = getattr(tuner_module, "PLAN_ONLY", ())
    return Cell(
        dataset=dataset,
        model=model,
        tuner=tuner,
        module=entry["module"],
        tuner_module=tuner_entry["module"],
        objective=entry.get("objective", module.OBJECTIVE),
        # A model without build() is fitted in closed form: repeating it would tell nothing.
        executions=config["training"]["executions_per_trial"] if hasattr(module, "build") else 1,
        space=space if plan != [[{}]] else {},
        fixed=entry["fixed"],
        options={k: v for k, v in dataclasses.asdict(options).items() if k not in only_plan},
        files=named_files(module, {**entry["fixed"], **space}, where),
        configurations=len(new_trainings(plan)),
        rounds=rounds,
    )


def new_trainings(plan: Sequence[Sequence[Any]]) -> list[Any]:
    """List the settings or slots of a plan that do not go on from an earlier round."""
    return [each for each in chain(*plan) if not (isinstance(each, Slot) and each.epochs_before)]


def check_slots(
    model: Mapping[str, Any],
    module: ModuleType,
    space: Mapping[str, Sequence[Any]],
    plan: Sequence[Sequence[Slot]],
    tuner: str,
    where: str,
) -> None:
    """Check that a space can fill the slots of a closed loop; raise InputError."""
    shares_epochs = plan[0][0].epochs is not None
    fields = {field.name for field in dataclasses.fields(module.HParams)}
    if shares_epochs and "epochs" in space:
        raise InputError(
            f"{where}.space.epochs: found {space['epochs']}, but the tuner {tuner} itself decides "
            "how long a setting is trained; take `epochs` out of the space (its largest value "
            f"is tuners.{tuner}.max_epochs)"
        )
    if shares_epochs and "epochs" not in fields:
        raise InputError(
            f"studies: the tuner {tuner} decides how many epochs a setting is trained, but {where} "
            f"({model['module']}) has no `epochs`; use grid, random or bayesian"
        )
    asked = len(new_trainings(plan))
    # A rung that cannot be filled would never be complete, so there it is models that count.
    found = count_models(model, module, space, asked) if shares_epochs else size(space)
    if asked > found:
        what = "distinct models" if shares_epochs else "configurations"
        raise InputError(
            f"tuners.{tuner}: asks for {asked} new trials, but {where}.space has {found} {what}; "
            "expected no more than these: ask for fewer trials, or use the tuner grid"
        )


def count_models(
    model: Mapping[str, Any], module: ModuleType, space: Mapping[str, Sequence[Any]], enough: int
) -> int:
    """Count the distinct models of a space, up to `enough`."""
    found: set[str] = set()
    for setting in configurations(space):
        hp = hps.coerce(module.HParams, {**model["fixed"], **setting}, "space")
        found.add(hps.trial_id(model["module"], hp))
        if len(found) == enough:
            break
    return len(found)


def check_scaling(
    dataset: Mapping[str, Any],
    name: str,
    module: ModuleType,
    hyperparameters: Mapping[str, Any],
    where: str,
) -> None:
    """Check that a model which needs values in 0..1 gets them, before anything is downloaded."""
    if dataset["scaling"]["method"] == "zero_one":
        return
    hp = hps.coerce(module.HParams, hyperparameters, where)
    refusal = module.refuse(hp, MANY, Z_SCORES)
    if refusal:
        raise InputError(
            f"{where}: {refusal} (datasets.{name}.scaling.method is "
            f"{dataset['scaling']['method']}, expected zero_one)"
        )


def named_files(module: ModuleType, values: Mapping[str, Any], where: str) -> tuple[Path, ...]:
    """Find the files that a model's hyperparameters name: fixed, searched or by default.

    Raises
    ------
    InputError
        If there is no such file.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(module.HParams)}
    named = [
        (name, path)
        for name in getattr(module, "FILES", ())
        for path in _as_list(values.get(name, defaults[name]))
    ]
    return tuple(locate(path, f"{where}: {name}") for name, path in named)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def merge_settings(
    module: str,
    HParams: type,
    fixed: Mapping[str, Any],
    settings: Sequence[Mapping[str, Any]],
    where: str,
) -> tuple[Trial, ...]:
    """Merge settings into trials: equal models are one, at the largest `epochs` asked of it.

    Raises
    ------
    InputError
        If two different models share the 8 hex digits of their name.
    """
    groups: dict[str, list[Any]] = {}
    for setting in settings:
        hp = hps.coerce(HParams, {**fixed, **setting}, where)
        groups.setdefault(hps.trial_id(module, hp), []).append(hp)
    return tuple(_merge(name, group, where) for name, group in groups.items())


def _merge(name: str, group: Sequence[Any], where: str) -> Trial:
    named = {tuple(i for i in hps.effective(hp).items() if i[0] != "epochs") for hp in group}
    if len(named) > 1:
        raise InputError(
            f"{where}: two settings share the trial name {name}; change any value of the "
            "space slightly"
        )
    # Fields without effect take their defaults: whichever setting came first must not show.
    longest = max(group, key=lambda hp: getattr(hp, "epochs", 1))
    hyperparameters = hps.without_effectless(longest)
    settings = Counter(getattr(hp, "epochs", 1) for hp in group)
    return Trial(
        name=name,
        hyperparameters=hyperparameters,
        settings=tuple(sorted(settings.items())),
    )
