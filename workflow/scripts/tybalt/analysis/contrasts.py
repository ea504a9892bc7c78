"""Contrasts that every latent feature is asked, planned from what is known of the samples."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tybalt.data.tables.events import read_events
from tybalt.jobs.files import read_table
from tybalt.plan.errors import InputError, suggest

#: Two ways to measure an answer.
AUROC, SPEARMAN = "auroc", "spearman"

NORMAL = "Solid Tissue Normal"
#: A cancer type with fewer normal samples is not asked on its own.
LEAST_NORMALS = 10
METASTATIC = ("Metastatic", "Additional Metastatic")
PRIMARY = "Primary Tumor"

#: Columns of the samples that have contrasts of their own, or that are names and no properties.
_OWN = {"patient", "sample", "split", "disease", "cancer_type", "organ", "sample_type"}
_OWN |= {"sex", "age", "stage"}

#: What a stage is called (https://www.cancer.gov/about-cancer/diagnosis-staging/staging); letters
#: behind it are its subdivisions. `Stage X`, `I/II NOS` and the like are not known stages.
_STAGE = re.compile(r"(?:stage\s+)?(0|iv|i{1,3}|[1-4])(?:[abcs]\d?)?", re.IGNORECASE)
_STAGE_NUMBERS = {"0": 0, "i": 1, "ii": 2, "iii": 3, "iv": 4, "1": 1, "2": 2, "3": 3, "4": 4}


@dataclasses.dataclass(frozen=True)
class Contrast:
    """One contrast, with its answer for each sample.

    Attributes
    ----------
    name
        ``sex``, ``cancer_type:SKCM``; the part before the colon is its group.
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
    obs: pd.DataFrame,
    declared: Mapping[str, Mapping[str, Any]],
    drivers: pd.DataFrame | None = None,
    burden: pd.Series | None = None,
) -> list[Contrast]:
    """List the contrasts that can be asked of these samples, those of the config first.

    Sex, age, stage, mutation burden, driver genes and other columns with two values or numbers
    belong to a patient's tumour: they are asked of tumours, within cancer types, which differ in
    all of them. Normal against tumour and metastasis against primary are asked within cancer types
    too. An organ with the samples of one cancer type is not asked for a second time.

    Parameters
    ----------
    obs
        Clinical columns of all samples; `cancer_type`, `sample_type`, `organ`, `sex`, `age`,
        `stage` are used by name where they are there.
    declared
        Name -> {covariate, positive, within?}. A name that is also an automatic contrast takes
        its place.
    drivers
        Samples x driver genes, 1 = hit; any samples.
    burden
        log10 mutations by sample; any samples.
    """
    contrasts = [ask_contrast(obs, name, contrast) for name, contrast in declared.items()]
    types, within = texts(obs, "cancer_type"), ""
    everywhere = np.where(np.full(len(obs), True), "all", "").astype(object)
    stratum = everywhere
    if "cancer_type" in obs:
        stratum, within = types, ", within cancer types"
        contrasts += one_against_rest("cancer_type", types, everywhere)
    contrasts += [
        contrast
        for contrast in one_against_rest("organ", texts(obs, "organ"), everywhere)
        if not any(same_answers(contrast, other) for other in contrasts if not other.named)
    ]
    contrasts += of_sample_types(texts(obs, "sample_type"), stratum, within)
    tumours = np.where(texts(obs, "sample_type") == NORMAL, "", stratum)
    of_patients = {name: obs[name] for name in obs if name not in _OWN}
    if "age" in obs:
        of_patients = {"age": obs["age"], **of_patients}
    if "sex" in obs:
        of_patients = {"sex": obs["sex"], **of_patients}
    if "stage" in obs:
        of_patients["stage"] = stage_numbers(obs["stage"])
    if burden is not None:
        of_patients["mutation_burden"] = burden.reindex(obs.index)
    if drivers is not None:
        known = drivers.reindex(obs.index)
        of_patients |= {f"driver:{gene}": known[gene] for gene in known}
    for name, values in of_patients.items():
        contrasts += ask_column(name, values, tumours, within)
    named = set(declared)
    return [contrast for contrast in contrasts if contrast.named or contrast.name not in named]


def texts(obs: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as text, "" where it is missing or not there at all."""
    if column not in obs:
        return np.full(len(obs), "", dtype=object)
    values = obs[column].astype(object)
    return values.where(values.notna(), "").astype(str).to_numpy(dtype=object)


def ask_contrast(obs: pd.DataFrame, name: str, contrast: Mapping[str, Any]) -> Contrast:
    """Make the contrast of one entry of `contrasts`.

    Raises
    ------
    InputError
        If no sample has a positive value: as a rule it is misspelt.
    """
    values, positive = (
        texts(obs, contrast["covariate"]),
        [str(value) for value in contrast["positive"]],
    )
    known = values != ""
    yes = np.isin(values, positive)
    if not yes.any():
        raise InputError(
            f"contrasts: no sample has {contrast['covariate']} {contrast['positive']}; "
            f"{suggest(positive[0], sorted(set(values[known]))[:40])}"
        )
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
    return f", within {covariate.replace('_', ' ')}s" if covariate else ""


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


def of_sample_types(kinds: np.ndarray, types: np.ndarray, within: str) -> list[Contrast]:
    """Ask normal against tumour, over all cancer types and in each, and metastasis against primary.

    Parameters
    ----------
    kinds
        Sample type of each sample.
    types
        What they are compared within: the cancer type, or "all".
    within
        The same in words.
    """
    contrasts = []
    normal = np.where(kinds == "", np.nan, (kinds == NORMAL).astype(float))
    found, counts = np.unique(types[kinds == NORMAL].astype(str), return_counts=True)
    where = found[(counts >= LEAST_NORMALS) & (found != "")].tolist()
    if len(found):
        text = f"normal tissue against tumour{within}"
        contrasts.append(Contrast("normal", text, AUROC, normal, types))
    if within:
        contrasts += [
            Contrast(
                name=f"normal:{name}",
                description=f"normal tissue against tumour in {name}",
                measure=AUROC,
                values=normal,
                stratum=np.where(types == name, types, ""),
            )
            for name in where
        ]
    if np.isin(kinds, METASTATIC).any():
        spread = np.select([np.isin(kinds, METASTATIC), kinds == PRIMARY], [1.0, 0.0], np.nan)
        text = f"metastasis against primary tumour{within}"
        contrasts.append(Contrast("metastatic", text, AUROC, spread, types))
    return contrasts


def stage_numbers(stages: pd.Series) -> pd.Series:
    """Turn stages into 0 .. 4, subdivisions left out; NaN for what is no stage."""
    found = stages.astype(object).map(lambda text: _STAGE.fullmatch(str(text).strip()))
    return found.map(lambda match: _STAGE_NUMBERS[match[1].lower()] if match else np.nan).astype(
        float
    )


def ask_column(name: str, values: pd.Series, stratum: np.ndarray, within: str) -> list[Contrast]:
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
        description = description if name == "sex" else f"{words}: {description}"
    answers = np.where(known, yes.astype(float), np.nan)
    return [Contrast(name, description + within, AUROC, answers, stratum)]


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
