"""Models and tuners of a config: plug-ins, found by name, and their values (PURE)."""

import dataclasses
import importlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tybalt.plan import hyperparameters as hps
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.gene_sets import locate
from tybalt.plan.objectives import check_objective, name_of

PACKAGE = Path(__file__).resolve().parents[1]

#: What a model may be able to do: give codes, give its input back, say what its features weigh in
#: the genes, draw new samples, predict one block from another.
VERBS = ("encode", "reconstruct", "weights", "sample", "translate")

#: What a model has to be able to do for a task of a dataset.
VERBS_OF_TASK = {"explain": ("encode", "reconstruct", "weights")}

#: No rotation of the code; and what a model entry means that says nothing of it.
UNROTATED, DEFAULT_ROTATION = "none", "varimax"

#: A shape and limits that z-scores may have, to ask models whether they take them.
MANY, Z_SCORES = (10**6, 10**6), (-5.0, 5.0)

#: Limits that every model takes.
UNIT_RANGE = (0.0, 1.0)


# Models


@cache
def available(kind: str) -> tuple[str, ...]:
    """List the module names of a plug-in folder (`models`, `tuners`, `data/kinds`)."""
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
    fixed = hps.coerce(module.HParams, model["fixed"], f"{where}.fixed")
    coerce_space(module.HParams, model["space"], f"{where}.space")
    for key in model["space"]:
        if key in model["fixed"]:
            raise InputError(
                f"{where}.space.{key}: is also in {where}.fixed; keep one of the two (an overlay "
                "cannot remove a key: give the variant a name of its own)"
            )
    choose_rotation(model, where)
    objective = name_of(model.get("objective", module.OBJECTIVE), f"{where}.objective")
    check_objective(objective, model, module, fixed, where)
    if "blocks" in model and "codes_of" in model:
        raise InputError(
            f"{where}.blocks: a model in the codes of others sees what they see; leave out "
            "`blocks` or `codes_of`"
        )


def check_settings(
    module: ModuleType,
    fixed: Mapping[str, Any],
    settings: Iterable[Mapping[str, Any]],
    where: str,
) -> None:
    """Check that no setting of a search contradicts itself; raise InputError."""
    for setting in settings:
        hp = hps.coerce(module.HParams, {**fixed, **setting}, where)
        refusal = module.refuse(hp, MANY, UNIT_RANGE)
        if refusal:
            raise InputError(f"{where}: {refusal}")


def is_repeatable(module: ModuleType) -> bool:
    """Tell whether another seed gives another model: not in closed form."""
    return not hasattr(module, "fit")


def tasks_of(module: ModuleType, asked: Sequence[str], where: str) -> list[str]:
    """Return the tasks, of those that a dataset asks for, that a model can do.

    Raises
    ------
    InputError
        If it can do none of them.
    """
    able = [task for task in asked if set(VERBS_OF_TASK[task]) <= set(module.VERBS)]
    if not able:
        lacking = [verb for verb in VERBS_OF_TASK[asked[0]] if verb not in module.VERBS]
        raise InputError(
            f"{where}: its module can {', '.join(module.VERBS)}, but the dataset's task "
            f"`{asked[0]}` needs a model that can {' and '.join(lacking)} as well; choose another "
            "model, or another task"
        )
    return able


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


def choose_rotation(entry: Mapping[str, Any], where: str) -> str:
    """Return how the features of a model are made of its codes: `none` or `varimax`.

    By default they are rotated where nothing speaks against it, in any setting of the space.

    Raises
    ------
    InputError
        If a rotation is asked for that would take the meaning of the features away.
    """
    module = load_plugin("models", entry["module"], where)
    asked = entry.get("rotation")
    if asked == UNROTATED:
        return UNROTATED
    why = speaks_against_rotation(module, entry, where)
    if why and asked:
        raise InputError(
            f"{where}.rotation: found {asked!r}, but {entry['module']} is not rotated: {why}; "
            "leave the key out"
        )
    return UNROTATED if why else asked or DEFAULT_ROTATION


def speaks_against_rotation(module: ModuleType, entry: Mapping[str, Any], where: str) -> str | None:
    """Say why the code of a model is not to be rotated, in any setting of its space; else None."""
    lacking = [verb for verb in ("encode", "weights") if verb not in module.VERBS]
    if lacking:
        return f"it cannot {' and '.join(lacking)}"
    if not hasattr(module, "fixed_axes"):
        return None
    first = {**entry["fixed"], **{name: values[0] for name, values in entry["space"].items()}}
    varied = [{name: value} for name, values in entry["space"].items() for value in values]
    settings = (hps.coerce(module.HParams, {**first, **each}, where) for each in [{}, *varied])
    return next((why for hp in settings if (why := module.fixed_axes(hp))), None)


# Tuners and experiments


def tuner_options(name: str, tuner: Mapping[str, Any]) -> Any:
    """Return the options of a tuner entry as the dataclass that its module declares."""
    where = f"tuners.{name}"
    module = load_plugin("tuners", tuner["module"], where)
    options = {key: value for key, value in tuner.items() if key != "module"}
    return hps.coerce(module.Options, options, where, noun="option")


def check_scaling(
    dataset: Mapping[str, Any],
    name: str,
    module: ModuleType,
    hyperparameters: Mapping[str, Any],
    blocks: Sequence[str],
    where: str,
) -> None:
    """Check that a model which needs values in 0..1 gets them, before anything is downloaded."""
    hp = hps.coerce(module.HParams, hyperparameters, where)
    refusal = module.refuse(hp, MANY, Z_SCORES)
    for block in blocks if refusal else ():
        method = dataset["blocks"][block]["scaling"]["method"]
        if method == "z_score":
            key = f"blocks.{block}.scaling" if len(dataset["blocks"]) > 1 else "scaling"
            raise InputError(
                f"{where}: {refusal} (datasets.{name}.{key}.method is {method}, expected zero_one)"
            )


def check_codes(module: ModuleType, hyperparameters: Mapping[str, Any], where: str) -> None:
    """Check that a model in the codes of others takes values of any size and sign."""
    hp = hps.coerce(module.HParams, hyperparameters, where)
    refusal = module.refuse(hp, MANY, Z_SCORES)
    if refusal:
        raise InputError(
            f"{where}.codes_of: the model would see codes, which may have any values, but "
            f"{refusal.partition(';')[0]}; choose a module such as linear_autoencoder or pca"
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
        for path in as_list(values.get(name, defaults[name]))
    ]
    return tuple(locate(path, f"{where}: {name}") for name, path in named)


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as the one member of a list."""
    return value if isinstance(value, list) else [value]
