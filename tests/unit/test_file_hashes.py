"""Hashes of users' files: by content, taken once for a path, size and time."""

import json
import os

from tybalt.plan import file_hashes
from tybalt.plan.file_hashes import hash_files


def test_content_decides_and_not_the_time(tmp_path):
    file, kept = tmp_path / "a.tsv", tmp_path / "kept.json"
    file.write_text("one")
    first = hash_files([str(file)], kept)
    os.utime(file, (0, 0))
    assert hash_files([str(file)], kept) == first and len(first[0]) == 16
    file.write_text("two")
    os.utime(file, (0, 0))  # of the same size and time as before
    assert hash_files([str(file)], kept) != first


def test_a_file_is_read_once(tmp_path, monkeypatch):
    file, kept = tmp_path / "a.tsv", tmp_path / "kept.json"
    file.write_text("one")
    first = hash_files([str(file)], kept)
    assert list(json.loads(kept.read_text())) == [str(file)]
    monkeypatch.setattr(file_hashes.hashlib, "file_digest", None)  # would fail
    assert hash_files([str(file)], kept) == first


def test_what_cannot_be_kept_or_read_does_no_harm(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("one")
    first = hash_files([str(file)], tmp_path / "absent" / "kept.json")
    kept = tmp_path / "kept.json"
    for damaged in ("{", "null", "[]"):
        kept.write_text(damaged)
        assert hash_files([str(file)], kept) == first
    assert hash_files([str(tmp_path / "gone"), str(tmp_path)], kept) == [
        "No such file or directory",
        "Is a directory",
    ]
