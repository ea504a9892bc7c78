"""New samples on a trained model: which of its blocks they have, and how these are read (PURE)."""

from collections.abc import Mapping, Sequence
from typing import Any

from tybalt.plan.errors import InputError, suggest
from tybalt.plan.experiments import Study, as_list
from tybalt.plan.names import SOLE_BLOCK
from tybalt.plan.places import Places

#: Columns of `projection.tsv` before those of the new samples' own clinical table.
COLUMNS = (
    *("sample", "tsne_1", "tsne_2", "nearest_sample", "nearest_label", "distance", "distance_rank"),
    *("mse", "error_rank", "far", "outside", "filled", "predicted_label", "confidence", "doubts"),
)

#: Keys that say how samples are prepared for a training, and what would be asked of them.
OF_TRAINING = ("scaling", "split", "tasks")


def blocks_to_project(study: Study, name: str) -> dict[str, dict[str, Any]]:
    """Say how the files of new samples are read, in the order in which the dataset names them.

    Parameters
    ----------
    name
        A dataset with `project_onto`.

    Returns
    -------
    dict
        Block of the model -> ``duplicates`` and ``transform``, as the dataset says; ``missing`` and
        ``prefix`` (and ``transform``, if it says nothing) of the dataset that the model was trained
        on, as new samples must look like its own. A dataset without `blocks` has the only one that
        the model sees, whatever that is called.

    Raises
    ------
    InputError
        For a block that the model does not see, or if it sees several and none is named.
    """
    blocks, target = study.dataset(name)["blocks"], study.target(name)
    trained, seen = study.dataset(target.dataset)["blocks"], target.blocks
    model = "/".join(target.key)
    if list(blocks) == [SOLE_BLOCK] and SOLE_BLOCK not in seen:
        if len(seen) > 1:
            raise InputError(
                f"datasets.{name}.blocks: missing; {model} sees the blocks {', '.join(seen)}: name "
                "those that the new samples have, each with its file"
            )
        blocks = {seen[0]: blocks[SOLE_BLOCK]}
    for block in blocks:
        if block not in seen:
            raise InputError(
                f"datasets.{name}.blocks: {model} sees no block {block!r}; {suggest(block, seen)}"
            )
    return {
        block: {
            "duplicates": own["features"]["duplicates"],
            "missing": trained[block]["features"]["missing"],
            "transform": own["transform"] or trained[block]["transform"],
            "prefix": trained[block]["prefix"],
        }
        for block, own in blocks.items()
    }


def clinical_to_project(study: Study, name: str) -> dict[str, Any] | None:
    """Say how the clinical table of new samples is read; None if they have none.

    Parameters
    ----------
    name
        A dataset with `project_onto`.

    Returns
    -------
    dict
        ``columns``, ``barcodes``, ``minimum_overlap`` and ``roles``, the arguments of
        `tybalt.data.tables.clinical.describe_samples`.

    Raises
    ------
    InputError
        For a column that would stand under the name of one of `COLUMNS`.
    """
    entry = study.dataset(name)
    if "clinical" not in entry.get("files", {}):
        return None
    columns = entry["clinical"]["columns"]
    for column in columns:
        if column in COLUMNS and column != "sample":
            raise InputError(
                f"datasets.{name}.clinical.columns.{column}: projection.tsv has a column of this "
                "name; give yours another"
            )
    how = {"columns": columns, "barcodes": entry["clinical"]["barcodes"]}
    return {**how, "minimum_overlap": entry["minimum_overlap"], "roles": entry["roles"]}


def files_of_new_samples(
    study: Study, name: str, places: Places, tables: Sequence[str]
) -> list[str]:
    """List the files of new samples, of these tables: ``expression``, ``clinical`` (if named)."""
    files = study.raw_files(name, places)
    if clinical_to_project(study, name) is None:
        files = {**files, "clinical": []}
    return [path for table in tables for path in as_list(files[table])]


def projected_onto(study: Study, dataset: str) -> list[list[str]]:
    """List new samples that are projected onto an experiment of a dataset: [name, model, tuner]."""
    return [
        [name, model, tuner]
        for name, (onto, model, tuner) in study.projections.items()
        if onto == dataset
    ]


def check_projections(study: Study, given: Mapping[str, Any]) -> None:
    """Check what is said of new samples; raise InputError.

    Parameters
    ----------
    given
        Entries of datasets in the config, before defaults are filled in.
    """
    refuse_keys_of_training(given)
    for name in study.projections:
        blocks_to_project(study, name)
        clinical_to_project(study, name)


def refuse_keys_of_training(datasets: Mapping[str, Any]) -> None:
    """Refuse what new samples are not prepared by, as the model brings it (`OF_TRAINING`).

    Parameters
    ----------
    datasets
        Entries of the config, before defaults are filled in.

    Raises
    ------
    InputError
        Naming the key.
    """
    for name, entry in datasets.items():
        if "project_onto" not in entry:
            continue
        blocks = {f"blocks.{block}.": each for block, each in entry.get("blocks", {}).items()}
        for where, keys in {"": entry, **blocks}.items():
            for key in OF_TRAINING:
                if key in keys:
                    raise InputError(
                        f"datasets.{name}.{where}{key}: found in a dataset with project_onto, "
                        "whose samples are prepared as those of its model were; leave this key out"
                    )
