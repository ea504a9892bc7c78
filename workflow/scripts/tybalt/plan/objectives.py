"""What a training is scored by: one table, which checks, trainings, figures and docs read (PURE).

An objective is always computed on validation samples, at the deterministic reconstruction (code =
mean), without noise and without penalties, whatever the weights in the training loss.
"""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tybalt.plan.errors import InputError, suggest

#: `Objective.when`: once, after the training, on the epoch that was chosen.
AT_THE_END = 0

#: What measures contrasts; loaded by name, as `analysis` builds on `training`.
READOUTS = "tybalt.analysis.readouts"

#: Two entries of the table that stand for many: a read-out, by the name of its contrast, and a sum.
READ_OUT, SUM = "readout:{contrast}", "{term: weight, ...}"

_READ_OUT, _AND = "readout:", " + "


@dataclasses.dataclass(frozen=True)
class Objective:
    """One way to score.

    Parameters
    ----------
    label
        What a score is, for the axes of figures.
    what
        The same in a sentence, for config/README.md.
    score
        Either a function of (record of an epoch, number of columns), or ``module:function``, called
        with (model, training rows, validation rows, seed) where a record does not say it.
    is_better
        ``lower`` or ``higher``. Scores that are better when higher are kept with a minus, so that
        searches and rankings know one direction.
    verbs, terms
        What the model needs to be able to do, and the terms of the loss that have to train.
    roles, blocks
        What the dataset needs: roles of columns, and at least so many blocks.
    not_searched
        Hyperparameters that change what the score means, so that no search may vary them.
    when
        Every so many epochs (1: every epoch), or `AT_THE_END`.
    chosen_by
        The column of the history whose lowest value chooses the epoch: ``score``, or a measure that
        every epoch has, where the score comes at the end.
    contrasts
        Contrasts of the dataset that the score reads out of the code; its function is given their
        definitions, too.
    in_sums
        Whether it can be a term of a sum, as there is a scale from 0 (perfect) to 1 (what the mean
        training sample reaches).
    """

    label: str
    what: str
    score: Callable[[Mapping[str, float], int], float] | str
    is_better: str = "lower"
    verbs: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    blocks: int = 1
    not_searched: tuple[str, ...] = ()
    when: int = 1
    chosen_by: str = "score"
    contrasts: tuple[str, ...] = ()
    in_sums: bool = False

    def is_due(self, epoch: int, last: int) -> bool:
        """Tell whether an epoch (of so many) is scored while the training runs."""
        return self.when != AT_THE_END and (epoch % self.when == 0 or epoch == last)

    @property
    def axis(self) -> str:
        """The label of an axis; a minus is said."""
        return self.label if self.is_better == "lower" else f"negative {self.label}"


OBJECTIVES: dict[str, Objective] = {
    "reconstruction": Objective(
        label="validation MSE",
        what="mean squared error per gene",
        score=lambda record, n_columns: record["validation_mse"],
        verbs=("reconstruct",),
        in_sums=True,
    ),
    "elbo": Objective(
        label="validation ELBO loss per sample",
        what="genes x binary cross-entropy + KL divergence, per sample: the negative evidence "
        "lower bound, with the reconstruction of the mean code in place of the expectation",
        score=lambda record, n_columns: (
            n_columns * record["validation_bce"] + record["validation_kl"]
        ),
        verbs=("encode", "reconstruct"),
        terms=("kl",),
        not_searched=("kl_term", "reconstruction"),
    ),
    READ_OUT: Objective(
        label="read-out of {contrast}, validation AUROC",
        what="AUROC of the contrast of that name, read out of the whole code within its strata by "
        "a logistic regression of the training samples; the epoch is chosen by the squared error",
        score=f"{READOUTS}:score",
        is_better="higher",
        verbs=("encode", "reconstruct"),
        when=AT_THE_END,
        chosen_by="validation_mse",
        in_sums=True,
    ),
    SUM: Objective(
        label="weighted sum, validation",
        what="sum of weight x term, each term from 0 (perfect) to 1 (what the mean training sample "
        "reaches): `reconstruction` is divided by the error of that sample, and a read-out is "
        "2 x (1 - AUROC); the epoch is chosen by the squared error",
        score=f"{READOUTS}:score_sum",
        verbs=("encode", "reconstruct"),
        when=AT_THE_END,
        chosen_by="validation_mse",
    ),
}


def name_of(given: str | Mapping[str, float], where: str) -> str:
    """Name what a config gives as `objective`: a name, or a sum as term -> weight.

    Returns
    -------
    str
        A sum is called ``1 reconstruction + 0.5 readout:sex``, in whatever order it is given.

    Raises
    ------
    InputError
        If a term of a sum cannot be one.
    """
    able = [name for name, objective in OBJECTIVES.items() if objective.in_sums]
    if isinstance(given, str):
        if _AND in given:
            raise InputError(
                f"{where}: found {given!r}; write a sum as term: weight, such as "
                "{reconstruction: 1, readout:sex: 0.5}"
            )
        return given
    for term in given:
        if not objective_of(term, where).in_sums:
            raise InputError(
                f"{where}: found {term!r} in a sum, but there is no scale on which it goes from 0 "
                f"to 1; expected {' or '.join(able)}"
            )
    terms = sorted(given, key=lambda term: (term.startswith(_READ_OUT), term))
    return _AND.join(f"{given[term]:.12g} {term}" for term in terms)


def terms_of(name: str) -> dict[str, float]:
    """Return the terms of an objective and their weights, by its name."""
    if _AND not in name:
        return {name: 1.0}
    parts = [part.split(" ", 1) for part in name.split(_AND)]
    return {term: float(weight) for weight, term in parts}


def contrast_of(term: str) -> str | None:
    """Return the contrast that a term reads out; None if it is no read-out."""
    return term.removeprefix(_READ_OUT) if term.startswith(_READ_OUT) else None


def objective_of(name: str, where: str) -> Objective:
    """Return an objective by its name; InputError for another."""
    asked = tuple(each for each in map(contrast_of, terms_of(name)) if each is not None)
    if _AND in name:
        return dataclasses.replace(OBJECTIVES[SUM], contrasts=asked)
    if asked and name != READ_OUT:
        objective = OBJECTIVES[READ_OUT]
        label = objective.label.format(contrast=asked[0])
        return dataclasses.replace(objective, label=label, contrasts=asked)
    if name not in OBJECTIVES or name in (READ_OUT, SUM):
        raise InputError(f"{where}: found {name!r}; {suggest(name, OBJECTIVES)}")
    return OBJECTIVES[name]


def check_objective(name: str, model: Mapping[str, Any], module: Any, hp: Any, where: str) -> None:
    """Check that a model has what its objective needs.

    Parameters
    ----------
    name
        Of the objective.
    model
        The entry of the config: module, fixed, space.
    module, hp
        The model's file, and its fixed values.
    where
        Of the entry, for messages: ``models.vae``.

    Raises
    ------
    InputError
        Naming the key, what lacks and what would do.
    """
    objective = objective_of(name, f"{where}.objective")
    searched = sorted(set(objective.not_searched) & set(model["space"]))
    lacking = [f"cannot {verb}" for verb in objective.verbs if verb not in module.VERBS]
    trained = module.terms(hp) if hasattr(module, "terms") else ()
    if not searched:  # a searched term cannot be told from the fixed values
        lacking += [f"has no {NAMES_OF_TERMS[t]}" for t in objective.terms if t not in trained]
    if lacking:
        others = [other for other in OBJECTIVES if serves(OBJECTIVES[other], module, hp)]
        raise InputError(
            f"{where}.objective: found {name!r}, but {model['module']} {lacking[0]} with these "
            f"values; allowed: {', '.join(others) or 'none of those that there are'}"
        )
    if searched:
        raise InputError(
            f"{where}.space.{searched[0]}: varies what the score `{name}` means; "
            f"set {where}.objective to reconstruction"
        )
    lengths = model["space"].get("epochs", [])
    if objective.when == AT_THE_END and len(lengths) > 1:
        raise InputError(
            f"{where}.space.epochs: the score `{name}` is computed at the end of a training, so "
            "one training cannot answer for a shorter one; give `epochs` one value, under `fixed`"
        )
    if len(lengths) > 1 and min(lengths) < objective.when:
        raise InputError(
            f"{where}.space.epochs: found {min(lengths)}, but the score `{name}` is computed every "
            f"{objective.when} epochs; expected at least {objective.when}"
        )


#: Terms of losses in words.
NAMES_OF_TERMS = {"kl": "KL divergence"}


def serves(objective: Objective, module: Any, hp: Any) -> bool:
    """Tell whether a model has what an objective needs."""
    trained = module.terms(hp) if hasattr(module, "terms") else ()
    return set(objective.verbs) <= set(module.VERBS) and set(objective.terms) <= set(trained)


def check_dataset(name: str, dataset: Mapping[str, Any], blocks: Sequence[str], where: str) -> None:
    """Check that a dataset has what an objective needs: roles and blocks; raise InputError.

    Parameters
    ----------
    name
        Of the objective.
    dataset
        The completed entry of the config.
    blocks
        Those that the model sees.
    where
        Of the model's entry.
    """
    objective = objective_of(name, f"{where}.objective")
    for contrast in objective.contrasts:
        if contrast not in dataset["contrasts"]:
            raise InputError(
                f"{where}.objective: `{name}` reads out the contrast {contrast!r}, which the "
                f"dataset does not name; {suggest(contrast, dataset['contrasts'])} under "
                "`contrasts`"
            )
    for role in objective.roles:
        if not dataset["roles"].get(role):
            raise InputError(
                f"{where}.objective: `{name}` needs a column in the role `{role}`, but the dataset "
                f"has none; set roles.{role}, or choose another objective"
            )
    if len(blocks) < objective.blocks:
        raise InputError(
            f"{where}.objective: `{name}` needs {objective.blocks} blocks, but the model sees "
            f"{len(blocks)} ({', '.join(blocks)}); name more under {where}.blocks"
        )


def score(name: str, record: Mapping[str, float], n_columns: int) -> float:
    """Score an epoch by its record; lower is better."""
    objective = objective_of(name, "objective")
    value = objective.score(record, n_columns)
    return value if objective.is_better == "lower" else -value


def measure(
    name: str, model: Any, train: Any, validation: Any, seed: int, asked: Any = None
) -> float:
    """Score a model by what its records do not say; lower is better.

    Parameters
    ----------
    asked
        Of an objective that reads contrasts out: what its function is told of them.
    """
    objective = objective_of(name, "objective")
    more = (asked,) if objective.contrasts else ()
    value = by_name(objective.score)(model, train, validation, seed, *more)
    return float(value if objective.is_better == "lower" else -value)


def by_name(place: str) -> Callable[..., Any]:
    """Return a function by its place, ``module:function``."""
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)


def is_as_started(
    start: Mapping[str, Any] | None, history: Mapping[str, Sequence[Any]], epoch: int, name: str
) -> bool:
    """Tell whether an epoch is no better than the model was before it was trained.

    Parameters
    ----------
    start
        The record of the model at its start; None where there is none (closed forms).
    history
        As for `best_epoch`.
    epoch
        The one that counts, from 1 on.
    name
        Of the objective, which says by which column models are compared.
    """
    column = objective_of(name, "objective").chosen_by
    before = (start or {}).get(column)
    after = history[column][epoch - 1]
    return before is not None and after is not None and after >= before


def best_epoch(history: Mapping[str, Sequence[Any]], name: str) -> int | None:
    """Return the epoch that counts: the first of the lowest value among the eligible ones.

    Parameters
    ----------
    history
        Column -> one value per epoch, None where an objective was not computed. An epoch is
        eligible once the warm-up of every weight has ended.
    name
        Of the objective, which says by which column epochs are compared.

    Returns
    -------
    int or None
        Counted from 1; None if no epoch is eligible (then the last one counts).
    """
    values = history.get(objective_of(name, "objective").chosen_by, [])
    numbers = [
        number
        for number, (counts, value) in enumerate(
            zip(history.get("eligible", []), values, strict=False), 1
        )
        if counts and value is not None
    ]
    return min(numbers, key=lambda number: values[number - 1], default=None)
