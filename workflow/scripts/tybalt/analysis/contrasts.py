"""Contrasts that every latent feature is tested for, planned from what is known of the samples."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.known_columns import ordered_as_numbers, read_known_columns
from tybalt.data.samples import Samples, find_positive, texts
from tybalt.data.tables.events import read_events
from tybalt.jobs.files import read_table
from tybalt.plan.names import in_words, plural

#: Two ways to measure an answer.
AUROC, SPEARMAN = "auroc", "spearman"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One contrast, with its answer for each sample.

    Attributes
    ----------
    name
        ``sex``, ``tissue:liver``; the part before the colon is its group.
    description
        The contrast in words.
    measure
        ``auroc`` for yes or no, ``spearman`` for numbers and ordered classes.
    values
        Per sample 1 or 0, or a number; NaN where the answer is not known or not asked for.
    stratum
        Per sample what it is compared within (text); "" for a sample outside of all strata.
    named
        Whether the config names it (`contrasts`).
    """

    name: str
    description: str
    measure: str
    values: np.ndarray
    stratum: np.ndarray
    named: bool = False

    @property
    def group(self) -> str:
        """Contrasts of one kind: the name up to the colon."""
        return "named" if self.named else self.name.partition(":")[0]


def plan_contrasts(
    samples: Samples,
    declared: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Any],
    drivers: pd.DataFrame | None = None,
    burden: pd.Series | None = None,
) -> list[Contrast]:
    """List the contrasts that can be asked of these samples, those of the config first.

    Then come every label against all others; columns of which every value is asked (not if they
    divide the samples as labels do); comparisons that the kind of dataset brings, within labels;
    and all other columns with two values or with numbers, mutation burden and driver genes, within
    labels, which differ in most of them.

    Parameters
    ----------
    declared
        Name -> {covariate, positive, within?}. A name that is also an automatic contrast takes
        its place.
    known
        What is known of the columns of this kind of dataset: resources/tcga_columns.yaml, or
        nothing.
    drivers
        Samples x driver genes, 1 = hit; any samples.
    burden
        log10 mutations by sample; any samples.
    """
    obs, label = samples.table, samples.roles.get("label")
    everywhere = np.full(len(obs), "all", dtype=object)
    stratum, within = everywhere, ""
    contrasts = [ask_contrast(obs, name, each) for name, each in declared.items()]
    if label is not None:
        stratum, within = texts(obs, label), f", within {plural(samples.label_in_words)}"
        contrasts += one_against_rest(label, stratum, everywhere)
    divided = [name for name in known.get("one_against_rest", []) if name in obs and name != label]
    for name in divided:
        contrasts += [
            contrast
            for contrast in one_against_rest(name, texts(obs, name), everywhere)
            if not any(same_answers(contrast, other) for other in contrasts if not other.named)
        ]
    compared = [each for each in known.get("contrasts", []) if each["column"] in obs]
    for each in compared:
        contrasts += compare_values(texts(obs, each["column"]), each, stratum, within)
    asked_within = leave_out(obs, known.get("not_asked_of"), stratum)
    roles = samples.roles
    done = {"split", "blocks", roles["group"], label, roles.get("weight")}
    done |= {*known.get("not_asked", [])}
    done |= {*divided, *(each["column"] for each in compared)}
    columns = in_order([name for name in obs if name not in done], known)
    values = {
        name: ordered_as_numbers(obs[name], known.get("ordered", {}).get(name)) for name in columns
    }
    if burden is not None:
        values["mutation_burden"] = burden.reindex(obs.index)
    if drivers is not None:
        hits = drivers.reindex(obs.index)
        values |= {f"driver:{gene}": hits[gene] for gene in hits}
    plain = known.get("self_explaining", [])
    for name, column in values.items():
        contrasts += ask_column(name, column, asked_within, within, name in plain)
    named = set(declared)
    return [contrast for contrast in contrasts if contrast.named or contrast.name not in named]


def in_order(columns: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """Put the columns that are asked first, and those that are asked last, into their places."""
    first, last = (
        [name for name in known.get(key, []) if name in columns] for key in ("first", "last")
    )
    return [*first, *(name for name in columns if name not in (*first, *last)), *last]


def leave_out(obs: pd.DataFrame, out: Mapping[str, Any] | None, stratum: np.ndarray) -> np.ndarray:
    """Put the samples with some values of a column outside of all strata."""
    if out is None or out["column"] not in obs:
        return stratum
    return np.where(np.isin(texts(obs, out["column"]), out["values"]), "", stratum)


def ask_contrast(obs: pd.DataFrame, name: str, contrast: Mapping[str, Any]) -> Contrast:
    """Make the contrast of one entry of `contrasts`.

    Raises
    ------
    InputError
        If no sample has a positive value: as a rule it is misspelt.
    """
    values, positive = find_positive(obs, name, contrast)
    known = values != ""
    yes = np.isin(values, positive)
    others = sorted(set(values[known]) - set(positive))
    against = " or ".join(others) if len(others) <= 2 else "all others"
    within = contrast.get("within")
    return Contrast(
        name=name,
        description=f"{' or '.join(positive)} against {against}" + _within(within),
        measure=AUROC,
        values=np.where(known, yes.astype(float), np.nan),
        stratum=texts(obs, within) if within else np.full(len(obs), "all", dtype=object),
        named=True,
    )


def _within(covariate: str | None) -> str:
    return f", within {plural(in_words(covariate))}" if covariate else ""


def one_against_rest(column: str, values: np.ndarray, stratum: np.ndarray) -> list[Contrast]:
    """Ask for each value of a column against all others; nothing if there is one value only."""
    names = sorted(set(values) - {""})
    if len(names) < 2:
        return []
    known = values != ""
    return [
        Contrast(
            name=f"{column}:{name}",
            description=f"{name} against all others",
            measure=AUROC,
            values=np.where(known, (values == name).astype(float), np.nan),
            stratum=stratum,
        )
        for name in names
    ]


def same_answers(a: Contrast, b: Contrast) -> bool:
    """Tell whether two contrasts divide the same samples in the same way."""
    return np.array_equal(a.values, b.values, equal_nan=True) and np.array_equal(
        a.stratum, b.stratum
    )


def compare_values(
    values: np.ndarray, definition: Mapping[str, Any], stratum: np.ndarray, within: str
) -> list[Contrast]:
    """Ask for some values of a column against others, over all strata and, if wanted, in each.

    Parameters
    ----------
    values
        The column as text, "" where it is missing.
    definition
        ``name``; ``text``; ``positive`` values; ``negative`` ones (all others if not given);
        ``in_each_with``: positive samples that a stratum needs to be asked on its own.
    stratum, within
        What is compared within, and the same in words.
    """
    name, text = definition["name"], definition["text"]
    positive = np.isin(values, definition["positive"])
    if not positive.any():
        return []
    negative = np.isin(values, definition["negative"]) if "negative" in definition else values != ""
    answers = np.select([positive, negative], [1.0, 0.0], np.nan)
    contrasts = [Contrast(name, text + within, AUROC, answers, stratum)]
    if not within or "in_each_with" not in definition:
        return contrasts
    found, counts = np.unique(stratum[positive].astype(str), return_counts=True)
    where = found[(counts >= definition["in_each_with"]) & (found != "")].tolist()
    return contrasts + [
        Contrast(
            name=f"{name}:{each}",
            description=f"{text} in {each}",
            measure=AUROC,
            values=answers,
            stratum=np.where(stratum == each, stratum, ""),
        )
        for each in where
    ]


def ask_column(
    name: str, values: pd.Series, stratum: np.ndarray, within: str, is_plain: bool = False
) -> list[Contrast]:
    """Ask for a column with two values (the second in the alphabet against the first) or numbers.

    Returns
    -------
    list of Contrast
        One, or none for other columns: text with more values, or the same value everywhere.
    """
    words = name.partition(":")[2] or name.replace("_", " ")
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.to_numpy(dtype=float)
        found = np.unique(numbers[np.isfinite(numbers)])
        if len(found) < 2:
            return []
        if len(found) > 2:
            return [Contrast(name, words + within, SPEARMAN, numbers, stratum)]
        known, yes = np.isfinite(numbers), numbers == found[1]
        description = f"{words} hit" if name.startswith("driver:") else f"{words} {found[1]:g}"
        description += " against not" if name.startswith("driver:") else f" against {found[0]:g}"
    else:
        labels = texts(values.to_frame(name), name)
        known = labels != ""
        found = sorted(set(labels[known]))
        if len(found) != 2:
            return []
        yes = labels == found[1]
        description = f"{found[1]} against {found[0]}"
        description = description if is_plain else f"{words}: {description}"
    answers = np.where(known, yes.astype(float), np.nan)
    return [Contrast(name, description + within, AUROC, answers, stratum)]


def read_contrasts(
    samples: Samples,
    declared: Mapping[str, Mapping[str, Any]],
    columns: Sequence[str],
    status: Sequence[str],
    driver_genes: str,
    mutation_burden: Sequence[str],
) -> list[Contrast]:
    """List the contrasts of a dataset from its files; see `plan_contrasts`.

    Parameters
    ----------
    columns
        What is known of the columns of this kind of dataset; an empty list if nothing is.
    status, driver_genes, mutation_burden
        As in `read_drivers` and `read_burden`.
    """
    drivers, burden = read_drivers(status, driver_genes), read_burden(mutation_burden)
    return plan_contrasts(samples, declared, read_known_columns(columns), drivers, burden)


def read_drivers(status: Sequence[str], driver_genes: str) -> pd.DataFrame | None:
    """Read which driver genes are hit in which sample; None without a table of the status.

    Parameters
    ----------
    status
        Path of status.h5ad, or an empty list where the dataset has no such table.
    driver_genes
        Table with a column `gene`.
    """
    if not status:
        return None
    events = read_events(str(status))
    drivers = sorted(set(read_table(driver_genes)["gene"]) & set(events.genes))
    columns = [events.genes.index(gene) for gene in drivers]
    hits = events.X[:, columns].toarray().astype(float)
    return pd.DataFrame(hits, index=events.samples, columns=drivers)


def read_burden(mutation_burden: Sequence[str]) -> pd.Series | None:
    """Read log10 of the number of mutations by sample; None without such a table."""
    if not mutation_burden:
        return None
    return read_table(str(mutation_burden), index="sample")["log10_mutations"]
