"""Models and tuners of a config: plug-ins, found by name, and their values (PURE)."""

import dataclasses
import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from tybalt.plan import hyperparameters as hps
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.gene_sets import locate

PACKAGE = Path(__file__).resolve().parents[1]

#: A shape and limits that z-scores may have, to ask models whether they take them.
MANY, Z_SCORES = (10**6, 10**6), (-5.0, 5.0)


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
