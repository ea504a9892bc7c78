"""What a whole code says of a contrast, beside what its best single feature says.

A *read-out* is a linear classifier (of numbers: a regression) on all features of a code. It tells
a contrast that is spread over features (no feature has it, the read-out has) from one that the
model has lost (neither has it).
"""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tybalt.analysis.contrasts import (
    AUROC,
    Contrast,
    ask_contrast,
    read_contrasts,
)
from tybalt.analysis.stratified_tests import (
    answering_strata,
    effect_intervals,
    measure_effects,
    untestable,
)
from tybalt.data.matrix import read_column, read_ids
from tybalt.data.samples import read_codes, read_samples
from tybalt.jobs.files import write_table
from tybalt.plan.errors import InputError
from tybalt.plan.names import in_words, plural
from tybalt.plan.objectives import contrast_of, terms_of
from tybalt.training.metrics import mean_squared_error
from tybalt.training.rows import observed_mean

log = logging.getLogger(__name__)

#: Weights of the squared norm (L2) that are tried, the strongest first: of equal ones it is taken.
PENALTIES = (1e4, 1e3, 1e2, 1e1, 1e0, 1e-1, 1e-2)

#: Parts of the training groups, each predicted in turn by a read-out of the others.
FOLDS = 5

#: Stands for a 1 in the columns of strata of the logistic regression, so that their coefficients
#: cost next to nothing of the penalty.
_FREE = 100.0

READOUT_COLUMNS = ["contrast", "named", "measure", "penalty", "effect_train"]
READOUT_COLUMNS += ["effect_test", "effect_test_low", "effect_test_high", "evaluated_on"]
READOUT_COLUMNS += ["n_train", "n_test", "n_positive_train", "n_positive_test", "strata", "reason"]


@dataclasses.dataclass(frozen=True)
class Readout:
    """What a code says of a contrast.

    Attributes
    ----------
    penalty
        Weight of the squared norm that was chosen on training samples.
    train
        The cross-validated effect on training samples: of folds whose groups the read-out had not
        seen, mean over folds. AUROC or Spearman's rho within strata.
    held_out, low, high
        The effect on held-out samples of a read-out of all training samples, with its 95 %
        bootstrap interval over groups.
    n_train, n_held_out, n_positive_train, n_positive_held_out, strata
        Samples and strata that answered.
    reason
        Why it cannot be tested; "" if it can. Then the numbers before `n_train` are NaN.
    """

    penalty: float
    train: float
    held_out: float
    low: float
    high: float
    n_train: int
    n_held_out: int
    n_positive_train: int
    n_positive_held_out: int
    strata: int
    reason: str


def measure_readouts(
    samples: str,
    encoding: str,
    columns: Sequence[str],
    status: Sequence[str],
    mutation_burden: Sequence[str],
    driver_genes: str,
    declared: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    seed: int,
    readouts: str,
) -> None:
    """Read every contrast out of the whole code: fitted on training samples, evaluated on others.

    Parameters
    ----------
    samples, encoding, columns, status, mutation_burden, driver_genes, declared, roles, seed
        As in `tybalt.analysis.associations.associate_features`, whose contrasts these are.
    readouts
        Output table, one row per contrast (READOUT_COLUMNS, see `Readout`). Effects are AUROC or
        Spearman's rho within strata, of scores that shall be higher in positive samples: below 0.5
        (below 0) the read-out is worse than chance. Missing where a contrast is not testable, with
        the reason.
    """
    started = time.monotonic()
    known = read_samples(samples, roles)
    known, codes = read_codes(encoding, known)
    asked = read_contrasts(known, declared, columns, status, driver_genes, mutation_burden)
    values, part = codes.to_numpy(dtype=float), known.held_out
    rows = []
    for contrast in asked:
        found = read_out(
            values,
            contrast,
            known.is_train,
            known.split == part,
            known.group,
            seed,
            part,
            plural(in_words(roles["group"])),
        )
        rows.append(as_row(contrast, found, part))
    table = pd.DataFrame(rows, columns=READOUT_COLUMNS)
    counts = ["n_positive_train", "n_positive_test"]
    write_table(table.astype(dict.fromkeys(counts, "Int64")), readouts)
    log.info("%d contrasts, %.1f s", len(asked), time.monotonic() - started)


def as_row(contrast: Contrast, found: Readout, part: str) -> dict[str, Any]:
    """Write a read-out as a row of `readouts.tsv`."""
    sided = contrast.measure == AUROC
    return {
        "contrast": contrast.name,
        "named": "yes" if contrast.named else "no",
        "measure": contrast.measure,
        "penalty": found.penalty,
        "effect_train": found.train,
        "effect_test": found.held_out,
        "effect_test_low": found.low,
        "effect_test_high": found.high,
        "evaluated_on": part,
        "n_train": found.n_train,
        "n_test": found.n_held_out,
        "n_positive_train": found.n_positive_train if sided else None,
        "n_positive_test": found.n_positive_held_out if sided else None,
        "strata": found.strata,
        "reason": found.reason,
    }


def read_out(
    codes: np.ndarray,
    contrast: Contrast,
    train: np.ndarray,
    held_out: np.ndarray,
    groups: np.ndarray,
    seed: int,
    part: str,
    noun: str,
) -> Readout:
    """Read one contrast out of a code.

    The weights are fitted on training samples alone, within strata (`fit_weights`). The penalty is
    the one with the best mean effect on the left-out folds of the training groups, of equal ones
    the strongest. Held-out samples are measured once, as single features are: the effect within
    strata, combined (`measure_effects`).

    Parameters
    ----------
    codes
        All samples x features.
    contrast
        Its answers are of the same samples.
    train, held_out
        Per sample whether it is a training sample, or evaluates.
    groups
        Of each sample.
    seed
        Of the bootstrap.
    part, noun
        What held-out samples and groups are called.
    """
    strata = answering_strata(contrast, train, groups)
    chosen = answers(contrast, train, strata)
    # Counts need no code.
    counted = [
        measure_effects(np.zeros((len(train), 1)), [contrast], rows, [strata])
        for rows in (train, held_out)
    ]
    sizes = [int(getattr(each, name)[0]) for name in ("n", "n_positive") for each in counted]
    reason = untestable(contrast, {"training": train, part: held_out}, strata, groups, noun)
    if reason:
        return Readout(*[np.nan] * 5, *sizes, int(counted[0].strata[0]), reason)
    values, place = contrast.values[chosen], pd.factorize(contrast.stratum[chosen])[0]
    folds = deal_folds(groups[chosen], place, values if contrast.measure == AUROC else None)
    effects = cross_validate(codes, contrast, chosen, folds, strata)
    best = int(np.nanargmax(effects))
    weights = fit_weights(codes[chosen], values, place, contrast.measure, [PENALTIES[best]])
    score = codes @ weights
    effect = measure_effects(score, [contrast], held_out, [strata]).effect[0, 0]
    low, high = effect_intervals(score, contrast, held_out, strata, groups, seed)
    return Readout(
        PENALTIES[best],
        float(effects[best]),
        float(effect),
        float(low[0]),
        float(high[0]),
        *sizes,
        int(counted[0].strata[0]),
        "",
    )


def answers(contrast: Contrast, rows: np.ndarray, strata: Sequence[str]) -> np.ndarray:
    """Tell which of these samples answer a contrast in one of these strata."""
    within = np.isin(contrast.stratum.astype(str), list(strata))
    return rows & within & np.isfinite(contrast.values)


def deal_folds(groups: np.ndarray, place: np.ndarray, sides: np.ndarray | None) -> np.ndarray:
    """Deal groups to folds; those of one stratum and side, in the order of their names, in turn.

    Parameters
    ----------
    groups, place
        Group and stratum of each sample. A group counts where its first sample is.
    sides
        1 or 0 of each sample; None for numbers. A group that has the rarer side counts on that
        side, so that each fold has some of it.

    Returns
    -------
    numpy.ndarray
        Fold of each sample, 0 to FOLDS - 1; samples of one group have the same.
    """
    sides = np.zeros(len(groups)) if sides is None else sides
    table = pd.DataFrame({"group": groups.astype(str), "place": place, "side": sides})
    table["side"] = table["side"] == float(sides.mean() < 0.5)  # whether it is the rarer one
    table["side"] = table.groupby("group")["side"].transform("max")
    first = table.drop_duplicates("group").sort_values(["place", "side", "group"])
    fold = pd.Series(np.arange(len(first)) % FOLDS, index=first["group"].to_numpy())
    return fold[table["group"]].to_numpy()


def cross_validate(
    codes: np.ndarray,
    contrast: Contrast,
    chosen: np.ndarray,
    folds: np.ndarray,
    strata: Sequence[str],
) -> np.ndarray:
    """Return the mean effect of each penalty on folds that the read-out has not seen."""
    rows = np.flatnonzero(chosen)
    effects = []
    for fold in range(FOLDS):
        fitted, left_out = rows[folds != fold], np.zeros(len(codes), dtype=bool)
        left_out[rows[folds == fold]] = True
        place = pd.factorize(contrast.stratum[fitted])[0]
        weights = fit_weights(
            codes[fitted], contrast.values[fitted], place, contrast.measure, PENALTIES
        )
        effects.append(measure_effects(codes @ weights, [contrast], left_out, [strata]).effect[0])
    return np.nanmean(effects, axis=0)


def fit_weights(
    codes: np.ndarray,
    values: np.ndarray,
    place: np.ndarray,
    measure: str,
    penalties: Sequence[float],
) -> np.ndarray:
    """Fit the weights of a read-out within strata, for each penalty.

    Features are centred within strata and divided by their standard deviation there, so that the
    penalty weighs them alike; each stratum has an intercept without a penalty.

    *Yes or no*: logistic regression with L2 (Le Cessie and van Houwelingen 1992, Appl. Stat.
    41:191-201) and an intercept for each stratum (Breslow and Day 1980, Statistical methods in
    cancer research 1, chapter 6). *Numbers*: ridge regression (Hoerl and Kennard 1970,
    Technometrics 12:55-67) of their ranks within strata, as Spearman's rho measures ranks (Iman and
    Conover 1979, Technometrics 21:499-509); centring both sides within strata equals an intercept
    for each (Lovell 1963, J. Am. Stat. Assoc. 58:993-1010).

    Parameters
    ----------
    codes
        Samples x features.
    values, place
        Answer, and number of the stratum (0, 1, ...), of each sample.
    measure
        ``auroc`` or ``spearman``.
    penalties
        Half of each, times the squared norm of the weights, is added to the sum over samples of
        the loss (log-likelihood, or half the squared error of ranks in standard deviations).

    Returns
    -------
    numpy.ndarray
        Features x penalties: weights of the codes as they are. Intercepts are left out, as scores
        are compared within strata only.
    """
    of_stratum = np.eye(place.max() + 1)[place]
    counts = of_stratum.sum(axis=0)[:, None]

    def centred(array: np.ndarray) -> np.ndarray:
        return array - (of_stratum.T @ array / counts)[place]

    X = centred(codes)
    spread = X.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)[:, None]
    X = X / scale.T
    if measure == AUROC:
        return _logistic(X, values, of_stratum, penalties) / scale
    ranks = np.empty((len(values), 1))
    for number in range(of_stratum.shape[1]):
        inside = place == number
        ranks[inside, 0] = rankdata(values[inside]) / inside.sum()
    ranks = centred(ranks)
    ranks /= ranks.std() or 1.0  # in a fold, all may be alike
    gram, product = X.T @ X, X.T @ ranks
    fitted = [np.linalg.solve(gram + penalty * np.eye(len(gram)), product) for penalty in penalties]
    return np.hstack(fitted) / scale


def _logistic(
    X: np.ndarray, values: np.ndarray, of_stratum: np.ndarray, penalties: Sequence[float]
) -> np.ndarray:
    """Fit logistic regressions, each from where the one before ended."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(
        solver="newton-cholesky", fit_intercept=False, warm_start=True, max_iter=200
    )
    columns = np.hstack([X, _FREE * of_stratum])
    fitted = []
    for penalty in penalties:
        classifier.set_params(C=1 / penalty).fit(columns, values)
        fitted.append(classifier.coef_[0, : X.shape[1]].copy())
    return np.stack(fitted, axis=1)


# In a training, where validation samples are read out: for the record of a trial, and as its score


@dataclasses.dataclass(frozen=True)
class Asked:
    """Contrasts asked of the rows of a training.

    Attributes
    ----------
    contrasts
        Their answers are of the training rows, then of the validation rows.
    groups
        Of these rows.
    noun
        What groups are called: donors.
    objective
        That asks for them; "" where they are recorded only.
    """

    contrasts: list[Contrast]
    groups: np.ndarray
    noun: str
    objective: str = ""


def ask(
    matrix: str,
    declared: Mapping[str, Mapping[str, Any]],
    group: str,
    train: Sequence[str],
    validation: Sequence[str],
    objective: str = "",
) -> Asked:
    """Ask contrasts of the rows of a training, by the columns that the matrix has of them.

    Parameters
    ----------
    matrix
        ``matrix.h5ad``.
    declared
        Name -> {covariate, positive, within?}.
    group
        The column in this role.
    train, validation
        Ids of the rows.
    objective
        That asks for them.

    Raises
    ------
    InputError
        If no sample has a positive value.
    """
    ids = pd.Index(read_ids(matrix))
    rows = ids.get_indexer([*train, *validation])
    used = {
        each[key] for each in declared.values() for key in ("covariate", "within") if key in each
    }
    table = pd.DataFrame({name: read_column(matrix, name) for name in sorted({*used, group})}, ids)
    contrasts = [ask_contrast(table, name, each) for name, each in declared.items()]
    return Asked(
        [
            dataclasses.replace(each, values=each.values[rows], stratum=each.stratum[rows])
            for each in contrasts
        ],
        table[group].to_numpy(dtype=object)[rows].astype(str),
        plural(in_words(group)),
        objective,
    )


def read_out_validation(
    model: Any, train: Any, validation: Any, seed: int, asked: Asked
) -> list[Readout]:
    """Read contrasts out of the codes of validation rows, with read-outs of the training rows.

    Parameters
    ----------
    model
        `tybalt.training.model.Model`, with the weights of the epoch that counts.
    train, validation
        `tybalt.training.rows.Rows` that the model takes.
    seed
        Of the bootstrap.
    """
    # Together: a network is compiled for each shape of its input.
    codes = model.encode(np.vstack([train.X, validation.X])).astype(float)
    is_train = np.arange(len(codes)) < len(train)
    return [
        read_out(codes, each, is_train, ~is_train, asked.groups, seed, "validation", asked.noun)
        for each in asked.contrasts
    ]


def record_readouts(
    matrix: str,
    declared: Mapping[str, Mapping[str, Any]],
    group: str,
    model: Any,
    train: Any,
    validation: Any,
    seed: int,
) -> list[dict[str, Any]]:
    """Read the named contrasts out of validation rows, for the record of a trial.

    Parameters
    ----------
    matrix, declared, group
        As in `ask`.
    model, train, validation, seed
        As in `read_out_validation`; the rows have names.

    Returns
    -------
    list of dict
        For each contrast its name and definition (`covariate`, `positive`, `within`), by which a
        reader knows whether the record answers what is asked today; `effect` (AUROC within strata)
        with `low` and `high`; samples `n` and `n_positive`; and the `reason` where it is not
        testable, "" elsewhere.
    """
    if not declared:
        return []
    started = time.monotonic()
    asked = ask(matrix, declared, group, train.names, validation.names)
    found = read_out_validation(model, train, validation, seed, asked)
    log.info("%d read-outs, %.0f ms", len(found), 1000 * (time.monotonic() - started))
    return [
        {
            "contrast": contrast.name,
            **definition_of(declared[contrast.name]),
            "effect": _or_none(each.held_out),
            "low": _or_none(each.low),
            "high": _or_none(each.high),
            "n": each.n_held_out,
            "n_positive": each.n_positive_held_out,
            "reason": each.reason,
        }
        for contrast, each in zip(asked.contrasts, found, strict=True)
    ]


def definition_of(contrast: Mapping[str, Any]) -> dict[str, Any]:
    """Write an entry of `contrasts` in full."""
    return {
        "covariate": contrast["covariate"],
        "positive": [str(value) for value in contrast["positive"]],
        "within": contrast.get("within"),
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def check_testable(asked: Asked, train: Any) -> None:
    """Refuse an objective that validation rows cannot answer, before anything is trained.

    Raises
    ------
    InputError
        Naming the contrast, and what it lacks.
    """
    is_train = np.arange(len(asked.groups)) < len(train)
    for contrast in asked.contrasts:
        strata = answering_strata(contrast, is_train, asked.groups)
        parts = {"training": is_train, "validation": ~is_train}
        if reason := untestable(contrast, parts, strata, asked.groups, asked.noun):
            cure = "bring more samples" if "training" in reason else "enlarge split.validation"
            raise InputError(
                f"objective `{asked.objective}`: {contrast.name} cannot be read out: {reason}; "
                f"{cure}, or choose another objective"
            )


def score(model: Any, train: Any, validation: Any, seed: int, asked: Asked) -> float:
    """Return the AUROC of one contrast, read out of validation rows: the objective of its name."""
    (found,) = read_out_validation(model, train, validation, seed, asked)
    return found.held_out


def score_sum(model: Any, train: Any, validation: Any, seed: int, asked: Asked) -> float:
    """Return a weighted sum of terms that go from 0 (perfect) to 1 (the mean training sample).

    A read-out counts 2 (1 - AUROC), the reconstruction its squared error divided by that of the
    mean training sample, both over what was measured of the validation rows.
    """
    found = read_out_validation(model, train, validation, seed, asked)
    areas = {each.name: one.held_out for each, one in zip(asked.contrasts, found, strict=True)}
    total = 0.0
    for term, weight in terms_of(asked.objective).items():
        contrast = contrast_of(term)
        if contrast is not None:
            total += weight * 2 * (1 - areas[contrast])
            continue
        X, seen = validation.X, validation.observed
        own, of_mean = (
            np.nanmean(mean_squared_error(X, other, 1, seen))
            for other in (model.reconstruct(X), observed_mean(train))
        )
        total += weight * own / of_mean
    return float(total)
