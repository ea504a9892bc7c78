"""config -> Study: experiments, plans, trial names, seeds (PURE: standard library only).

An *experiment* is ``{dataset}/{model}/{tuner}``. Everything that Snakemake must know before the
first job runs (which trials exist, what each trains, what its seed is) is computed here.
"""

import dataclasses
import hashlib
import inspect
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import Any

from tybalt.plan import hyperparameters as hps
from tybalt.plan.datasets import complete_dataset, expand, kind_of
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.models_and_tuners import (
    UNROTATED,
    as_list,
    check_codes,
    check_model,
    check_scaling,
    check_settings,
    choose_rotation,
    coerce_space,
    is_repeatable,
    load_plugin,
    named_files,
    tasks_of,
    tuner_options,
)
from tybalt.plan.objectives import check_dataset, name_of, objective_of
from tybalt.plan.places import Places
from tybalt.plan.search import MOST, Slot, configurations, size, slot_name
from tybalt.plan.user_files import files_of_user

#: The tuner that every config has: one trial, the model's fixed values and defaults.
UNTUNED = "none"

#: Settings of an adaptive search that are checked beforehand, for it may try any of its space.
MOST_CHECKED = 10_000


@dataclasses.dataclass(frozen=True)
class Trial:
    """One training to run: a distinct model, at the largest `epochs` anyone asked of it.

    Attributes
    ----------
    name
        Path component: the hash of the setting, or a slot (s00) of an adaptive search.
    hyperparameters
        All fields of the model's HParams; None where earlier rounds decide them.
    settings
        (epochs, number of configurations of the space) that this one training answers; none
        where earlier rounds decide them.
    slot
        What is known of such a trial beforehand; None in a non-adaptive search.
    """

    name: str
    hyperparameters: Mapping[str, Any] | None
    settings: tuple[tuple[int, int], ...]
    slot: Slot | None = None


@dataclasses.dataclass(frozen=True)
class Experiment:
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
    blocks
        The blocks of the dataset that the model sees, in their order.
    tasks
        Tasks of the dataset that the model can do.
    bases
        Experiments in whose codes the model is trained; mostly none.
    rotation
        How its features are made of its codes: none | varimax.
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
    blocks: tuple[str, ...]
    tasks: tuple[str, ...]
    bases: tuple[tuple[str, str, str], ...] = ()
    rotation: str = UNROTATED

    @property
    def searched(self) -> tuple[str, ...]:
        """The hyperparameters of the space; none for a single training."""
        return tuple(self.space)

    @property
    def is_rotated(self) -> bool:
        """Whether its features are a rotation of the model's codes."""
        return self.rotation != UNROTATED

    @property
    def is_closed(self) -> bool:
        """Whether each round is proposed in the light of the earlier ones."""
        return self.rounds[0][0].slot is not None

    @property
    def key(self) -> tuple[str, str, str]:
        """The experiment's three wildcards."""
        return (self.dataset, self.model, self.tuner)

    @property
    def settings(self) -> dict[str, list[list[int]]]:
        """{round}/{trial} -> [epochs, number of configurations] that its trainings answer."""
        return {
            f"r{number}/{trial.name}": [list(setting) for setting in trial.settings]
            for number, trials in enumerate(self.rounds)
            for trial in trials
        }

    def slots(self, round_: str) -> list[dict[str, Any]]:
        """Say what is known beforehand of the trials of a round, in plain values."""
        return [dataclasses.asdict(trial.slot) for trial in self.rounds[int(round_[1:])]]

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
    experiments: Mapping[tuple[str, str, str], Experiment]

    @property
    def datasets(self) -> list[str]:
        """Datasets that some experiment uses, in the order of the config."""
        used = {experiment.dataset for experiment in self.experiments.values()}
        return [name for name in self.config["datasets"] if name in used]

    def dataset(self, name: str) -> Mapping[str, Any]:
        """Return the config entry of a dataset."""
        return self.config["datasets"][name]

    def repeats(self, dataset: str) -> list[str]:
        """List the repeats of a dataset (`split.repeats`), the first of which is the entry's own.

        They share raw files, companion tables, and every seed but that of the split.
        """
        first = first_of(self.config, dataset)
        entries = self.config["datasets"].items()
        return [first, *(name for name, entry in entries if entry.get("repeat_of") == first)]

    def first_split(self, dataset: str) -> str:
        """Name the first of the repeats that a dataset belongs to: mostly itself."""
        return first_of(self.config, dataset)

    def contrasts(self) -> dict[str, Mapping[str, Any]]:
        """Return the contrasts that the config names, by dataset."""
        return {name: entry["contrasts"] for name, entry in self.config["datasets"].items()}

    def experiment(self, dataset: str, model: str, tuner: str) -> Experiment:
        """Return the experiment with these wildcards; InputError if the study does not have it."""
        if (dataset, model, tuner) not in self.experiments:
            wanted = f"{dataset}/{model}/{tuner}"
            known = ["/".join(key) for key in self.experiments]
            raise InputError(
                f"{wanted} is not an experiment of the study; {suggest(wanted, known)}"
            )
        return self.experiments[dataset, model, tuner]

    def datasets_of_kind(self, kind: str) -> list[str]:
        """List the datasets of a kind, used or not, without repeats, which have no raw files."""
        return [
            name
            for name, entry in self.config["datasets"].items()
            if entry["kind"] == kind and name == self.first_split(name)
        ]

    def raw_files(self, dataset: str, places: Places) -> dict[str, str | list[str]]:
        """Say where the raw files of a dataset lie: table -> path, or paths, one for each block."""
        entry = self.dataset(dataset)
        return kind_of(entry).raw_files(self.first_split(dataset), entry, places)

    def raw_files_to_read(self, dataset: str, places: Places) -> dict[str, str]:
        """Return the raw files that the kind of a dataset reads, by the names of its arguments."""
        asked = inspect.signature(kind_of(self.dataset(dataset)).read).parameters
        files = self.raw_files(dataset, places)
        return {table: path for table, path in files.items() if table in asked}

    def settings(self, dataset: str, step: str) -> dict[str, Any]:
        """Return the keys of an entry that its kind depends on: `READS` or `SIMULATES`."""
        entry = self.dataset(dataset)
        return {key: entry[key] for key in ("kind", *getattr(kind_of(entry), step))}

    def downloads(self, places: Places) -> list[str]:
        """List every download that the datasets of the study need."""
        needed = set()
        for name in [*self.datasets, *self.projections]:
            tables = {"expression"} if name in self.projections else {"expression", "clinical"}
            asked = self.dataset(name)["tables"]
            tables |= {"gene_types" if table == "status" else table for table in asked}
            files = self.raw_files(name, places)
            needed |= {path for table in tables & set(files) for path in as_list(files[table])}
        return sorted(path for path in needed if path.startswith(f"{places.downloads}/"))

    def experiments_of(self, dataset: str, task: str | None = None) -> list[tuple[str, str, str]]:
        """List the experiments of one dataset (that do a task), by their three names."""
        return [
            key
            for key, experiment in self.experiments.items()
            if key[0] == dataset and (task is None or task in experiment.tasks)
        ]

    def searches_of(self, dataset: str, model: str) -> list[Experiment]:
        """List the experiments of one dataset and model that search."""
        mine = [self.experiments[key] for key in self.experiments_of(dataset) if key[1] == model]
        return [experiment for experiment in mine if experiment.searched]

    def training_options(self, experiment: Experiment) -> dict[str, Any]:
        """Say what training needs besides the model's hyperparameters."""
        chosen = {key: self.config["training"][key] for key in ("backend", "patience")}
        roles = self.dataset(experiment.dataset)["roles"]
        module = load_plugin("models", experiment.module, f"models.{experiment.model}")
        uses_label = "label" in getattr(module, "USES", ())
        objective = objective_of(experiment.objective, f"models.{experiment.model}.objective")
        contrasts = self.dataset(experiment.dataset)["contrasts"]
        return {
            **chosen,
            "module": experiment.module,
            "objective": experiment.objective,
            "blocks": list(experiment.blocks),
            "bases": [base[1] for base in experiment.bases],
            "label": roles.get("label") if uses_label else None,
            "weight": roles.get("weight"),
            "group": roles["group"],
            "contrasts": {name: contrasts[name] for name in objective.contrasts},
        }

    def modules_of(self, experiment: Experiment) -> list[str]:
        """List what runs by name for an experiment: its model, those below it, its objective."""
        below = [self.modules_of(self.experiments[base]) for base in experiment.bases]
        how = objective_of(experiment.objective, f"models.{experiment.model}.objective").score
        measured = [how.partition(":")[0]] if isinstance(how, str) else []
        own = [f"tybalt.models.{experiment.module}", *measured]
        return list(dict.fromkeys([*own, *chain(*below)]))

    @property
    def projections(self) -> dict[str, tuple[str, ...]]:
        """Datasets of new samples, and the experiment that each is projected onto."""
        return {
            name: tuple(entry["project_onto"].split("/"))
            for name, entry in self.config["datasets"].items()
            if "project_onto" in entry
        }

    @property
    def files_of_user(self) -> dict[str, str]:
        """Files of the user's own that the datasets of the study name: config key -> path."""
        used = [*self.datasets, *self.projections]
        named = [name for name in used if name == self.first_split(name)]
        return files_of_user({name: self.dataset(name) for name in named})

    def target(self, dataset: str) -> Experiment:
        """Return the experiment that a dataset is projected onto; InputError if there is none."""
        if dataset not in self.projections:
            raise InputError(
                f"datasets.{dataset}.project_onto: missing; name the experiment to project "
                f"{dataset} onto"
            )
        return self.experiments[self.projections[dataset]]

    def seed(self, dataset: str, *names: str) -> int:
        """Derive a seed from the study's seed and names; repeats of a dataset have the same."""
        return derive_seed(self.config["seed"], self.first_split(dataset), *names)

    def seed_of_matrix(self, dataset: str) -> int:
        """Derive the seed that a matrix is made with: the one in which repeats differ."""
        return derive_seed(self.config["seed"], dataset, kind_of(self.dataset(dataset)).SEED)


def first_of(config: Mapping[str, Any], dataset: str) -> str:
    """Name the dataset that another one repeats with another split; of others their own name."""
    return config["datasets"][dataset].get("repeat_of", dataset)


def derive_seed(study_seed: int, *names: str) -> int:
    """Derive a seed in 0..2^31-1 from names, never from run order.

    Returns
    -------
    int
        The first 31 bits of the sha256 of ``study_seed/name/name/...``.
    """
    text = "/".join([str(study_seed), *names])
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) & 0x7FFFFFFF


def build_study(config: Mapping[str, Any], sources: Mapping[str, Any]) -> Study:
    """Turn a checked config (defaults filled in) into a Study.

    Parameters
    ----------
    config
        As `tybalt.plan.config.check_config` returns it.
    sources
        The entries of resources/sources.yaml, by name.

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
    completed = {
        name: complete_dataset(name, dataset, sources)
        for name, dataset in config["datasets"].items()
    }
    datasets, expansions = expand(completed)
    config = {**config, "tuners": tuners, "datasets": datasets}
    for name, model in config["models"].items():
        check_model(name, model)
    for name, tuner in tuners.items():
        tuner_options(name, tuner)
    experiments = {}
    for number, study in enumerate(config["experiments"]):
        for key in study_experiments(config, expansions, study, f"experiments[{number}]"):
            if key not in experiments:
                experiments[key] = build_experiment(config, *key)
    experiments = build_upon(config["models"], experiments)
    for key, experiment in experiments.items():
        where = f"models.{experiment.model}"
        check_dataset(experiment.objective, datasets[key[0]], experiment.blocks, where)
    for name, dataset in datasets.items():
        check_projection(name, dataset, experiments)
    return Study(config=config, experiments=experiments)


def check_projection(
    name: str, dataset: Mapping[str, Any], experiments: Collection[tuple[str, str, str]]
) -> None:
    """Check that new samples are projected onto an experiment of the study, and only projected."""
    if "project_onto" not in dataset:
        return
    where, known = f"datasets.{name}", ["/".join(key) for key in experiments]
    if any(key[0] == name for key in experiments):
        raise InputError(
            f"{where}.project_onto: `experiments` trains models on {name}; give its samples a "
            "second entry to project them"
        )
    if dataset["project_onto"] not in known:
        raise InputError(
            f"{where}.project_onto: {dataset['project_onto']} is not an experiment of the study; "
            f"{suggest(dataset['project_onto'], known)}"
        )
    for key in ("tables", "contrasts"):
        if dataset[key]:
            raise InputError(
                f"{where}.{key}: found in a dataset with project_onto, of which only the "
                "expression is used; leave this key out"
            )


def study_experiments(
    config: Mapping[str, Any],
    expansions: Mapping[str, Sequence[str]],
    study: Mapping[str, Sequence[str]],
    where: str,
) -> list[tuple[str, str, str]]:
    """List the experiments of one entry: on all that its datasets stand for (`expansions`).

    A model without a space has the tuner `none`.
    """
    known = {"datasets": expansions, "models": config["models"], "tuners": config["tuners"]}
    for vocabulary, names in known.items():
        for name in study[vocabulary]:
            if name not in names:
                raise InputError(
                    f"{where}.{vocabulary}: there is no {name!r} under `{vocabulary}`; "
                    f"{suggest(name, names)}"
                )
    return [
        (dataset, model, tuner if config["models"][model]["space"] else UNTUNED)
        for name in study["datasets"]
        for dataset in expansions[name]
        for model in study["models"]
        for tuner in study["tuners"]
    ]


def build_experiment(config: Mapping[str, Any], dataset: str, model: str, tuner: str) -> Experiment:
    """Plan one experiment: ask its tuner for settings and merge those that train the same model."""
    entry, tuner_entry = config["models"][model], config["tuners"][tuner]
    where = f"models.{model}"
    module = load_plugin("models", entry["module"], where)
    tuner_module = load_plugin("tuners", tuner_entry["module"], f"tuners.{tuner}")
    space = coerce_space(module.HParams, entry["space"], f"{where}.space")
    options = tuner_options(tuner, tuner_entry)
    seed = derive_seed(config["seed"], first_of(config, dataset), model, tuner)
    check_count(tuner_module.count(space, options), where, tuner, space)
    plan = tuner_module.plan(space, options, seed, f"tuners.{tuner}")
    first = {name: values[0] for name, values in space.items()}
    described = config["datasets"][dataset]
    blocks = choose_blocks(entry.get("blocks"), dataset, described["blocks"], where)
    values = {**entry["fixed"], **first}
    if "codes_of" in entry:
        check_codes(module, values, where)
    else:
        check_scaling(described, dataset, module, values, blocks, where)
    if "label" in getattr(module, "USES", ()) and not described["roles"].get("label"):
        raise InputError(
            f"{where}: {entry['module']} is trained with classes, but no column of {dataset} plays "
            f"the role `label`; set datasets.{dataset}.roles.label"
        )
    is_adaptive = isinstance(plan[0][0], Slot)
    settings = islice(configurations(space), MOST_CHECKED) if is_adaptive else chain(*plan)
    check_settings(module, entry["fixed"], settings, where)
    if is_adaptive:
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
    return Experiment(
        dataset=dataset,
        model=model,
        tuner=tuner,
        module=entry["module"],
        tuner_module=tuner_entry["module"],
        objective=name_of(entry.get("objective", module.OBJECTIVE), f"{where}.objective"),
        # Repeating a closed form would tell nothing.
        executions=config["training"]["executions_per_trial"] if is_repeatable(module) else 1,
        space=space if plan != [[{}]] else {},
        fixed=entry["fixed"],
        options={k: v for k, v in dataclasses.asdict(options).items() if k not in only_plan},
        files=named_files(module, {**entry["fixed"], **space}, where),
        configurations=len(new_trainings(plan)),
        rounds=rounds,
        blocks=blocks,
        tasks=tuple(tasks_of(module, described["tasks"], where)),
        rotation=choose_rotation(entry, where),
    )


def check_count(count: int, where: str, tuner: str, space: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a search that could not be planned, before it is; raise InputError."""
    if count > MOST:
        product = " x ".join(f"{name} {len(values)}" for name, values in space.items())
        raise InputError(
            f"{where}.space: tuners.{tuner} would plan {count:,} trials ({product}), expected at "
            f"most {MOST:,}; take values out, or draw some with the tuner random"
        )


def choose_blocks(
    wanted: Sequence[str] | None, dataset: str, blocks: Collection[str], where: str
) -> tuple[str, ...]:
    """Return the blocks that a model sees, in the order of the dataset; by default all."""
    for name in wanted or ():
        if name not in blocks:
            raise InputError(
                f"{where}.blocks: the dataset {dataset} has no block {name!r}; "
                f"{suggest(name, blocks)}"
            )
    return tuple(name for name in blocks if wanted is None or name in wanted)


# Models in the codes of others

#: The three names of an experiment.
Key = tuple[str, str, str]


def build_upon(
    models: Mapping[str, Mapping[str, Any]], experiments: Mapping[Key, Experiment]
) -> dict[Key, Experiment]:
    """Fill in which experiments others build on (`codes_of`), and what these therefore see.

    Raises
    ------
    InputError
        If an experiment that is built on is missing or cannot encode and reconstruct, if two of
        them see one block, or if models build on each other in a circle.
    """
    done: dict[Key, Experiment] = {}

    def complete(key: Key, waiting: tuple[Key, ...]) -> Experiment:
        if key in waiting:
            circle = " -> ".join(each[1] for each in (*waiting[waiting.index(key) :], key))
            raise InputError(
                f"models.{key[1]}.codes_of: {circle} is a circle, so none of them could be trained "
                "first; take one of them out of it"
            )
        if key not in done:
            below = [complete(base, (*waiting, key)) for base in bases_of(models, key, experiments)]
            done[key] = upon(experiments[key], below, f"models.{key[1]}.codes_of")
        return done[key]

    return {key: complete(key, ()) for key in experiments}


def upon(experiment: Experiment, below: Sequence[Experiment], where: str) -> Experiment:
    """Let an experiment build on others: it sees the blocks that they see."""
    if not below:
        return experiment
    for base in below:
        verbs = load_plugin("models", base.module, f"models.{base.model}").VERBS
        if not {"encode", "reconstruct"} <= set(verbs):
            raise InputError(
                f"{where}: {base.model} ({base.module}) can {', '.join(verbs)}; expected a model "
                "that can encode and reconstruct, as samples are decoded by it"
            )
    seen = [block for base in below for block in base.blocks]
    twice = [block for block, times in Counter(seen).items() if times > 1]
    if twice:
        raise InputError(
            f"{where}: {' and '.join('/'.join(base.key[1:]) for base in below)} both see the block "
            f"{twice[0]}; "
            "expected models of different blocks (models.<name>.blocks)"
        )
    files = tuple(dict.fromkeys(chain(experiment.files, *(base.files for base in below))))
    keys = tuple(base.key for base in below)
    blocks = tuple(block for block in experiment.blocks if block in seen)
    return dataclasses.replace(experiment, blocks=blocks, bases=keys, files=files)


def bases_of(
    models: Mapping[str, Mapping[str, Any]], key: Key, experiments: Collection[Key]
) -> list[Key]:
    """Find the experiments of the same dataset that a model entry names under `codes_of`.

    A model without a tuner means its experiment by the same tuner, or the only one that there is.
    """
    dataset, model, tuner = key
    named = models[model].get("codes_of", [])
    found = []
    for name in as_list(named):
        where, (base, _, by) = f"models.{model}.codes_of", name.partition("/")
        if base not in models:
            raise InputError(f"{where}: there is no model {base!r}; {suggest(base, models)}")
        known = [each for each in experiments if each[:2] == (dataset, base)]
        exact = [each for each in known if each[2] == (by or tuner)]
        if not exact and (by or len(known) != 1):
            listed = ", ".join("/".join(each) for each in known) or f"none of {base} on {dataset}"
            raise InputError(
                f"{where}: found {name!r}, which names no single experiment of the study on "
                f"{dataset} (there is {listed}); add one to `experiments`, or name it as "
                "model/tuner"
            )
        found += exact or known
    return found


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
    """Check that a space can fill the slots of an adaptive search; raise InputError."""
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
            f"experiments: the tuner {tuner} decides how many epochs a setting is trained, but "
            f"{where} "
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
