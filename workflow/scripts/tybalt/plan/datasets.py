"""Datasets of a config: what the schema cannot check, and what their kind knows (PURE)."""

from collections.abc import Collection, Mapping
from typing import Any

from tybalt.plan.errors import InputError, suggest

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

#: Folders of results/ that are not datasets.
RESERVED_NAMES = {"logs", "benchmarks"}

#: The block of a dataset entry that belongs to each kind.
KIND_BLOCK = {
    "simulated": "simulation",
    "local": "files",
    "xena": "source",
    "logic-genes": "logic",
}


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
    if "project_onto" in dataset:
        return dict(dataset)
    if kind == "local" and "clinical" not in dataset["files"]:
        raise InputError(f"{where}.files.clinical: missing; this key is required")
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
    for contrast, definition in dataset["contrasts"].items():
        for role in ("covariate", "within"):
            if role in definition and definition[role] not in declared_covariates(dataset):
                raise InputError(
                    f"{where}.contrasts.{contrast}.{role}: {definition[role]!r} is not a declared "
                    f"covariate; {suggest(definition[role], declared_covariates(dataset))}"
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
