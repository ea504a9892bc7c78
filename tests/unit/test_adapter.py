"""The adapter binds by name, stages outputs and logs errors."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tybalt.jobs import accelerator, adapter
from tybalt.jobs.files import read_json
from tybalt.plan.errors import InputError


class Named(dict):
    """Stands for Snakemake's named lists: items() gives names, iteration gives values."""

    def __iter__(self):
        return iter(self.values())


@pytest.fixture(autouse=True)
def keep_logging(monkeypatch):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.excepthook", None)
    yield
    logging.captureWarnings(False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def keep_threads(monkeypatch):
    monkeypatch.setattr(adapter, "limit_threads", lambda threads: None)


def job(tmp_path, **names):
    return SimpleNamespace(
        rule="toy",
        input=Named(names.get("input", {})),
        output=Named({key: str(tmp_path / value) for key, value in names["output"].items()}),
        params=Named(names.get("params", {})),
        wildcards=Named({"dataset": "demo"}),
        threads=3,
        resources=names.get("resources", {}),
        config={"training": {"backend": "tensorflow"}},
        log=[str(tmp_path / "logs" / "toy.log")],
    )


def test_values_reach_the_argument_of_their_name_and_code_does_not(tmp_path):
    def toy(source, factor, threads, table):
        Path(table).write_text(f"{source} {factor} {threads}")

    snakemake = job(
        tmp_path,
        input={"source": "a.tsv"},
        params={"factor": 2, "code": "abc"},
        output={"table": "out.tsv"},
    )
    adapter.run(toy, snakemake)
    assert (tmp_path / "out.tsv").read_text() == "a.tsv 2 3"


@pytest.mark.parametrize("params", [{}, {"factor": 2, "facto": 3}])
def test_a_rule_and_a_function_that_disagree_are_refused(tmp_path, params):
    def toy(factor, table):
        raise AssertionError("must not run")

    with pytest.raises(TypeError, match="takes"):
        adapter.run(toy, job(tmp_path, params=params, output={"table": "out.tsv"}))


def test_a_failing_function_leaves_no_file(tmp_path):
    def toy(table):
        Path(table).write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        adapter.run(toy, job(tmp_path, output={"table": "out.tsv"}))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_left_overs_of_dead_jobs_are_removed_and_of_living_ones_kept(tmp_path):
    own = Path(adapter.stage(str(tmp_path / "out.tsv")))
    own.write_text("alive")
    dead = own.with_name(own.name.replace(f"-{os.getpid()}-", "-99999999-"))
    dead.write_text("dead")
    adapter.stage(str(tmp_path / "out.tsv"))
    assert own.exists()
    assert not dead.exists()


# Folders


def make_folder(folder):
    """Write two files, one of them a folder below."""
    (Path(folder) / "deep").mkdir(parents=True)
    (Path(folder) / "a.tsv").write_text("a")
    (Path(folder) / "deep" / "b.tsv").write_text("b")


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_is_made_under_another_name_and_renamed_whole(tmp_path):
    seen = []

    def toy(clusters):
        make_folder(clusters)
        seen.append(Path(clusters))
        assert not (tmp_path / "clusters").exists()

    adapter.run(toy, job(tmp_path, output={"clusters": "clusters"}))
    assert seen[0].parent == tmp_path and seen[0].name.startswith(".")
    assert names_in(tmp_path / "clusters") == ["a.tsv", "deep", "deep/b.tsv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clusters", "logs"]


def test_a_folder_that_stands_there_is_replaced_whole(tmp_path):
    """Snakemake has removed an older one; this one is of a job that it has lost."""
    older = tmp_path / "clusters"
    older.mkdir()
    for name in (".snakemake_timestamp", "of_the_older.tsv"):
        (older / name).touch()
    adapter.run(lambda clusters: make_folder(clusters), job(tmp_path, output={"clusters": older}))
    assert names_in(older) == ["a.tsv", "deep", "deep/b.tsv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clusters", "logs"]


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    synced = []

    def fsync(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        assert not (tmp_path / "out.tsv").exists() and not (tmp_path / "clusters").exists()

    monkeypatch.setattr(os, "fsync", fsync)
    adapter.put_in_place(written(tmp_path / ".a"), tmp_path / "out.tsv")
    (tmp_path / "out.tsv").unlink()
    make_folder(tmp_path / ".clusters")
    adapter.put_in_place(tmp_path / ".clusters", tmp_path / "clusters")
    names = [path.name for path in synced]
    assert names[:2] == [".a", ".clusters"] and {"a.tsv", "b.tsv", "deep"} <= set(names)


def written(path):
    path.write_text("x")
    return path


def test_a_failing_function_leaves_no_folder(tmp_path):
    def toy(clusters):
        make_folder(clusters)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        adapter.run(toy, job(tmp_path, output={"clusters": "clusters"}))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_folders_that_dead_jobs_left_staged_are_removed_and_of_living_ones_kept(tmp_path):
    own = Path(adapter.stage(str(tmp_path / "clusters")))
    dead = own.with_name(own.name.replace(f"-{os.getpid()}-", "-99999999-"))
    for folder in (own, dead):
        make_folder(folder)
    adapter.stage(str(tmp_path / "clusters"))
    assert names_in(own) == ["a.tsv", "deep", "deep/b.tsv"]
    assert not dead.exists()


def test_a_job_that_asks_for_an_accelerator_does_not_begin_without_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_GPUS", "0")
    monkeypatch.setattr(accelerator, "devices", lambda backend: [])

    def toy(table):
        Path(table).touch()

    asking = job(tmp_path, output={"table": "out.tsv"}, resources={"accelerator": 1})
    with pytest.raises(InputError, match="SLURM_JOB_GPUS=0"):
        adapter.run(toy, asking)
    assert not (tmp_path / "out.tsv").exists()
    adapter.run(toy, job(tmp_path, output={"table": "out.tsv"}))
    assert (tmp_path / "out.tsv").exists(), "a job that asks for none needs none"


def test_staged_names_keep_the_suffix(tmp_path):
    assert adapter.stage(str(tmp_path / "a.tsv.gz")).endswith(".tsv.gz")


def test_provenance_is_written_beside_and_names_versions(tmp_path):
    def toy(table):
        Path(table).write_text("x")

    adapter.run(toy, job(tmp_path, output={"table": "out.tsv", "provenance": "p.json"}))
    record = read_json(tmp_path / "p.json")
    assert record["wildcards"] == {"dataset": "demo"}
    assert record["packages"]["numpy"]
    assert record["threads"] == 3
    assert record["accelerator"]["check"] == "on"
