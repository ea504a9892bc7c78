"""A trained model as one file, `model.zip`: all that encoding and projecting need.

::

    model.json     module, hyperparameters, number of genes, scaling, seed, best epoch, score
    genes.tsv      gene, offset, scale, minimum, maximum, mean: x = (raw - offset) / scale, clipped
                   to 0..1 if scaling is zero_one
    codes.tsv      codes of the training samples: sample, z1 ... zK
    weights/*.npy  what the model has learned, one array per file
    knowledge/*.npy  what it was told of the genes before (gene sets), if anything

Nothing is pickled, and nothing is dated: the same model gives the same bytes.
"""

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tybalt.training.model import Autoencoder, create

#: The earliest time that a zip can hold; stands for "no date".
NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A trained model with its context.

    Parameters
    ----------
    module
        Name in `tybalt.models`.
    autoencoder
        The trained model.
    genes
        Index = gene, in the order of the model's inputs; columns offset, scale, minimum, maximum,
        mean (raw scale).
    codes
        Codes of the training samples; index = sample, columns z1 ... zK.
    notes
        Plain values that say how the model was trained.
    """

    module: str
    autoencoder: Autoencoder
    genes: pd.DataFrame
    codes: pd.DataFrame
    notes: dict[str, Any]


def feature_names(n_features: int) -> list[str]:
    """Name the features of a code: z1, z2, ..."""
    return [f"z{i}" for i in range(1, n_features + 1)]


def feature_table(values: np.ndarray, index: str, names: pd.Index) -> pd.DataFrame:
    """Make a table of rows x features: the column `index`, then z1 ... zK."""
    table = pd.DataFrame(values, columns=feature_names(values.shape[1]))
    table.insert(0, index, list(names))
    return table


def save_bundle(bundle: Bundle, path: str) -> None:
    """Write a bundle."""
    record = {
        "module": bundle.module,
        "hyperparameters": dataclasses.asdict(bundle.autoencoder.hp),
        "n_genes": bundle.autoencoder.n_genes,
        **bundle.notes,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _add(archive, "model.json", json.dumps(record, indent=1, sort_keys=True).encode())
        _add(archive, "genes.tsv", _table(bundle.genes, "gene"))
        _add(archive, "codes.tsv", _table(bundle.codes, "sample"))
        _add_arrays(archive, "weights", bundle.autoencoder.arrays())
        _add_arrays(archive, "knowledge", bundle.autoencoder.knowledge)


def read_record(path: str) -> dict[str, Any]:
    """Read what a bundle says of its model, without building the model."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("model.json"))


def load_bundle(path: str) -> Bundle:
    """Read a bundle; the model is built anew and given its weights."""
    with zipfile.ZipFile(path) as archive:
        record = json.loads(archive.read("model.json"))
        arrays, knowledge = (_read_arrays(archive, name) for name in ("weights", "knowledge"))
        genes = _read(archive, "genes.tsv", "gene")
        codes = _read(archive, "codes.tsv", "sample").astype(np.float32)
    module, hyperparameters = record.pop("module"), record.pop("hyperparameters")
    autoencoder = create(module, record.pop("n_genes"), hyperparameters, knowledge=knowledge)
    autoencoder.load(arrays)
    return Bundle(module, autoencoder, genes, codes, notes=record)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, NO_DATE)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, data)


def _add_arrays(archive: zipfile.ZipFile, folder: str, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        _add(archive, f"{folder}/{name}.npy", buffer.getvalue())


def _read_arrays(archive: zipfile.ZipFile, folder: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(f"{folder}/").removesuffix(".npy"): np.load(
            io.BytesIO(archive.read(name)), allow_pickle=False
        )
        for name in archive.namelist()
        if name.startswith(f"{folder}/")
    }


def _table(table: pd.DataFrame, index: str) -> bytes:
    float_format = "%.9g" if (table.dtypes == np.float32).all() else None
    text = table.rename_axis(index).to_csv(sep="\t", float_format=float_format, lineterminator="\n")
    return text.encode()


def _read(archive: zipfile.ZipFile, name: str, index: str) -> pd.DataFrame:
    with archive.open(name) as file:
        return pd.read_csv(
            file, sep="\t", float_precision="round_trip", index_col=index,
            dtype={index: str}, keep_default_na=False,
        )  # fmt: skip
