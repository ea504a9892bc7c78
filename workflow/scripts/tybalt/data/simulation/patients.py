"""Who is in a simulated cohort: patients, samples, barcodes and the clinical table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tybalt.data.simulation.programmes import NORMAL_CODE
from tybalt.plan.errors import InputError, suggest

#: Column of resources/cohorts.tsv -> characters 14-15 of the barcode and their meaning
#: (https://gdc.cancer.gov/resources-tcga-users/tcga-code-tables/sample-type-codes).
SAMPLE_TYPES = {
    "n_primary": ("01", "Primary Tumor"),
    "n_recurrent": ("02", "Recurrent Tumor"),
    "n_blood": ("03", "Primary Blood Derived Cancer - Peripheral Blood"),
    "n_new_primary": ("05", "Additional - New Primary"),
    "n_metastatic": ("06", "Metastatic"),
    "n_normal": (NORMAL_CODE, "Solid Tissue Normal"),
}
FIRST_SAMPLES = ("n_primary", "n_blood")
SAMPLES_PER_PLATE = 40
#: Samples a cancer type has at least, where the cohort is large enough for it.
SMALLEST_TYPE = 8
MANY_NORMALS = 10  # a type with so many normals has at least two in a small cohort
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_PATIENTS = len(_BASE36) ** 3
NULL_COLUMNS = 10

_STAGES = {
    "Stage I": 0.3,
    "Stage II": 0.24,
    "Stage IIA": 0.08,
    "Stage IIB": 0.07,
    "Stage III": 0.13,
    "Stage IIIA": 0.08,
    "Stage IV": 0.1,
}
_RACES = {
    "white": 0.735,
    "not reported": 0.12,
    "black or african american": 0.083,
    "asian": 0.06,
    "american indian or alaska native": 0.002,
}
_ETHNICITIES = {
    "not hispanic or latino": 0.73,
    "not reported": 0.235,
    "hispanic or latino": 0.035,
}
_DRUGS = {
    "": 0.67,
    "Cisplatin": 0.09,
    "Carboplatin": 0.08,
    "Paclitaxel": 0.07,
    "Temozolomide": 0.05,
    "Gemcitabine": 0.04,
}
_NUCLEI = {"": 0.05, "60.0": 0.1, "70.0": 0.17, "80.0": 0.34, "85.0": 0.14, "90.0": 0.2}


def choose_cohorts(cohorts: pd.DataFrame, cancer_types: str | Sequence[str]) -> pd.DataFrame:
    """Return the rows of the wanted cancer types.

    Raises
    ------
    InputError
        For an acronym that the table does not have, or one given twice.
    """
    if cancer_types == "all":
        return cohorts
    if isinstance(cancer_types, str) or not cancer_types:
        raise InputError(
            f"cancer_types: found {cancer_types!r}, expected `all` or a list of TCGA acronyms"
        )
    for acronym in cancer_types:
        if acronym not in cohorts.index:
            raise InputError(
                f"cancer_types: no cohort is called {acronym!r}; {suggest(acronym, cohorts.index)}"
            )
    if len(set(cancer_types)) < len(cancer_types):
        raise InputError(f"cancer_types: found an acronym twice in {list(cancer_types)}")
    return cohorts.loc[list(cancer_types)]


def sizes_of_types(cohorts: pd.DataFrame, n_samples: int) -> np.ndarray:
    """Share out the samples in proportion to the cohorts, none smaller than a useful minimum."""
    smallest = min(SMALLEST_TYPE, n_samples // (2 * len(cohorts)))
    rest = n_samples - smallest * len(cohorts)
    above = np.maximum(cohorts["n_samples"].to_numpy() - smallest, 0)
    return smallest + share_out(above, rest)


def share_out(weights: np.ndarray, total: int) -> np.ndarray:
    """Split a whole number in proportion to weights (method of largest remainders)."""
    exact = weights / weights.sum() * total
    whole = np.floor(exact).astype(int)
    left = np.argsort(-(exact - whole), kind="stable")[: total - whole.sum()]
    whole[left] += 1
    return whole


def draw_samples(cohorts: pd.DataFrame, n_samples: int, rng: np.random.Generator) -> pd.DataFrame:
    """Invent the samples of a cohort.

    Parameters
    ----------
    cohorts
        Indexed by acronym, rows in the order wanted.

    Returns
    -------
    pandas.DataFrame
        Indexed by barcode (`TCGA-2A-S0B7-01`), sorted; columns patient, cancer_type, code,
        sample_type, sex, age, plate. A normal shares its patient with a tumour as often as
        in TCGA. The participant codes begin with S, which TCGA never used.

    Raises
    ------
    InputError
        When fewer than four samples per cancer type, or more patients than barcodes, are asked for.
    """
    if not 4 * len(cohorts) <= n_samples <= MOST_PATIENTS:
        raise InputError(
            f"n_samples: found {n_samples}, expected {4 * len(cohorts)} (four for each of "
            f"{len(cohorts)} cancer types) to {MOST_PATIENTS}; "
            "ask for more samples or name fewer cancer types"
        )
    sizes = sizes_of_types(cohorts, n_samples)
    numbers = iter(rng.permutation(MOST_PATIENTS))
    tables = [
        _samples_of_type(cohort, size, i, numbers, rng)
        for i, ((_, cohort), size) in enumerate(zip(cohorts.iterrows(), sizes, strict=True))
    ]
    return pd.concat(tables).sort_index()


def _samples_of_type(cohort, size, position, numbers, rng) -> pd.DataFrame:
    counts = _counts_of_sample_types(cohort, size)
    extra = sum(n for kind, n in counts.items() if kind not in FIRST_SAMPLES)
    all_extra = cohort["n_samples"] - cohort[list(FIRST_SAMPLES)].sum()
    paired = (cohort["n_samples"] - cohort["n_patients"]) / max(all_extra, 1)
    first = [
        (_new_patient(position, numbers), SAMPLE_TYPES[kind])
        for kind in FIRST_SAMPLES
        for _ in range(counts[kind])
    ]
    # Every patient serves once, so that no two samples get the same barcode.
    partners = iter(rng.permutation(len(first)))
    shares = iter(rng.permutation(np.arange(extra) < round(paired * extra)))
    later = []
    for kind, n in counts.items():
        for _ in range(0 if kind in FIRST_SAMPLES else n):
            partner = next(partners, None) if next(shares) else None
            patient = _new_patient(position, numbers) if partner is None else first[partner][0]
            later.append((patient, SAMPLE_TYPES[kind]))
    table = pd.DataFrame(
        [(patient, code, name) for patient, (code, name) in first + later],
        columns=["patient", "code", "sample_type"],
    )
    patients = pd.Index(table["patient"].unique())
    female = rng.permutation(
        np.arange(len(patients)) < round(cohort["female_fraction"] * len(patients))
    )
    ages = rng.normal(cohort["age_mean"], cohort["age_sd"], len(patients)).clip(15, 89).round()
    place = patients.get_indexer(table["patient"])
    plates = rng.permutation(len(table)) // SAMPLES_PER_PLATE
    return table.assign(
        cancer_type=cohort.name,
        sex=np.where(female, "female", "male")[place],
        age=ages[place],
        plate=[f"{cohort.name}-{plate:02d}" for plate in plates],
    ).set_index(pd.Index(table["patient"] + "-" + table["code"], name="sample"))


def _counts_of_sample_types(cohort: pd.Series, size: int) -> dict[str, int]:
    published = cohort[list(SAMPLE_TYPES)].to_numpy(dtype=float)
    counts = dict(zip(SAMPLE_TYPES, share_out(published, size), strict=True))
    lacking = 2 - counts["n_normal"]
    if cohort["n_normal"] >= MANY_NORMALS and lacking > 0 and size >= 6:
        counts["n_normal"] += lacking
        counts["n_primary"] -= lacking
    return counts


def _new_patient(position: int, numbers) -> str:
    number = int(next(numbers))
    digits = [_BASE36[number // 36**i % 36] for i in (2, 1, 0)]
    site = _BASE36[position % 36] + _BASE36[number % 3]
    return f"TCGA-{site}-S{''.join(digits)}"


def draw_clinical(
    samples: pd.DataFrame, cohorts: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Make the clinical table under the column names of recount/Snaptron.

    The table is shuffled, and one sample in a hundred has a second row for another portion on
    another platform, as in the original. Twenty columns have no effect on expression:
    `null_free_1..10` depend on nothing, `null_type_1..10` on the cancer type only; even numbers
    are yes/no, odd ones are continuous. One patient has one value of each.

    Returns
    -------
    pandas.DataFrame
        Text columns (missing = ""), about 1.01 rows per sample.
    """
    patients = samples.drop_duplicates("patient").set_index("patient")
    personal = _personal(patients, cohorts, rng)
    of_sample = personal.loc[samples["patient"]].reset_index(drop=True)
    cohort = cohorts.loc[samples["cancer_type"]].reset_index()
    n = len(samples)
    portion = rng.choice(["11", "12", "21", "31"], size=n, p=[0.7, 0.15, 0.1, 0.05])
    centre = np.where(cohort["acronym"].isin(["LAML", "ESCA", "STAD", "OV"]), "BCGSC", "UNC")
    table = pd.DataFrame(
        {
            "gdc_cases.submitter_id": samples["patient"].to_numpy(),
            "gdc_platform": "Illumina HiSeq",
            "cgc_portion_id": samples.index.to_numpy() + "A-" + portion,
            "cgc_case_age_at_diagnosis": of_sample["age"],
            "xml_stage_event_pathologic_stage": of_sample["stage"],
            "gdc_cases.diagnoses.vital_status": of_sample["vital_status"],
            "gdc_cases.demographic.race": of_sample["race"],
            "gdc_cases.project.project_id": "TCGA-" + cohort["acronym"],
            "gdc_cases.tissue_source_site.project": cohort["disease"],
            "gdc_cases.project.primary_site": cohort["organ"],
            "cgc_drug_therapy_drug_name": of_sample["drug"],
            "gdc_cases.demographic.ethnicity": of_sample["ethnicity"],
            "cgc_slide_percent_tumor_nuclei": _pick(_NUCLEI, n, rng),
            "gdc_cases.demographic.gender": of_sample["sex"],
            "gdc_cases.samples.sample_type": samples["sample_type"].to_numpy(),
            "gdc_center.short_name": centre,
            "xml_year_of_initial_pathologic_diagnosis": of_sample["year"],
        }
    )
    table = pd.concat([table, of_sample.filter(like="null_")], axis=1)
    again = table.iloc[np.flatnonzero(rng.random(n) < 0.01)].copy()
    again["cgc_portion_id"] = again["cgc_portion_id"].str[:-2] + "91"
    again["gdc_platform"] = "Illumina GA"
    table = pd.concat([table, again], ignore_index=True)
    table = table.iloc[rng.permutation(len(table))]
    table.insert(0, "rail_id", np.arange(1, len(table) + 1))
    return table


def _personal(
    patients: pd.DataFrame, cohorts: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(patients)
    cohort = cohorts.loc[patients["cancer_type"]]
    unstaged = rng.random(n) < cohort["stage_missing_fraction"].to_numpy()
    dead = rng.random(n) < cohort["dead_fraction"].to_numpy()
    unknown = rng.random(n) < 0.004
    age = patients["age"].map("{:.1f}".format).to_numpy()
    table = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.01, "", age),
            "stage": np.where(unstaged, "", _pick(_STAGES, n, rng)),
            "vital_status": np.where(unknown, "", np.where(dead, "dead", "alive")),
            "race": np.where(unknown, "", _pick(_RACES, n, rng)),
            "ethnicity": np.where(unknown, "", _pick(_ETHNICITIES, n, rng)),
            "sex": np.where(unknown, "", patients["sex"]),
            "drug": _pick(_DRUGS, n, rng),
            "year": rng.integers(2004, 2014, n).astype(str),
        },
        index=patients.index,
    )
    type_code, types = pd.factorize(patients["cancer_type"], sort=True)
    for i in range(1, NULL_COLUMNS + 1):
        by_type = rng.random(len(types))
        table[f"null_free_{i}"] = _null_values(i, np.full(n, 0.4), rng)
        table[f"null_type_{i}"] = _null_values(i, by_type[type_code], rng)
    return table


def _null_values(i: int, level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if i % 2:
        return np.char.mod("%.3f", 3 * level + rng.standard_normal(len(level)))
    return np.where(rng.random(len(level)) < 0.1 + 0.8 * level, "yes", "no")


def _pick(chances: dict[str, float], n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(
        list(chances), size=n, p=np.array(list(chances.values())) / sum(chances.values())
    )


def is_tumour(samples: pd.DataFrame) -> np.ndarray:
    """Tell which samples are not normal tissue."""
    return (samples["code"] != NORMAL_CODE).to_numpy()
