"""Compare the results of two versions of the workflow, byte by byte.

    python tools/compare_results.py BEFORE AFTER --renames tools/renames.yaml

Names that changed between the versions are translated in BEFORE: paths of files, columns of
tables, and values in columns. Left out is what holds times: logs, benchmarks, provenance, the
report, checkpoints. One line for each file that differs, is gone or is new; exit status 1 if
there is any.
"""

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

#: Files that differ between any two runs, or that no run makes.
_LEFT_OUT = re.compile(r"(^|/)(logs|benchmarks|checkpoints|\.[^/]*)/|\.provenance\.json$")
_LEFT_OUT_FILES = ("report.html", "README.md")

#: Where nothing was renamed.
NO_RENAMES: Mapping[str, Any] = {}


def compare(before: Path, after: Path, renames: Mapping[str, Any]) -> dict[str, list[str]]:
    """Sort the files of two folders of results by what became of them.

    Parameters
    ----------
    before, after
        Two `results_dir`.
    renames
        Names of `before` -> those of `after`:

        - ``files``: regular expression -> replacement, on the path below the folder;
        - ``columns``: name -> name, in the header of any table, and of keys in JSON and HDF5;
        - ``values``: column (new name) -> {value: value};
        - ``dropped``: name of a table -> its columns (new names) to leave out of both.

    Returns
    -------
    dict
        ``same``, ``differ``, ``gone`` (old paths) and ``new``: paths below the folder, sorted.
    """
    old = {rename_file(path, renames): path for path in result_files(before)}
    new = set(result_files(after))
    shared = sorted(old.keys() & new)
    same = [p for p in shared if _equal(before / old[p], after / p, renames)]
    return {
        "same": same,
        "differ": [path for path in shared if path not in set(same)],
        "gone": sorted(old[path] for path in old.keys() - new),
        "new": sorted(new - old.keys()),
    }


def result_files(folder: Path) -> Iterator[str]:
    """Yield the paths, below the folder, of all files that two equal runs make equal."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not _LEFT_OUT.search(name) and path.name not in _LEFT_OUT_FILES:
            yield name


def rename_file(path: str, renames: Mapping[str, Any]) -> str:
    """Return the path under its new name; the renames apply one after the other."""
    for pattern, replacement in renames.get("files", {}).items():
        path = re.sub(pattern, replacement, path)
    return path


def rename_columns(table: bytes, renames: Mapping[str, Any], dropped: Collection[str]) -> bytes:
    """Return a tab-separated table with its columns and their values under the new names.

    The fields are neither parsed nor written anew, so all other bytes stay.

    Parameters
    ----------
    dropped
        Columns (new names) to leave out.
    """
    names, values = renames.get("columns", {}), renames.get("values", {})
    header, *rows = (line.split("\t") for line in table.decode().splitlines())
    header = [names.get(name, name) for name in header]
    kept = [i for i, name in enumerate(header) if name not in dropped]
    shown = ["\t".join(header[i] for i in kept)]
    for row in rows:
        if len(row) == len(header):  # else a field has a line break: the row is left alone
            row = [values.get(header[i], {}).get(row[i], row[i]) for i in kept]
        shown.append("\t".join(row))
    return "\n".join(shown).encode()


def rename_keys(value: Any, renames: Mapping[str, Any]) -> Any:
    """Return what a JSON file holds with its keys under the new names, at any depth."""
    names = renames.get("columns", {})
    if isinstance(value, dict):
        return {names.get(key, key): rename_keys(item, renames) for key, item in value.items()}
    return [rename_keys(item, renames) for item in value] if isinstance(value, list) else value


def flatten_hdf5(path: Path, renames: Mapping[str, Any]) -> dict[str, str]:
    """Return every array of an HDF5 file and the attributes of every group, as text.

    Parts of their paths, and words in arrays of text, are under the new names.
    """
    names, values = renames.get("columns", {}), renames.get("values", {})
    found: dict[str, str] = {}

    def renamed(words: Any, known: Mapping[str, str]) -> Any:
        array = np.asarray(words)
        if array.dtype.kind not in "OSU":
            return array
        text = [x.decode() if isinstance(x, bytes) else str(x) for x in array.ravel()]
        return [known.get(word, word) for word in text]

    def visit(name: str, item: h5py.HLObject) -> None:
        parts = [names.get(part, part) for part in name.split("/")]
        key = "/".join(parts)
        for attribute, words in item.attrs.items():
            found[f"{key}@{attribute}"] = _digest(renamed(words, names))
        if isinstance(item, h5py.Dataset):
            column = parts[-2] if parts[-1] == "categories" else parts[-1]
            found[key] = _digest(renamed(item[()], values.get(column, {})))

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def _digest(values: Any) -> str:
    data = values.tobytes() if isinstance(values, np.ndarray) else repr(values).encode()
    return hashlib.sha256(data).hexdigest()


def _equal(before: Path, after: Path, renames: Mapping[str, Any]) -> bool:
    old, new = before.read_bytes(), after.read_bytes()
    if old == new:
        return True
    if after.suffix == ".json":
        return rename_keys(json.loads(old), renames) == json.loads(new)
    if after.suffix == ".h5ad":
        return flatten_hdf5(before, renames) == flatten_hdf5(after, NO_RENAMES)
    if not re.search(r"\.tsv(\.gz)?$", after.name):
        return False
    if after.suffix == ".gz":
        old, new = gzip.decompress(old), gzip.decompress(new)
    dropped = renames.get("dropped", {}).get(after.name, [])
    return rename_columns(old, renames, dropped) == rename_columns(new, NO_RENAMES, dropped)


def main() -> int:
    """Compare two folders of results; 1 if any file differs, is gone or is new."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renames", type=Path, help="YAML of old and new names")
    arguments = parser.parse_args()
    renames = NO_RENAMES
    if arguments.renames:
        renames = yaml.safe_load(arguments.renames.read_text(encoding="utf-8"))
    found = compare(arguments.before, arguments.after, renames)
    for became in ("differ", "gone", "new"):
        for path in found[became]:
            print(f"{became}\t{path}")
    print(", ".join(f"{len(paths)} {became}" for became, paths in found.items()), file=sys.stderr)
    return int(any(found[became] for became in ("differ", "gone", "new")))


if __name__ == "__main__":
    sys.exit(main())
