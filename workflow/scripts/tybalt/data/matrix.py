"""The matrix of a dataset, `matrix.h5ad`: what every later stage reads, and how it is written.

Trials read the values through h5py alone (0.1 s at 10,459 x 5,000); AnnData is imported only
where tables are read or written.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np
import pandas as pd

from tybalt.plan.errors import InputError, suggest

#: Parts of the samples, in the order in which a study uses them: train fits, validation chooses,
#: test evaluates.
PARTS = ("train", "validation", "test")

_ROWS_PER_READ = 1024


def read_values(matrix: str) -> np.ndarray:
    """Read all values.

    Returns
    -------
    numpy.ndarray
        float32, samples x genes, in the order of `read_obs` and `read_var`.
    """
    with h5py.File(matrix, "r") as file:
        return file["X"][:]


def read_parts(matrix: str, parts: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Read the values of the named parts of the split (default: all that the file has).

    Returns
    -------
    dict
        Part -> float32 array, samples of that part (in file order) x genes.

    Raises
    ------
    InputError
        For a part that no sample belongs to.
    """
    with h5py.File(matrix, "r") as file:
        part_of_row = _read_split(file)
        present = present_parts(part_of_row)
        wanted = present if parts is None else tuple(parts)
        for part in wanted:
            if part not in present:
                raise InputError(
                    f"{matrix}: no sample is in the part {part!r}; {suggest(part, present)}"
                )
        return _read_rows_by_part(file["X"], part_of_row, wanted)


def _read_rows_by_part(X: h5py.Dataset, part_of_row: np.ndarray, wanted: Iterable[str]) -> dict:
    """Copy blocks of rows to their part, so that the values are in memory only once."""
    masks = {part: part_of_row == part for part in wanted}
    arrays = {part: np.empty((mask.sum(), X.shape[1]), X.dtype) for part, mask in masks.items()}
    filled = dict.fromkeys(arrays, 0)
    for start in range(0, X.shape[0], _ROWS_PER_READ):
        block = X[start : start + _ROWS_PER_READ]
        for part, mask in masks.items():
            rows = block[mask[start : start + _ROWS_PER_READ]]
            arrays[part][filled[part] : filled[part] + len(rows)] = rows
            filled[part] += len(rows)
    return arrays


def _read_split(file: h5py.File) -> np.ndarray:
    column = file["obs/split"]
    if isinstance(column, h5py.Group):  # a categorical
        return column["categories"].asstr()[:][column["codes"][:]]
    return column.asstr()[:]


def read_obs(matrix: str) -> pd.DataFrame:
    """Read the table of samples: index = sample id, harmonised clinical columns and `split`."""
    return _read_frame(matrix, "obs")


def read_var(matrix: str) -> pd.DataFrame:
    """Read the table of genes: index = gene in rank order, statistics, `offset` and `scale`."""
    return _read_frame(matrix, "var")


def read_genes(matrix: str) -> list[str]:
    """Read the names of the genes alone, in rank order, without AnnData."""
    with h5py.File(matrix, "r") as file:
        var = file["var"]
        return list(var[var.attrs["_index"]].asstr()[:])


def read_notes(matrix: str) -> dict[str, Any]:
    """Read `uns["tybalt"]`: how the matrix was made, in plain values."""
    from anndata.io import read_elem

    with h5py.File(matrix, "r") as file:
        return read_elem(file["uns/tybalt"])


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
    path: str, X: np.ndarray, obs: pd.DataFrame, var: pd.DataFrame, notes: Mapping[str, Any]
) -> None:
    """Write `matrix.h5ad`, uncompressed and contiguous, the same bytes for the same content.

    Parameters
    ----------
    X
        float32, samples x genes, C order.
    obs, var
        Index = sample ids and genes. Text columns become categoricals, so that a missing
        label stays missing.
    notes
        Plain values for `uns["tybalt"]`.
    """
    import anndata

    obs = obs.apply(lambda column: column if _is_number(column) else column.astype("category"))
    data = anndata.AnnData(X=X, obs=obs, var=var, uns={"tybalt": dict(notes)})
    data.write_h5ad(path)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column)
