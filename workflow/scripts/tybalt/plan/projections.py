"""New samples on a trained model: which of its blocks they have, and how these are read (PURE)."""

from typing import Any

from tybalt.plan.errors import InputError, suggest
from tybalt.plan.experiments import Study
from tybalt.plan.names import SOLE_BLOCK


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
