"""A training that was killed ends as if it had not been; what does not fit is not taken."""

import contextlib
import json
import logging
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tybalt.jobs import adapter, checkpoint, orphans
from tybalt.jobs.checkpoint import Checkpoint, Progress
from tybalt.jobs.files import write_json
from tybalt.training.rows import make_inputs
from tybalt.training.train import fit_and_keep_best

from .planted import TOYS, plant
from .test_in_codes import trained
from .test_training import ELBO, RECONSTRUCTION, write

VAE = {**ELBO, "module": "vae"}

IDENTITY = {"code": "c0de", "seed": 1, "threads": 2, "hyperparameters": {"depth": 0}}
DATA = [np.arange(6.0, dtype=np.float32).reshape(2, 3)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(checkpoint, "MINIMUM_SECONDS", 0)


# kill -9, with a real model, through the adapter

JOB = """
import json, os, signal, sys
import tybalt.models
from types import SimpleNamespace
from tybalt.jobs import adapter
from tybalt.jobs import checkpoint
from tybalt.training import train as training

folder, killed_after, given = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
tybalt.models.__path__.append(given["toys"])
noted = training.note

def note(progress, record, *others):
    noted(progress, record, *others)
    if record["epoch"] == killed_after:
        os.kill(os.getpid(), signal.SIGKILL)

training.note = note
checkpoint.MINIMUM_SECONDS = 0
adapter.run(training.train_model, SimpleNamespace(
    rule="train_model",
    input={
        "matrix": f"{folder}/../matrix.h5ad",
        "bases": given["bases"],
        "best": f"{folder}/../best.json",
    },
    output={"model": f"{folder}/model.zip", "history": f"{folder}/history.tsv"},
    params={
        "training": given["training"],
        "rotation": "none",
        "code": "c0de",
    },
    config={"training": {"checkpoint_every": 2}},
    wildcards={}, threads=1, resources={}, log=[f"{folder}/log.txt"],
))
"""


def run_job(folder: Path, killed_after: int = 0, training=VAE, bases=()) -> str:
    """Train in a process of its own, which may kill itself after an epoch; return its log."""
    folder.mkdir(exist_ok=True)
    given = json.dumps({"training": training, "bases": list(bases), "toys": str(TOYS)})
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(folder), str(killed_after), given],
        env={"PYTHONPATH": str(Path(adapter.__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == (-signal.SIGKILL if killed_after else 0), done.stderr[-3000:]
    return (folder / "log.txt").read_text()


SIZE = {"latent_dim": 4, "batch_size": 32, "epochs": 8}
#: With a warm-up and moving averages; with two players; with two predictions; in codes of PCA.
KILLED = {
    "vae": {
        **SIZE,
        "kappa": 0.25,
        "depth": 1,
        "hidden_dim": 6,
        "heads": "batchnorm_relu",
        "start": "random",
    },
    "two_players": SIZE,
    "two_predictions": {**SIZE, "kappa": 0.25},
    "linear_autoencoder": SIZE,
}


@pytest.mark.parametrize("module", KILLED)
def test_a_killed_training_ends_like_an_undisturbed_one(module, tmp_path):
    matrix = write(tmp_path / "matrix.h5ad", plant(120, seed=4))
    job = {"training": VAE if module == "vae" else {**RECONSTRUCTION, "module": module}}
    if module == "linear_autoencoder":
        job["bases"] = [trained(matrix, tmp_path / "base", "pca", ["expression"])]
        job["training"] = {**job["training"], "bases": ["base"]}
    write_json({"hyperparameters": KILLED[module], "seed": 3}, tmp_path / "best.json")
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    run_job(undisturbed, **job)
    run_job(disturbed, killed_after=5, **job)
    assert not (disturbed / "model.zip").exists()
    log = run_job(disturbed, **job)
    assert "going on after epoch 4" in log and "epoch 5:" in log and "epoch 4:" not in log
    for name in ("model.zip", "history.tsv"):  # weights, score and warnings are in the model
        assert (disturbed / name).read_bytes() == (undisturbed / name).read_bytes(), name
    for folder in (undisturbed, disturbed):
        assert not list(folder.rglob("*.npz")), "checkpoints are removed"
        orphans.release([str(folder / "model.zip")])
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["history.tsv", "log.txt", "model.zip"], "and so is what was kept"


# Best epoch, patience and history: without any model


class Killed(BaseException):
    pass


class Scripted:
    """Has the scores it is told and, as its weights, the number of the epoch."""

    inputs = make_inputs(["g"] * 10)

    def __init__(self, scores, warm_from, killed_after=None):
        self.hp = SimpleNamespace(epochs=len(scores))
        self.scores, self.warm_from, self.killed_after = scores, warm_from, killed_after
        self.weights = np.array(0)

    def fit(self, train, validation, seed, first_epoch=1):
        assert self.weights == first_epoch - 1, "the state does not belong to the epoch"
        for epoch in range(first_epoch, len(self.scores) + 1):
            self.weights = np.array(epoch)
            mse = self.scores[epoch - 1] / 3
            eligible = epoch >= self.warm_from
            yield {"epoch": epoch, "loss": 1.0, "validation_mse": mse, "eligible": eligible}
            if epoch == self.killed_after:
                raise Killed

    def arrays(self):
        return {"dense/kernel": self.weights}

    def load(self, arrays):
        self.weights = arrays["dense/kernel"]

    state, resume = arrays, load


def fit(model, patience=0, folder=None, every=1, identity=IDENTITY, data=DATA):
    kept = None if folder is None else Checkpoint(str(folder), every, identity, data)
    result = fit_and_keep_best(model, None, None, 0, "reconstruction", patience, kept)
    return result, int(model.weights)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 4), min_size=1, max_size=9),
    warm_from=st.integers(1, 6),
    patience=st.integers(0, 3),
    every=st.integers(1, 3),
    kills=st.lists(st.integers(1, 9), max_size=3),
)
def test_wherever_it_is_killed(tmp_path_factory, scores, warm_from, patience, every, kills):
    folder = tmp_path_factory.mktemp("checkpoints")
    expected = fit(Scripted(scores, warm_from), patience)
    for killed_after in kills:
        with contextlib.suppress(Killed):
            fit(Scripted(scores, warm_from, killed_after), patience, folder, every)
    assert fit(Scripted(scores, warm_from), patience, folder, every) == expected


def test_a_short_training_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "MINIMUM_SECONDS", 20)
    fit(Scripted([3, 2, 1], 1), folder=tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()


def test_nothing_is_kept_once_no_epoch_is_left(tmp_path):
    fit(Scripted([1], 1), folder=tmp_path / "checkpoints")  # a closed form has one epoch only
    assert not (tmp_path / "checkpoints").exists()


# What does not fit is not taken


def saved(folder, **changed):
    """Leave a checkpoint behind; return the file."""
    with pytest.raises(Killed):
        fit(Scripted([3, 1, 2, 4], 1, killed_after=3), folder=folder, **changed)
    (path,) = folder.glob("*.npz")
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"identity": {**IDENTITY, "code": "other"}},
        {"identity": {**IDENTITY, "threads": 1}},
        {"identity": {**IDENTITY, "seed": 2}},
        {"identity": {**IDENTITY, "hyperparameters": {"depth": 1}}},
        {"data": [DATA[0] + 1]},
        {"data": [DATA[0].T]},
    ],
    ids=["code", "threads", "seed", "hyperparameters", "values", "shape"],
)
def test_a_checkpoint_of_something_else_is_ignored(changed, tmp_path, caplog):
    path = saved(tmp_path, **changed)
    with caplog.at_level(logging.INFO):
        result, weights = fit(Scripted([3, 1, 2, 4], 1), folder=tmp_path)
    assert (result.best_epoch, weights) == (2, 2)
    assert f"{path}: of other code, settings, data or threads; ignored" in caplog.text
    assert "epoch 1:" in caplog.text


def test_a_checkpoint_of_a_longer_run_is_ignored(tmp_path, caplog):
    path = saved(tmp_path)  # after 3 of 4 epochs
    with caplog.at_level(logging.INFO):
        result, _ = fit(Scripted([3, 1], 1), folder=tmp_path)
    assert (result.best_epoch, result.history["epoch"]) == (2, [1, 2])
    assert f"{path}: of a longer run (epoch 3); ignored" in caplog.text


def flip_a_bit(content: bytes) -> bytes:
    middle = content.index(b"NUMPY") + 140  # in the first array, behind its header
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [lambda content: content[: len(content) // 2], flip_a_bit, lambda _: b"", lambda _: b"junk"],
    ids=["half", "one bit", "empty", "junk"],
)
def test_a_spoilt_checkpoint_is_ignored(spoil, tmp_path, caplog):
    path = saved(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with caplog.at_level(logging.INFO):
        assert fit(Scripted([3, 1, 2, 4], 1), folder=tmp_path)[1] == 2
    assert f"{path}: cannot be read" in caplog.text
    assert "epoch 1:" in caplog.text


def test_a_writer_that_was_killed_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    def half(file, progress, state):
        file.write(b"PK")
        raise Killed

    path = saved(tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(checkpoint, "write", half)
    with pytest.raises(Killed):
        fit(Scripted([3, 1, 2, 4, 5], 1), folder=tmp_path)
    assert path.read_bytes() == before


def test_numbers_come_back_to_the_last_bit(tmp_path):
    history = {"epoch": [1, 2], "loss": [1 / 3, float("inf")], "eligible": [False, True]}
    state = {"a/kernel": np.float32([0.1, np.nan]), "optimizer/0": np.array(7, dtype=np.int64)}
    kept = Checkpoint(str(tmp_path), 1, IDENTITY, DATA)
    kept.save(Progress(history, 2, {"a/kernel": np.float32([0.1])}, 3), state)
    progress, again = Checkpoint(str(tmp_path), 1, IDENTITY, DATA).load()
    assert progress.history == history
    assert (progress.best_epoch, progress.since_best, progress.epochs) == (2, 3, 2)
    for name, array in state.items():
        assert again[name].dtype == array.dtype
        assert again[name].tobytes() == array.tobytes()
    with zipfile.ZipFile(kept.path) as archive:
        assert archive.testzip() is None


# The adapter


def job(tmp_path):
    return SimpleNamespace(
        rule="toy",
        input={},
        output={"trial": str(tmp_path / "e0.json")},
        params={"code": "c0de"},
        config={"training": {"checkpoint_every": 7}},
        wildcards={},
        threads=3,
        resources={},
        log=[str(tmp_path / "logs" / "toy.log")],
    )


@pytest.fixture
def quiet_adapter(monkeypatch):
    monkeypatch.setattr(adapter, "start_log", lambda path: None)
    monkeypatch.setattr(adapter, "limit_threads", lambda threads: None)


def test_the_adapter_says_where_and_removes_it_after_success(tmp_path, quiet_adapter):
    def train(trial, checkpoint):
        folder = tmp_path / "checkpoints" / "e0.json"
        assert checkpoint == {"folder": str(folder), "every": 7, "code": "c0de", "threads": 3}
        (folder / "x.npz").write_text("x")
        Path(trial).write_text("done")

    adapter.run(train, job(tmp_path))
    (kept,) = (tmp_path / "checkpoints" / "e0.json").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == ["checksums.json", "trial"]
    adapter.run(lambda trials, trial: Path(trial).write_text("read"), reader(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e0.json", "read.json"]


def reader(tmp_path):
    """A job that reads what the other has made."""
    reading = job(tmp_path)
    reading.input = {"trials": [str(tmp_path / "e0.json")]}
    reading.output = {"trial": str(tmp_path / "read.json")}
    reading.params = {"code": "c0de"}
    return reading


def test_what_a_job_has_made_is_not_made_again_if_snakemake_forgot_it(tmp_path, quiet_adapter):
    calls = []

    def train(trial, checkpoint, seed):
        calls.append(seed)
        Path(trial).write_text(f"seed {seed}")

    def run(seed):
        (tmp_path / "e0.json").unlink(missing_ok=True)  # as Snakemake does
        again = job(tmp_path)
        again.params = {"code": "c0de", "seed": seed}
        adapter.run(train, again)
        return (tmp_path / "e0.json").read_text()

    assert [run(1), run(1), run(2), run(2)] == ["seed 1", "seed 1", "seed 2", "seed 2"]
    assert calls == [1, 2]


@pytest.mark.parametrize("spoilt", ["trial", "checksums.json"])
def test_a_result_that_was_damaged_in_place_is_made_again(spoilt, tmp_path, quiet_adapter, caplog):
    calls = []

    def train(trial, checkpoint):
        calls.append(trial)
        Path(trial).write_text("whole")

    adapter.run(train, job(tmp_path))
    (kept,) = (tmp_path / "checkpoints" / "e0.json").glob("done-*")
    assert (kept / "trial").samefile(tmp_path / "e0.json")
    with (kept / spoilt).open("r+") as file:
        file.write("xx")
    (tmp_path / "e0.json").unlink()  # as Snakemake does
    with caplog.at_level(logging.INFO):
        adapter.run(train, job(tmp_path))
    assert f"{kept}: made before, but damaged since; made again" in caplog.text
    assert len(calls) == 2
    assert (tmp_path / "e0.json").read_text() == "whole"


def test_a_folder_is_kept_without_copying_and_taken_over_whole(tmp_path, quiet_adapter):
    calls = []

    def make(clusters, checkpoint):
        calls.append(clusters)
        (Path(clusters) / "deep").mkdir(parents=True)
        (Path(clusters) / "deep" / "a.tsv").write_text("a")

    clusters = tmp_path / "clusters"
    making = job(tmp_path)
    making.output = {"clusters": str(clusters)}
    adapter.run(make, making)
    (clusters / ".snakemake_timestamp").touch()  # as Snakemake does
    (kept,) = (tmp_path / "checkpoints" / "clusters").glob("done-*/clusters")
    assert (kept / "deep" / "a.tsv").samefile(clusters / "deep" / "a.tsv")
    shutil.rmtree(clusters)  # as Snakemake does, before it runs a job again
    adapter.run(make, making)
    assert len(calls) == 1
    assert [str(path.relative_to(clusters)) for path in clusters.rglob("*.*")] == ["deep/a.tsv"]
    reading = reader(tmp_path)
    reading.input = {"trials": str(clusters)}
    adapter.run(lambda trials, trial: Path(trial).write_text("read"), reading)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clusters", "read.json"]


def test_an_input_folder_counts_by_the_files_in_it(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    file = tmp_path / "in" / "deep" / "a.tsv"
    file.write_text("a")
    before = orphans.identity({}, [str(tmp_path / "in")], 1)
    assert orphans.identity({}, [str(tmp_path / "in")], 1) == before
    file.write_text("ab")
    assert orphans.identity({}, [str(tmp_path / "in")], 1) != before


WAITING = """
import sys, time
from pathlib import Path
from tybalt.jobs.orphans import claim

with claim(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read() if sys.argv[2] == "hold" else None
"""


def start_claim(folder, how):
    return subprocess.Popen(
        [sys.executable, "-c", WAITING, str(folder), how],
        env={"PYTHONPATH": str(Path(adapter.__file__).parents[2]), "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", ["ends", "is killed"])
def test_a_second_job_for_the_same_output_waits_for_the_first(ending, tmp_path):
    folder = tmp_path / "checkpoints" / "e0.json"
    first = start_claim(folder, "hold")
    assert first.stdout.readline() == "claimed\n"
    second = start_claim(folder, "take")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=1.5)
    first.kill() if ending == "is killed" else first.stdin.close()
    assert second.communicate(timeout=20)[0] == "claimed\n"
    first.wait()
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_checkpoints_of_failed_and_of_other_jobs_stay(tmp_path, quiet_adapter):
    def fail(trial, checkpoint):
        raise RuntimeError("stop")

    def succeed(trial, checkpoint):
        Path(trial).write_text("done")

    for name in ("e0.json", "e1.json"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "x.npz").touch()
    with pytest.raises(RuntimeError):
        adapter.run(fail, job(tmp_path))
    assert (tmp_path / "checkpoints" / "e0.json").exists()
    adapter.run(succeed, job(tmp_path))
    orphans.release([str(tmp_path / "e0.json")])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["e1.json"]
