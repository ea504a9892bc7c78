"""Datasets of a config: what the schema cannot check, and what their kind fills in (PURE)."""

import importlib
import re
from collections.abc import Collection, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from tybalt.plan.errors import InputError, suggest
from tybalt.plan.models_and_tuners import available
from tybalt.plan.names import SOLE_BLOCK

#: Shares of the stratified split, where the config gives none.
SHARES = {"validation": 0.1, "test": 0.1}

#: Share of the samples that validation and test may take together.
LARGEST_HELD_OUT = 0.8

#: The word of the seed that splits the samples of a kind and does nothing else (`SEED`).
SPLIT_SEED = "split"

#: Folders of results/ that are not datasets.
RESERVED_NAMES = {"logs", "benchmarks"}

#: Roles that one column plays.
SINGLE_ROLES = ("group", "label", "weight")


@cache
def kinds() -> dict[str, ModuleType]:
    """Return every kind of dataset by the name that a config gives it."""
    return {
        name.replace("_", "-"): importlib.import_module(f"tybalt.data.kinds.{name}")
        for name in available("data/kinds")
    }


def simulators() -> dict[str, ModuleType]:
    """Return the kinds whose raw files are simulated, by name."""
    return {name: kind for name, kind in kinds().items() if hasattr(kind, "simulate")}


def kind_of(dataset: Mapping[str, Any]) -> ModuleType:
    """Return the module of a dataset's kind."""
    return kinds()[dataset["kind"]]


def complete_dataset(
    name: str, dataset: Mapping[str, Any], sources: Mapping[str, Any]
) -> dict[str, Any]:
    """Check what the schema cannot, and fill in what the kind knows: columns and roles."""
    where = f"datasets.{name}"
    if name in RESERVED_NAMES:
        raise InputError(f"{where}: results/{name} holds other files; choose another name")
    check_block(where, dataset)
    check_blocks(where, dataset)
    completed = kind_of(dataset).complete(where, dataset, sources)
    completed["blocks"] = blocks_of(completed)
    check_repeats(where, completed)
    if "project_onto" in dataset:
        return completed
    # A matrix does not depend on how many repeats there are, so its split says nothing of them.
    split = {key: value for key, value in completed["split"].items() if key != "repeats"}
    completed["repeats"] = completed["split"].get("repeats", 1)
    completed["split"] = split if split["method"] == "tybalt" else {**SHARES, **split}
    check_split(where, completed["split"])
    check_tables(where, completed["tables"])
    check_columns(where, completed["columns"])
    check_roles(where, completed["roles"], completed["columns"])
    completed["contrasts"] = {
        contrast: resolve_roles(f"{where}.contrasts.{contrast}", definition, completed)
        for contrast, definition in completed["contrasts"].items()
    }
    return completed


def expansions(name: str, dataset: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Say which datasets an entry stands for, by their names: itself, and its repeats.

    Repeats (`split.repeats`) differ in the seed of the split alone, which is made of their names;
    the first keeps the name of the entry, and the others say whose repeats they are (`repeat_of`).
    """
    numbers = range(2, dataset.get("repeats", 1) + 1)
    others = {f"{name}-repeat-{number}": {**dataset, "repeat_of": name} for number in numbers}
    return {name: dataset, **others}


def expand(
    datasets: Mapping[str, Mapping[str, Any]],
) -> tuple[dict[str, Mapping[str, Any]], dict[str, list[str]]]:
    """Replace every entry by what it stands for (`expansions`).

    Returns
    -------
    tuple
        The expanded entries by name, and the name of each given entry -> names of its expansions.

    Raises
    ------
    InputError
        If an expansion has the name of another entry or of another expansion.
    """
    expanded: dict[str, Mapping[str, Any]] = {}
    names: dict[str, list[str]] = {}
    for name, dataset in datasets.items():
        mine = expansions(name, dataset)
        taken = [new for new in mine if new in expanded or (new != name and new in datasets)]
        if taken:
            raise InputError(
                f"datasets.{name}: it expands into {', '.join(mine)}, but {taken[0]!r} is the name "
                "of another dataset too; rename one of the two"
            )
        expanded |= mine
        names[name] = list(mine)
    return expanded, names


def check_block(where: str, dataset: Mapping[str, Any]) -> None:
    """Check that a dataset has the block of its kind, and of no other."""
    kind = dataset["kind"]
    if kind not in kinds():
        raise InputError(f"{where}.kind: found {kind!r}; {suggest(kind, kinds())}")
    for other, module in kinds().items():
        if other == kind and module.BLOCK not in dataset and not names_all_files(dataset):
            raise InputError(
                f"{where}.{module.BLOCK}: missing; a dataset of kind `{kind}` needs it"
            )
        if other != kind and module.BLOCK in dataset:
            raise InputError(
                f"{where}.{module.BLOCK}: belongs to kind `{other}`, but kind is `{kind}`"
            )


def names_all_files(dataset: Mapping[str, Any]) -> bool:
    """Tell whether blocks name every file that is needed, as of new samples."""
    files = ["file" in block for block in dataset.get("blocks", {}).values()]
    return "project_onto" in dataset and bool(files) and all(files)


def check_blocks(where: str, dataset: Mapping[str, Any]) -> None:
    """Check that a kind which has no blocks is given none, and which blocks a kind has."""
    named, own = dataset.get("blocks"), getattr(kind_of(dataset), "check_blocks", None)
    if named is None:
        return
    if SOLE_BLOCK in named:
        raise InputError(
            f"{where}.blocks.{SOLE_BLOCK}: this name means the only matrix of a dataset without "
            "`blocks`; choose another, such as rna"
        )
    if own is None:
        able = [name for name, kind in kinds().items() if hasattr(kind, "check_blocks")]
        raise InputError(
            f"{where}.blocks: a dataset of kind `{dataset['kind']}` has one matrix; use `genes` "
            f"and `scaling`, or one of the kinds {', '.join(able)}"
        )
    own(where, dataset)


def blocks_of(dataset: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the blocks of a dataset by name (features, transform, scaling, prefix).

    One that names none has a sole one. Where new samples do not say how they are transformed
    (None), the model's dataset does.
    """
    transform = None if "project_onto" in dataset else "none"
    if "blocks" in dataset:
        return {
            name: {"transform": transform, **block} for name, block in dataset["blocks"].items()
        }
    sole = {"features": dataset["genes"], "transform": transform, "prefix": ""}
    sole |= {key: dataset[key] for key in ("transform", "scaling") if key in dataset}
    return {SOLE_BLOCK: sole}


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


def check_repeats(where: str, dataset: Mapping[str, Any]) -> None:
    """Refuse repeats of what another seed would not split anew, or would change altogether."""
    if dataset["split"].get("repeats", 1) == 1:
        return
    reason = ""
    if "project_onto" in dataset:
        reason = "new samples are not split"
    elif dataset["split"]["method"] == "tybalt":
        reason = "the published split has a fixed seed, so that all repeats would be the same"
    elif (seed := kind_of(dataset).SEED) != SPLIT_SEED:
        reason = (
            f"the seed {seed!r} of a dataset of kind `{dataset['kind']}` makes its samples too, so "
            "that repeats would be other samples, not other splits"
        )
    if reason:
        raise InputError(
            f"{where}.split.repeats: found {dataset['split']['repeats']}, but {reason}; leave this "
            "key out"
        )


def check_tables(where: str, tables: Collection[str]) -> None:
    """Check that the companion tables asked for have what they are made of."""
    lacking = {"mutations", "copy_number"} - set(tables)
    if "status" in tables and lacking:
        raise InputError(f"{where}.tables: `status` needs {' and '.join(sorted(lacking))} as well")


def check_columns(where: str, columns: Collection[str]) -> None:
    """Refuse columns that would stand under the name of something else in our tables."""
    taken = [name for name in columns if re.fullmatch(r"split|blocks|mutation_burden|z\d+", name)]
    if taken:
        raise InputError(
            f"{where}.clinical.columns.{taken[0]}: our tables have a column of this name (the part "
            "of the split, the blocks of a sample, a latent feature ...); give yours another name"
        )


def check_roles(where: str, roles: Mapping[str, Any], columns: Collection[str]) -> None:
    """Check that the columns which play a part are declared."""
    named = [(role, roles[role]) for role in SINGLE_ROLES if roles.get(role) is not None]
    for role, column in [*named, *(("strata", name) for name in roles["strata"])]:
        if column not in columns:
            raise InputError(
                f"{where}.roles.{role}: {column!r} is not a declared column; "
                f"{suggest(column, columns)} (clinical.columns declares them)"
            )
    if roles.get("group") is None:
        raise InputError(
            f"{where}.roles.group: missing; name the column that the split keeps together"
        )
    if roles.get("label") == roles["group"]:
        raise InputError(
            f"{where}.roles.label: found {roles['label']!r}, which is also the group: its classes "
            "are in one part of the split each, so none could be predicted; name another column, "
            "or null"
        )


def resolve_roles(
    where: str, definition: Mapping[str, Any], dataset: Mapping[str, Any]
) -> dict[str, Any]:
    """Replace roles in a contrast by the columns that play them; refuse what is not declared."""
    columns, roles = dataset["columns"], dataset["roles"]
    resolved = dict(definition)
    for key in ("covariate", "within"):
        if key not in definition:
            continue
        name = definition[key]
        if name not in columns and name in ("group", "label"):
            if not roles.get(name):
                raise InputError(
                    f"{where}.{key}: no column plays the role `{name}`; set roles.{name}, or "
                    "name a column"
                )
            name = roles[name]
        if name not in columns:
            raise InputError(
                f"{where}.{key}: {name!r} is not a declared covariate; {suggest(name, columns)}"
            )
        resolved[key] = name
    return resolved
