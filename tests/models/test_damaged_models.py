"""A damaged model.zip is refused by its name, whatever is wrong with it."""

import io
import json
import pickle
import shutil
import zipfile

import numpy as np
import pytest

from tybalt.plan.errors import InputError
from tybalt.training.bundle import compute_layers, load_bundle, read_bases, read_record

from .planted import plant
from .test_in_codes import trained
from .test_training import write


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    matrix = write(folder / "matrix.h5ad", plant(120, seed=4))
    return trained(matrix, folder / "base", "pca", ["expression"])


def rewrite(path, change):
    """Write the archive anew; `change` maps name and content to a content, or None to leave out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if (changed := change(name, content)) is not None:
                archive.writestr(name, changed)


def weights(change):
    """Change every array of weights."""

    def changed(name, content):
        if not name.startswith("weights/"):
            return content
        array = np.load(io.BytesIO(content))
        buffer = io.BytesIO()
        np.save(buffer, change(array))
        return buffer.getvalue()

    return lambda path: rewrite(path, changed)


def record(**values):
    """Change the record of a model."""

    def changed(name, content):
        return json.dumps(json.loads(content) | values) if name == "model.json" else content

    return lambda path: rewrite(path, changed)


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "empty": lambda path: path.write_bytes(b""),
    "no weights": lambda path: rewrite(path, lambda n, c: None if "weights" in n else c),
    "no record": lambda path: rewrite(path, lambda n, c: None if n == "model.json" else c),
    "no genes": lambda path: rewrite(path, lambda n, c: None if n == "genes.tsv" else c),
    "pickle": lambda path: rewrite(
        path, lambda n, c: pickle.dumps({"a": 1}) if n.startswith("weights") else c
    ),
    "NaN": weights(lambda array: np.full_like(array, np.nan)),
    "no module": record(module=""),
    "unknown hyperparameter": record(hyperparameters={"latent_dimension": 3}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_refused_with_its_name(damage, model, tmp_path):
    path = tmp_path / "model.zip"
    shutil.copy(model, path)
    DAMAGES[damage](path)
    with pytest.raises(InputError) as caught:
        read_bases([str(path)], ["base"])
    assert str(caught.value).startswith(f"{path}: cannot be read (")
    assert str(caught.value).endswith("; delete it and run again: it is made anew")


def test_other_doors_say_the_same(tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(b"PK")
    for read in (load_bundle, read_record, lambda p: compute_layers(p, "encoder", np.eye(2))):
        with pytest.raises(InputError, match="model.zip: cannot be read"):
            read(str(path))
