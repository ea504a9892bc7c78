"""tools/compare_results.py: equal under renames is equal, and any other byte is not."""

import gzip
import json

import h5py
import numpy as np
import pytest

import compare_results as tool

RENAMES = {
    "files": {r"maps\.tsv": "quality.tsv"},
    "columns": {"question": "contrast", "contrast": "description"},
    "values": {"group": {"signal": "named"}},
    "dropped": {"quality.tsv": ["seed"]},
}


def write(folder, table="question\tcontrast\tgroup\tvalue\nsex\tf\tsignal\t0.10\n", number=1.0):
    """Write results as the older version names them."""
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / "a.log").write_text(str(folder))
    (folder / "maps.tsv").write_text("of\tseed\tquestion\nx\t7\tsignal\n")
    (folder / "found.tsv.gz").write_bytes(gzip.compress(table.encode()))
    (folder / "best.json").write_text(json.dumps({"a": [{"question": 1}]}))
    with h5py.File(folder / "study.h5ad", "w") as file:
        file.attrs["x"] = 1
        file["uns/question/0"] = np.array([number])
        file["uns/group/categories"] = np.array([b"signal", b"question"])
        file["uns"].attrs["column-order"] = np.array(["question", "group"], dtype=object)
    return folder


def write_new(folder, value="0.10", number=1.0, category=b"named"):
    (folder / "logs").mkdir(parents=True)
    (folder / "quality.tsv").write_text("of\tcontrast\nx\tsignal\n")
    table = f"contrast\tdescription\tgroup\tvalue\nsex\tf\tnamed\t{value}\n"
    (folder / "found.tsv.gz").write_bytes(gzip.compress(table.encode(), mtime=5))
    (folder / "best.json").write_text(json.dumps({"a": [{"contrast": 1}]}))
    with h5py.File(folder / "study.h5ad", "w") as file:
        file["uns/contrast/0"] = np.array([number])
        file["uns/group/categories"] = np.array([category, b"question"])
        file["uns"].attrs["column-order"] = np.array(["contrast", "group"], dtype=object)
    return folder


def test_renamed_results_are_the_same(tmp_path):
    found = tool.compare(write(tmp_path / "a"), write_new(tmp_path / "b"), RENAMES)
    everything = ["best.json", "found.tsv.gz", "quality.tsv", "study.h5ad"]
    assert found == {"same": everything, "differ": [], "gone": [], "new": []}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"value": "0.1"}, "found.tsv.gz"),
        ({"number": np.nextafter(1.0, 2)}, "study.h5ad"),
        ({"category": b"signal"}, "study.h5ad"),
    ],
)
def test_any_other_difference_is_one(tmp_path, change, differs):
    found = tool.compare(write(tmp_path / "a"), write_new(tmp_path / "b", **change), RENAMES)
    assert found["differ"] == [differs]


def test_without_renames_files_are_gone_and_new(tmp_path):
    found = tool.compare(write(tmp_path / "a"), write_new(tmp_path / "b"), {})
    assert (found["gone"], found["new"]) == (["maps.tsv"], ["quality.tsv"])
    assert found["differ"] == ["best.json", "found.tsv.gz", "study.h5ad"]


def test_the_command_says_what_differs(tmp_path, capsys, monkeypatch):
    write(tmp_path / "a")
    write(tmp_path / "b", table="question\nage\n")
    monkeypatch.setattr("sys.argv", ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    assert tool.main() == 1
    printed = capsys.readouterr()
    assert printed.out == "differ\tfound.tsv.gz\n"
    assert printed.err == "3 same, 1 differ, 0 gone, 0 new\n"
