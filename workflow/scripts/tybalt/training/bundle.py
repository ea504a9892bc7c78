"""A trained model as one file, `model.zip`: all that encoding and projecting need.

::

    model.json     module, hyperparameters, blocks (name and number of columns), classes, scaling,
                   seed, best epoch, score; `encoder` and `decoder` as layers that NumPy can compute
                   (`tybalt.training.layer_graph`), where the model is made of layers
    genes.tsv      gene, block, offset, scale, minimum, maximum, mean: x = (raw - offset) / scale,
                   clipped to 0..1 where the block's scaling is zero_one
    codes.tsv      codes of the training samples as the model gives them: sample, z1 ... zK
    weights/*.npy  what the model has learned, one array per file
    layers/*.npy   what the layers need besides (folded batch normalisation)
    knowledge/*.npy  what it was told of the genes before (gene sets), if anything
    rotation/matrix.npy  the rotation that makes features of the model's codes, if any
    bases/*.zip    the models whose codes it was trained on, if any

Features are what is shown: associations, weights, gene sets. They are the model's codes, or a
rotation of them (`tybalt.training.rotation`), which `Bundle.rotate` computes and `Bundle.unrotate`
undoes. Models in the codes of others see these unrotated.

Nothing is pickled, and nothing is dated: the same model gives the same bytes.
"""

import dataclasses
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from tybalt.jobs.own_files import own_file
from tybalt.training.in_codes import InCodes, inputs_of_codes
from tybalt.training.layer_graph import compute
from tybalt.training.model import Model, make_model
from tybalt.training.rows import Inputs, make_inputs

#: The earliest time that a zip can hold; stands for "no date".
NO_DATE = (1980, 1, 1, 0, 0, 0)


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A trained model with its context.

    Parameters
    ----------
    module
        Name in `tybalt.models`.
    model
        The trained model.
    genes
        Index = gene, in the order of the model's inputs; columns block, offset, scale, minimum,
        maximum, mean (raw scale).
    codes
        Codes of the training samples as the model gives them; index = sample, columns z1 ... zK,
        or none where the model cannot encode.
    notes
        Plain values that say how the model was trained.
    base_files
        Name -> content of the model files that it builds on.
    rotation
        Orthogonal, codes x features; None where the features are the codes.
    """

    module: str
    model: Model
    genes: pd.DataFrame
    codes: pd.DataFrame
    notes: dict[str, Any]
    base_files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    rotation: np.ndarray | None = None

    @property
    def blocks(self) -> list[str]:
        """The blocks of a matrix that the model sees."""
        return list(self.model.inputs.blocks)

    def limit(self, values: np.ndarray) -> np.ndarray:
        """Bring scaled values (rows x genes) into the range that the scaling of each block has."""
        bounded = self.genes["block"].map(self.notes["scaling"]).eq("zero_one").to_numpy()
        return np.where(bounded, np.clip(values, 0, 1), values)

    def rotate(self, codes: np.ndarray) -> np.ndarray:
        """Turn codes of the model, or weights (rows x codes), into those of the features."""
        return rotate(codes, self.rotation)

    def unrotate(self, features: np.ndarray) -> np.ndarray:
        """Turn values of the features (rows x features) into codes, as the model decodes them."""
        return rotate(features, None if self.rotation is None else self.rotation.T)


def rotate(values: np.ndarray, rotation: np.ndarray | None) -> np.ndarray:
    """Rotate rows of values, float32; None leaves them as they are."""
    return values if rotation is None else (values @ rotation).astype(np.float32)


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
    layers = bundle.model.layers()
    own = layers.pop("arrays")
    record = {
        "module": bundle.module,
        "hyperparameters": dataclasses.asdict(bundle.model.hp),
        "blocks": {b: s.stop - s.start for b, s in bundle.model.inputs.blocks.items()},
        "labels": list(bundle.model.inputs.labels),
        "bases": list(bundle.base_files),
        **layers,
        **bundle.notes,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _add(archive, "model.json", json.dumps(record, indent=1).encode())
        _add(archive, "genes.tsv", _table(bundle.genes, "gene"))
        _add(archive, "codes.tsv", _table(bundle.codes, "sample"))
        _add_arrays(archive, "weights/", bundle.model.arrays())
        _add_arrays(archive, "", own)
        _add_arrays(archive, "knowledge/", bundle.model.knowledge)
        if bundle.rotation is not None:
            _add_arrays(archive, "rotation/", {"matrix": bundle.rotation})
        for name, content in bundle.base_files.items():
            _add(archive, f"bases/{name}.zip", content)


@own_file
def read_record(path: str | BinaryIO) -> dict[str, Any]:
    """Read what a bundle says of its model, without building the model."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("model.json"))


@own_file
def read_rotation(path: str | BinaryIO) -> np.ndarray | None:
    """Read the rotation of a bundle (codes x features), without building the model."""
    with zipfile.ZipFile(path) as archive:
        return _read_arrays(archive, "rotation/").get("matrix")


@own_file
def load_bundle(path: str | BinaryIO) -> Bundle:
    """Read a bundle; the model is built anew and given its weights."""
    with zipfile.ZipFile(path) as archive:
        record = json.loads(archive.read("model.json"))
        arrays, knowledge = (_read_arrays(archive, name) for name in ("weights/", "knowledge/"))
        rotation = _read_arrays(archive, "rotation/").get("matrix")
        genes = _read(archive, "genes.tsv", "gene")
        codes = _read(archive, "codes.tsv", "sample").astype(np.float32)
        base_files = {name: archive.read(f"bases/{name}.zip") for name in record.pop("bases")}
    inputs = make_inputs(genes.index, record.pop("blocks"), record.pop("labels"))
    module, hyperparameters = record.pop("module"), record.pop("hyperparameters")
    for part in ("encoder", "decoder"):
        record.pop(part, None)
    bases = load_bases(base_files)
    model = model_upon(bases, module, inputs, hyperparameters, knowledge=knowledge)
    model.load(arrays)
    return Bundle(module, model, genes, codes, record, base_files, rotation)


def read_base_files(paths: Sequence[str], names: Sequence[str]) -> dict[str, bytes]:
    """Read the model files that another model builds on: name -> content."""
    return {name: Path(path).read_bytes() for name, path in zip(names, paths, strict=True)}


def read_bases(paths: Sequence[str], names: Sequence[str]) -> dict[str, Bundle]:
    """Load the models that another model builds on from their files."""
    return {name: load_bundle(path) for name, path in zip(names, paths, strict=True)}


def load_bases(files: Mapping[str, bytes]) -> dict[str, Bundle]:
    """Load models from the contents of their files."""
    return {name: load_bundle(io.BytesIO(content)) for name, content in files.items()}


def model_upon(
    bases: Mapping[str, Bundle],
    module: str,
    inputs: Inputs,
    hyperparameters: Mapping[str, Any],
    seed: int = 0,
    knowledge: Mapping[str, np.ndarray] | None = None,
) -> Model:
    """Make an untrained model, in the codes of others if there are such; see `make_model`."""
    if not bases:
        return make_model(module, inputs, hyperparameters, seed, knowledge)
    seen = inputs_of_codes(bases, inputs.labels)
    return InCodes(bases, make_model(module, seen, hyperparameters, seed, knowledge), inputs)


def compute_layers(path: str | BinaryIO, part: str, values: np.ndarray) -> np.ndarray:
    """Encode or decode with NumPy alone: no Keras is loaded, and no model of `tybalt.models`.

    Parameters
    ----------
    path
        ``model.zip``.
    part
        ``encoder`` (scaled values -> features) or ``decoder`` (features -> scaled values).
    values
        Rows x columns.

    Raises
    ------
    KeyError
        If the model, or one that it builds on, has no such part that is made of layers.
    """
    record, arrays, bases = _read_for_layers(path)
    rotation = arrays.get("rotation/matrix")
    if part == "encoder":
        return rotate(_compute_layers(record, arrays, bases, part, values), rotation)
    codes = rotate(values, None if rotation is None else rotation.T)
    return _compute_layers(record, arrays, bases, part, codes)


def _compute_layers(
    record: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    bases: Sequence[BinaryIO],
    part: str,
    values: np.ndarray,
) -> np.ndarray:
    """Encode to the model's own codes, or decode them."""
    steps = record[part]
    if not bases:
        return compute(steps, arrays, values)
    columns = [_columns_of_base(record["blocks"], read_record(base)["blocks"]) for base in bases]
    if part == "encoder":
        seen = zip(bases, columns, strict=True)
        codes = [_compute_base(base, part, values[:, chosen]) for base, chosen in seen]
        return compute(steps, arrays, np.concatenate(codes, axis=1))
    codes = compute(steps, arrays, values)
    decoded = np.empty((len(codes), sum(record["blocks"].values())), codes.dtype)
    start = 0
    for base, chosen in zip(bases, columns, strict=True):
        width = read_record(base)["hyperparameters"]["latent_dim"]
        decoded[:, chosen] = _compute_base(base, part, codes[:, start : start + width])
        start += width
    return decoded


def _compute_base(path: BinaryIO, part: str, values: np.ndarray) -> np.ndarray:
    return _compute_layers(*_read_for_layers(path), part, values)


@own_file
def _read_for_layers(
    path: str | BinaryIO,
) -> tuple[dict[str, Any], dict[str, np.ndarray], list[BinaryIO]]:
    """Read the record, all arrays and the models of the bases, unread."""
    with zipfile.ZipFile(path) as archive:
        record = json.loads(archive.read("model.json"))
        bases = [io.BytesIO(archive.read(f"bases/{name}.zip")) for name in record["bases"]]
        return record, _read_arrays(archive, ""), bases


def _columns_of_base(whole: Mapping[str, int], own: Mapping[str, int]) -> np.ndarray:
    """Return the columns of a base among those of a model that builds on it, by their blocks."""
    return np.flatnonzero(np.isin(np.repeat(list(whole), list(whole.values())), list(own)))


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, NO_DATE)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, data)


def _add_arrays(archive: zipfile.ZipFile, folder: str, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        _add(archive, f"{folder}{name}.npy", buffer.getvalue())


def _read_arrays(archive: zipfile.ZipFile, folder: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(folder).removesuffix(".npy"): _read_array(archive, name)
        for name in archive.namelist()
        if name.startswith(folder) and name.endswith(".npy")
    }


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    array = np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are no numbers")
    return array


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
