"""What a model is built for (`Inputs`), and the rows that it is trained on (`Rows`)."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tybalt.data.matrix import (
    read_blocks,
    read_column,
    read_features,
    read_ids,
    read_observed,
    read_parts,
    read_values,
)
from tybalt.plan.errors import InputError
from tybalt.plan.names import SOLE_BLOCK

#: The prediction of all columns: the only output of a model, or the one of this name.
RECONSTRUCTION = "reconstruction"

#: What `Rows` has for each row.
ARRAYS = ("X", "observed", "label", "weight", "names")

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The columns that a model sees, and the classes that rows may belong to.

    Parameters
    ----------
    names
        Of the columns, in their order.
    blocks
        Block -> its columns; blocks stand side by side and cover all columns.
    labels
        Classes of the training rows, sorted; empty for models that do not use them.
    """

    names: tuple[str, ...]
    blocks: Mapping[str, slice]
    labels: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of columns."""
        return len(self.names)


def make_inputs(
    names: Sequence[str], sizes: Mapping[str, int] | None = None, labels: Sequence[str] = ()
) -> Inputs:
    """Make inputs of columns in the order of their blocks (name -> number of columns)."""
    sizes = sizes or {SOLE_BLOCK: len(names)}
    ends = np.cumsum(list(sizes.values())).tolist()
    starts = [0, *ends[:-1]]
    blocks = dict(zip(sizes, map(slice, starts, ends), strict=True))
    return Inputs(tuple(names), blocks, tuple(labels))


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a matrix, as models are trained on them.

    Parameters
    ----------
    X
        float32, rows x columns; has a value everywhere.
    inputs
        What the columns are.
    observed
        bool, as X: what was measured; None if all was.
    label
        Position in `inputs.labels` of each row's class, -1 where it is none of them; None for
        models that do not use labels.
    weight
        Weight of each row in every term of the loss, 1 on average over the training rows; None if
        all weigh the same.
    names
        Ids of the rows; None where they do not matter.
    """

    X: np.ndarray
    inputs: Inputs
    observed: np.ndarray | None = None
    label: np.ndarray | None = None
    weight: np.ndarray | None = None
    names: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.X)

    def only(self, chosen: np.ndarray) -> "Rows":
        """Return some of the rows: a mask, or positions."""
        arrays = {name: getattr(self, name) for name in ARRAYS}
        taken = {name: array[chosen] for name, array in arrays.items() if array is not None}
        return dataclasses.replace(self, **taken)

    def arrays(self) -> list[np.ndarray]:
        """List all arrays that a training depends on."""
        return [a for a in (self.X, self.observed, self.label, self.weight) if a is not None]


def read_rows(
    matrix: str, parts: Sequence[str], blocks: Sequence[str] | None, columns: Mapping[str, Any]
) -> dict[str, Rows]:
    """Read the rows of some parts of the split, as far as these blocks saw them.

    Rows of which these blocks measured nothing are left out, and the log says so.

    Parameters
    ----------
    matrix
        ``matrix.h5ad``.
    parts
        Of the split; the first is that of the training rows.
    blocks
        Names of blocks, in the order of the matrix; None for all.
    columns
        ``label`` and ``weight``: columns of the table of rows, where they are used.

    Raises
    ------
    InputError
        If a part has no row left, or a column was measured in no training row.
    """
    split, observed = read_column(matrix, "split"), read_observed(matrix, blocks)
    names = read_ids(matrix)
    is_train = split == parts[0]
    label, weight = (
        read_column(matrix, columns[role]) if columns.get(role) else None
        for role in ("label", "weight")
    )
    classes = [] if label is None else sorted(set(label[is_train]) - {None})
    inputs = read_inputs(matrix, blocks, classes)
    found = {
        part: without_unseen(
            part,
            Rows(
                X=X,
                inputs=inputs,
                observed=None if observed is None else observed[split == part],
                label=None if label is None else positions(classes, label[split == part]),
                weight=None if weight is None else weight[split == part],
                names=names[split == part],
            ),
        )
        for part, X in read_parts(matrix, parts, blocks).items()
    }
    check_observed(matrix, found[parts[0]])
    if weight is not None:
        mean = found[parts[0]].weight.mean()
        found = {
            part: dataclasses.replace(rows, weight=(rows.weight / mean).astype(np.float32))
            for part, rows in found.items()
        }
    return found


def read_seen(matrix: str, blocks: Sequence[str] | None) -> Rows:
    """Read all rows of which these blocks measured something, in the order of the matrix."""
    observed, names = read_observed(matrix, blocks), read_ids(matrix)
    inputs, X = read_inputs(matrix, blocks), read_values(matrix, blocks)
    return without_unseen("all", Rows(X, inputs, observed, names=names))


def read_inputs(matrix: str, blocks: Sequence[str] | None, labels: Sequence[str] = ()) -> Inputs:
    """Read what the columns of these blocks are; None for all blocks."""
    sizes = {k: n for k, n in read_blocks(matrix).items() if blocks is None or k in blocks}
    return make_inputs(read_features(matrix, blocks), sizes, labels)


def positions(classes: Sequence[str], label: np.ndarray) -> np.ndarray:
    """Return the position of each label among the classes, -1 for any other."""
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number.get(name, -1) for name in label], dtype=np.int32)


def observed_mean(rows: Rows) -> np.ndarray:
    """Return the mean of each column over what was observed, by the weights of rows.

    A column that none of these rows has (as of a bootstrap sample of them) has the mean of its
    filled-in values.
    """
    X = rows.X.astype(np.float64)
    if rows.observed is None and rows.weight is None:
        return X.mean(axis=0)
    counts = np.ones(X.shape) if rows.observed is None else rows.observed.astype(np.float64)
    if rows.weight is not None:
        counts = counts * rows.weight[:, None]
    counts = np.where(counts.sum(axis=0) > 0, counts, 1.0)
    return np.average(X, axis=0, weights=counts)


def without_unseen(part: str, rows: Rows) -> Rows:
    """Leave out the rows of which nothing was measured; raise InputError if none is left."""
    if rows.observed is None or rows.observed.any(axis=1).all():
        return rows
    seen = rows.observed.any(axis=1)
    blocks = " and ".join(rows.inputs.blocks)
    log.info("%s: %d of %d rows have nothing of %s", part, np.sum(~seen), len(seen), blocks)
    if not seen.any():
        raise InputError(
            f"{part}: none of its {len(seen)} rows has anything of {blocks}; expected some in "
            "every part of the split; use rows: all, or give the model other blocks"
        )
    return rows.only(seen)


def check_observed(matrix: str, train: Rows) -> None:
    """Refuse columns that were measured in no training row: nothing can be learned of them."""
    if train.observed is None:
        return
    unseen = np.flatnonzero(~train.observed.any(axis=0))
    if len(unseen):
        names = ", ".join(train.inputs.names[i] for i in unseen[:3])
        raise InputError(
            f"{matrix}: {len(unseen)} of {train.inputs.size} columns ({names}) were measured in no "
            "training row, so no model can learn them; choose fewer features of their block, or "
            "bring rows that have it"
        )
