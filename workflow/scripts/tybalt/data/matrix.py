"""The matrix of a dataset, `matrix.h5ad`: what every later stage reads, and how it is written.

Its columns belong to blocks, named groups of features of one kind (``var["block"]``; expression
and methylation, say), and those of a block stand side by side. X has a value everywhere;
``layers["observed"]`` says where it was measured, and is absent if it was everywhere.

Trials read the values through h5py alone (0.1 s at 10,459 x 5,000); AnnData is imported only
where tables are read or written.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
import pandas as pd

from tybalt.jobs.own_files import own_file
from tybalt.plan.errors import InputError, suggest
from tybalt.plan.names import SOLE_BLOCK

#: Parts of the samples, in the order in which a study uses them: train fits, validation chooses,
#: test evaluates.
PARTS = ("train", "validation", "test")

_ROWS_PER_READ = 1024


@own_file
def read_values(matrix: str, blocks: Sequence[str] | None = None) -> np.ndarray:
    """Read all values, or those of some blocks.

    Returns
    -------
    numpy.ndarray
        float32, samples x features, in the order of `read_obs` and `read_var`.
    """
    with h5py.File(matrix, "r") as file:
        return _read_columns(file, "X", blocks)


@own_file
def read_observed(matrix: str, blocks: Sequence[str] | None = None) -> np.ndarray | None:
    """Read which values were measured: bool, as `read_values`; None if all were."""
    with h5py.File(matrix, "r") as file:
        if "layers/observed" not in file:
            return None
        observed = _read_columns(file, "layers/observed", blocks).astype(bool)
    return None if observed.all() else observed


def _read_columns(file: h5py.File, name: str, blocks: Sequence[str] | None) -> np.ndarray:
    return file[name][:] if blocks is None else file[name][:][:, _columns_of(file, blocks)]


@own_file
def read_blocks(matrix: str) -> dict[str, int]:
    """Read the blocks in the order of their columns, with the number of features of each."""
    with h5py.File(matrix, "r") as file:
        names = list(_read_text(file["var/block"]))
    return {str(block): names.count(block) for block in dict.fromkeys(names)}


def _columns_of(file: h5py.File, blocks: Sequence[str]) -> np.ndarray:
    """Tell which columns belong to these blocks, in the order of the file."""
    names = _read_text(file["var/block"])
    present = dict.fromkeys(names)
    for block in blocks:
        if block not in present:
            raise InputError(
                f"{file.filename}: it has no block {block!r}; {suggest(block, present)}"
            )
    return np.isin(names, list(blocks))


@own_file
def read_parts(
    matrix: str, parts: Iterable[str] | None = None, blocks: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Read the values of the named parts of the split (default: all that the file has).

    Returns
    -------
    dict
        Part -> float32 array, samples of that part (in file order) x features (of these blocks).

    Raises
    ------
    InputError
        For a part that no sample belongs to, or a block that no feature belongs to.
    """
    with h5py.File(matrix, "r") as file:
        part_of_row = _read_text(file["obs/split"])
        present = present_parts(part_of_row)
        wanted = present if parts is None else tuple(parts)
        for part in wanted:
            if part not in present:
                raise InputError(
                    f"{matrix}: no sample is in the part {part!r}; {suggest(part, present)}"
                )
        columns = slice(None) if blocks is None else _columns_of(file, blocks)
        return _read_rows_by_part(file["X"], part_of_row, wanted, columns)


def _read_rows_by_part(
    X: h5py.Dataset, part_of_row: np.ndarray, wanted: Iterable[str], columns: slice | np.ndarray
) -> dict:
    """Copy some rows at a time to their part, so that the values are in memory only once."""
    masks = {part: part_of_row == part for part in wanted}
    width = len(np.arange(X.shape[1])[columns])
    arrays = {part: np.empty((mask.sum(), width), X.dtype) for part, mask in masks.items()}
    filled = dict.fromkeys(arrays, 0)
    for start in range(0, X.shape[0], _ROWS_PER_READ):
        some = X[start : start + _ROWS_PER_READ][:, columns]
        for part, mask in masks.items():
            rows = some[mask[start : start + _ROWS_PER_READ]]
            arrays[part][filled[part] : filled[part] + len(rows)] = rows
            filled[part] += len(rows)
    return arrays


@own_file
def read_ids(matrix: str) -> np.ndarray:
    """Read the ids of the samples alone, without AnnData."""
    with h5py.File(matrix, "r") as file:
        obs = file["obs"]
        return obs[obs.attrs["_index"]].asstr()[:]


@own_file
def read_column(matrix: str, name: str) -> np.ndarray:
    """Read one column of the table of samples, without AnnData.

    Returns
    -------
    numpy.ndarray
        Numbers, or texts (dtype object) with None where one is missing.
    """
    with h5py.File(matrix, "r") as file:
        column = file["obs"][name]
        is_number = isinstance(column, h5py.Dataset) and column.dtype.kind in "fiu"
        return column[:] if is_number else _read_text(column)


def _read_text(column: h5py.Dataset | h5py.Group) -> np.ndarray:
    if isinstance(column, h5py.Group):  # a categorical
        names = [*column["categories"].asstr()[:], None]  # a missing one has the code -1
        return np.array(names, dtype=object)[column["codes"][:]]
    return column.asstr()[:]


def read_obs(matrix: str) -> pd.DataFrame:
    """Read the table of samples: index = sample id, harmonised clinical columns and `split`."""
    return _read_frame(matrix, "obs")


def read_var(matrix: str, blocks: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the table of features: index = name in rank order; `block`, statistics and scaling."""
    var = _read_frame(matrix, "var")
    return var if blocks is None else var[var["block"].isin(list(blocks))]


@own_file
def read_features(matrix: str, blocks: Sequence[str] | None = None) -> list[str]:
    """Read the names of the features alone, in rank order, without AnnData."""
    with h5py.File(matrix, "r") as file:
        var = file["var"]
        names = var[var.attrs["_index"]].asstr()[:]
        return list(names if blocks is None else names[_columns_of(file, blocks)])


@own_file
def read_notes(matrix: str) -> dict[str, Any]:
    """Read `uns["tybalt"]`: how the matrix was made, in plain values."""
    from anndata.io import read_elem

    with h5py.File(matrix, "r") as file:
        return read_elem(file["uns/tybalt"])


@own_file
def _read_frame(matrix: str, name: str) -> pd.DataFrame:
    from anndata.io import read_elem

    with h5py.File(matrix, "r") as file:
        return read_elem(file[name])


def present_parts(split: Iterable[str]) -> tuple[str, ...]:
    """Return the parts that have samples, in the order of `PARTS`."""
    found = set(split)
    return tuple(part for part in PARTS if part in found)


def held_out_part(split: Iterable[str]) -> str:
    """Return the held-out part: ``test`` where the split has one, else ``validation``."""
    return "test" if "test" in present_parts(split) else "validation"


def write_matrix(
    path: str,
    X: np.ndarray,
    obs: pd.DataFrame,
    var: pd.DataFrame,
    notes: Mapping[str, Any],
    observed: np.ndarray | None = None,
) -> None:
    """Write `matrix.h5ad`, uncompressed and contiguous, the same bytes for the same content.

    Parameters
    ----------
    X
        float32, samples x features, C order.
    obs, var
        Index = sample ids and features. Text columns become categoricals, so that a missing
        label stays missing. Without a column `block` all features are of one.
    notes
        Plain values for `uns["tybalt"]`.
    observed
        bool, as X: which values were measured; None if all were.
    """
    import anndata

    obs = obs.apply(lambda column: column if _is_number(column) else column.astype("category"))
    if "block" not in var:
        var = var.assign(block=SOLE_BLOCK)
    var = var.assign(block=var["block"].astype("category"))
    layers = {} if observed is None or observed.all() else {"observed": observed.astype(np.uint8)}
    data = anndata.AnnData(X=X, obs=obs, var=var, layers=layers, uns={"tybalt": dict(notes)})
    data.write_h5ad(path)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column)
