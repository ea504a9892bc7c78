"""What XLA has compiled is used again if it is whole; what is wrong with it ends no training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tybalt.jobs import adapter, compilations
from tybalt.jobs.files import write_json
from tybalt.plan.file_hashes import checksum

from .planted import TOYS, plant
from .test_checkpoint import JOB, SIZE, VAE
from .test_training import write


def train(folder: Path, temporary: Path) -> str:
    """Train in a process of its own, with its own folder for what is temporary; return its log."""
    folder.mkdir()
    temporary.mkdir(exist_ok=True)
    given = json.dumps({"training": VAE, "bases": [], "toys": str(TOYS)})
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(folder), "0", given],
        env={
            "PYTHONPATH": str(Path(adapter.__file__).parents[2]),
            "PATH": "",
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return (folder / "log.txt").read_text()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a matrix, a winner, a model, and what XLA has compiled for it."""
    folder = tmp_path_factory.mktemp("compiled")
    write(folder / "matrix.h5ad", plant(120, seed=4))
    write_json({"hyperparameters": {**SIZE, "epochs": 2}, "seed": 3}, folder / "best.json")
    train(folder / "first", folder / "tmp")
    return folder


def shared(folder: Path) -> Path:
    (found,) = (folder / "tmp").glob("tybalt-compiled-*")
    return found


def same_model(folder: Path, name: str) -> bool:
    return checksum(folder / name / "model.zip") == checksum(folder / "first" / "model.zip")


def test_what_was_compiled_is_kept_with_its_checksum_and_nothing_else_is(trained):
    entries = compilations.entries(shared(trained))
    assert len(entries) >= 2
    assert sorted(shared(trained).iterdir()) == sorted(entries)
    assert all(entry.name.endswith(f".pb.{checksum(entry)}") for entry in entries)


def test_it_is_used_again_but_for_what_is_damaged(trained):
    first, *others = compilations.entries(shared(trained))
    content = first.read_bytes()
    first.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    log = train(trained / "again", trained / "tmp")
    assert f"{first}: damaged; removed" in log and log.count("damaged") == 1
    assert same_model(trained, "again")
    assert set(others) < set(compilations.entries(shared(trained)))


def test_a_training_that_fails_with_it_begins_anew_without(trained):
    """As with a full disk, or an entry that was damaged before it was shared."""
    for entry in compilations.entries(shared(trained)):
        entry.write_bytes(b"junk")
        entry.rename(entry.with_name(f"{entry.name.rpartition('.')[0]}.{checksum(entry)}"))
    log = train(trained / "without", trained / "tmp")
    assert "beginning anew without what was compiled before: " in log
    assert same_model(trained, "without")
    assert not compilations.entries(shared(trained))


@pytest.mark.parametrize(
    "change",
    [lambda content: content[:-1], lambda _: b"", lambda _: b"junk", lambda c: b"x" + c[1:]],
    ids=["truncated", "empty", "junk", "one byte"],
)
def test_a_damaged_entry_is_removed_and_a_whole_one_lent(change, tmp_path):
    for name in ("a.pb", "b.pb"):
        path = tmp_path / name
        path.write_bytes(b"compiled " * 10)
        path.rename(tmp_path / f"{name}.{checksum(path)}")
    damaged, whole = sorted(tmp_path.iterdir())
    damaged.write_bytes(change(damaged.read_bytes()))
    own = compilations.borrow(tmp_path)
    assert [path.name for path in own.iterdir()] == ["b.pb"]
    assert not damaged.exists() and whole.exists()


def test_without_a_folder_of_its_own_nothing_is_reused(tmp_path, monkeypatch):
    monkeypatch.delenv(compilations.FLAGS, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with compilations.reused():
        assert compilations.FLAGS not in os.environ


def test_where_little_room_is_left_nothing_is_kept(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(compilations, "ROOM", 1 << 60)
    with caplog.at_level("INFO"):
        assert compilations.borrow(tmp_path) is None
    assert "little room is left on this disk" in caplog.text
    assert not list(tmp_path.iterdir())


def test_folders_of_dead_jobs_are_removed_and_the_oldest_entries_go(tmp_path, monkeypatch):
    monkeypatch.setattr(compilations, "MOST", 2)
    (tmp_path / "job-99999999-abc").mkdir()
    own = compilations.borrow(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [own.name]
    for number in range(4):
        (own / f"{number}.pb").write_text(str(number))
    compilations.give_back(own, tmp_path)
    assert len(compilations.entries(tmp_path)) == 2
