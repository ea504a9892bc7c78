"""A damaged file of the workflow itself is named, and what to do about it is said."""

from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest

from tybalt.analysis.planted_factors import read_factors
from tybalt.data import matrix
from tybalt.data.samples import Samples, read_codes, read_samples, write_samples
from tybalt.data.tables.events import make_events, read_events, write_events
from tybalt.jobs import adapter
from tybalt.jobs.files import read_json, read_table, write_json, write_table
from tybalt.jobs.own_files import cure
from tybalt.pages.html import inline_image
from tybalt.pages.summary import read_cost
from tybalt.plan.errors import InputError
from tybalt.plan.places import RESOURCES_FOLDER

CURE = "; delete it and run again: it is made anew"
CODES = pd.DataFrame({"sample": ["a", "b"], "z1": [1.0, 2.0], "z2": [3.0, 4.0], "z3": [5.0, 6.0]})


def make_matrix(path):
    obs = pd.DataFrame({"split": ["train", "test"]}, index=pd.Index(["a", "b"], name="sample"))
    var = pd.DataFrame({"mean": [0.0, 1.0]}, index=pd.Index(["g", "h"], name="gene"))
    matrix.write_matrix(str(path), np.eye(2, dtype=np.float32), obs, var, {"scaling": "none"})


def make_samples(path):
    write_samples(pd.DataFrame({"split": ["train", "test"]}, index=["a", "b"]), str(path))


def make_picture(path):
    from PIL import Image

    Image.new("RGB", (60, 40)).save(path)


#: Kind of file -> how it is made, and all ways in which it is read.
FILES = {
    "trial.json": (lambda path: write_json({"score": 1, "history": [1] * 9}, path), [read_json]),
    "codes.tsv.gz": (lambda path: write_table(CODES, path), [read_table]),
    "samples.tsv": (make_samples, [lambda path: read_samples(path, {})]),
    "matrix.h5ad": (
        make_matrix,
        [
            matrix.read_values,
            matrix.read_observed,
            matrix.read_blocks,
            matrix.read_parts,
            matrix.read_ids,
            lambda path: matrix.read_column(path, "split"),
            matrix.read_obs,
            matrix.read_var,
            matrix.read_features,
            matrix.read_notes,
        ],
    ),
    "events.h5ad": (
        lambda path: write_events(make_events([0], [0], ["a"], ["g"]), path),
        [read_events],
    ),
    "planted.h5ad": (
        lambda path: anndata.AnnData(np.eye(2, dtype=np.float32)).write_h5ad(path),
        [read_factors],  # whole, but without what is looked for
    ),
    "figure.png": (make_picture, [lambda path: inline_image(path, 30)]),
}

DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "junk": lambda content: b"\x00\xff junk \x1b[31m" * 40,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_with_what_to_do(name, damage, tmp_path):
    path = tmp_path / name
    make, readers = FILES[name]
    make(str(path))
    if name != "planted.h5ad":
        for read in readers:
            read(str(path))
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for read in readers:
        if (name, damage) == ("samples.tsv", "truncated"):
            continue  # cannot be told from a shorter table
        with pytest.raises(InputError) as caught:
            read(str(path))
        message = str(caught.value)
        assert message.startswith(f"{path}: cannot be read (") and message.endswith(CURE)
        assert message.isprintable() and len(message) < len(str(path)) + 220


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none.json: cannot be read \(FileNotFoundError"):
        read_json(str(tmp_path / "none.json"))


def test_messages_that_name_the_file_already_stay_as_they_are(tmp_path):
    make_matrix(tmp_path / "matrix.h5ad")
    with pytest.raises(InputError, match=r"matrix.h5ad: no sample is in the part 'validation'"):
        matrix.read_parts(str(tmp_path / "matrix.h5ad"), ["validation"])


def test_a_lost_member_is_a_damage_too(tmp_path):
    import h5py

    path = str(tmp_path / "matrix.h5ad")
    make_matrix(path)
    with h5py.File(path, "a") as file:
        del file["obs/split"]
    with pytest.raises(InputError, match=r"matrix.h5ad: cannot be read \(KeyError"):
        matrix.read_parts(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda codes: codes.drop(columns="z2"), "the column z2 is missing"),
        (lambda codes: codes.assign(z2=[np.nan, 1]), "sample 'a' has a code that is not a number"),
    ],
    ids=["lost feature", "lost value"],
)
def test_codes_that_have_lost_something_are_refused(change, message, tmp_path):
    path = str(tmp_path / "encoding.tsv.gz")
    known = Samples(pd.DataFrame({"split": ["train", "test"]}, index=["a", "b"]), {})
    write_table(CODES, path)
    assert read_codes(path, known)[1].shape == (2, 3)
    write_table(change(CODES), path)
    with pytest.raises(InputError, match=message):
        read_codes(path, known)


@pytest.mark.parametrize(
    "use",
    [
        lambda table: table["score"],
        lambda table: table.set_index("score"),
        lambda table: table.sort_values("score"),
        lambda table: list(table.groupby("score")),
        lambda table: table[table["z1"] > 1].loc[:, ["z1", "score"]],
        lambda table: table.merge(table, on="score"),
    ],
)
def test_a_table_without_the_column_that_a_job_wants_is_named(use, tmp_path):
    path = tmp_path / "trials.tsv"
    write_table(CODES, str(path))
    job = SimpleNamespace(rule="toy")
    with pytest.raises(InputError, match=rf"{path}: it lacks a column \(.*score.*\){CURE}"):
        adapter.make(lambda: use(read_table(str(path))), job, {}, {}, 0.0)


def test_other_missing_keys_stay_what_they_are():
    with pytest.raises(KeyError):
        adapter.make(lambda: {}["score"], SimpleNamespace(rule="toy"), {}, {}, 0.0)


def test_files_that_belong_to_the_workflow_are_not_to_be_deleted():
    assert "git checkout" in cure(RESOURCES_FOLDER / "cohorts.tsv")
    assert "git checkout" not in cure(RESOURCES_FOLDER / "downloads" / "x" / "clinical.json")


@pytest.mark.parametrize("text", ["", "max_rss\n1\n", "s\tmax_rss\nx\t1\n"])
def test_a_damaged_benchmark_is_named(text, tmp_path):
    (tmp_path / "demo.tsv").write_text(text)
    with pytest.raises(InputError, match="demo.tsv: .*; delete it and run again"):
        read_cost(str(tmp_path / "demo.tsv"))
